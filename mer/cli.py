"""End every command with one sentence and the documented exit status; decorate its `main` with `guarded`.

Exit status: 2 a problem that the user can solve, 130 Ctrl-C, 143 SIGTERM; a bug of ours keeps its traceback (1).

Contract: a `guarded` command leaves no child process, and ends within `GRACE` seconds after a signal.
"""

from __future__ import annotations

import functools
import io
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec

from mer.errors import is_users
from mer.utils.console import say_error

#: Most seconds between a signal and the end of the process.
GRACE = 8.0
#: Message for each signal.
ENDED = {signal.SIGINT: "interrupted", signal.SIGTERM: "ended by SIGTERM"}

P = ParamSpec("P")

_advice: list[tuple[str, Path | None]] = []
_began: list[float] = []


def guarded(command: Callable[P, int | None]) -> Callable[P, int]:
    """Return the command so that it prints errors in one sentence and returns its exit status."""

    @functools.wraps(command)
    def main(*args: P.args, **kwargs: P.kwargs) -> int:
        _advice.clear()
        _began[:] = [time.perf_counter()]
        if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal in ASCII or cp1252 cannot print every person's name
            sys.stdout.reconfigure(errors="backslashreplace")
        with _signals() as received:
            try:
                return command(*args, **kwargs) or 0
            except BaseException as error:
                end_children()
                if received:  # whatever became of the exception on its way here
                    return _say_ended(received[0])
                if isinstance(error, KeyboardInterrupt):
                    return _say_ended(signal.SIGINT)
                if not is_users(error):
                    raise  # a defect of ours keeps its traceback; argparse and Hydra end with a status of their own
                if isinstance(error, BrokenPipeError):  # the reader, `head` say, has gone: nothing more to tell it
                    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                    return 1
                say_error(error)
                return 2

    return main


def advise(text: str, *, needs: Path | None = None) -> None:
    """Set the advice printed after a signal, instead of "the same command goes on".

    Args:
        text: the advice.
        needs: a file without which it would not work, for example because a run has not begun.
    """
    _advice[:] = [(text, needs)]


def seconds_running() -> float:
    """Return the seconds since the command started; 0 without a command, as in a notebook."""
    return time.perf_counter() - _began[0] if _began else 0.0


def end_children() -> None:
    """Kill every child process started through `multiprocessing`: workers and data loaders."""
    for child in multiprocessing.active_children():
        child.kill()


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Turn SIGINT and SIGTERM into KeyboardInterrupt; yield the list of signals received so far."""
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def stop(number: int, frame: object) -> None:
        received.append(number)
        if len(received) > 1:  # asked for twice
            _end_at_once(received[0])
        # what is busy in a library, or swallows the exception, does not keep the process alive
        timer = threading.Timer(GRACE, _end_at_once, (number,))
        timer.daemon = True
        timer.start()
        timers.append(timer)
        raise KeyboardInterrupt

    timers: list[threading.Timer] = []
    before = {number: signal.signal(number, stop) for number in ENDED}
    try:
        yield received
    finally:
        for timer in timers:
            timer.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)


def _say_ended(number: int) -> int:
    """Print that a signal ended the command; return the exit status of that signal."""
    if os.environ.get("LOCAL_RANK", "0") == "0":  # once for all processes of a training over several devices
        given = [text for text, needs in _advice if needs is None or needs.is_file()]
        advice = given[0] if given else "the same command goes on with what is missing"
        say_error(f"{ENDED[signal.Signals(number)]}; what is finished is kept, {advice}")
    return 128 + number


def _end_at_once(number: int) -> None:
    end_children()
    os._exit(_say_ended(number))
