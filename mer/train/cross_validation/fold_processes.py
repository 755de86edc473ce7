"""Train folds in worker processes with `in_processes`.

Contract: a worker ends when its parent ends, even if the parent is killed. SIGINT and SIGTERM end a worker at once, so
Ctrl-C in a terminal leaves no traceback and no running process. Workers do not import the user's script, so it
needs no `if __name__ == "__main__"`.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

from mer.config import Config
from mer.errors import MerError, is_users, sentence
from mer.train.experiment.experiment import Experiment, load_experiment
from mer.utils.processes import without_main

#: Signals that end a worker at once.
SIGNALS = {signal.SIGINT, signal.SIGTERM}
#: Seconds to wait for the exit status of a killed process.
GONE = 5.0

#: Trains the fold with this name in a run's folder; returns the error line or None.
Attempt = Callable[[Experiment, str, Path], "str | None"]


class WorkerEndedError(Exception):
    """A worker process was ended from outside, for example by a signal; the text gives the cause."""


def in_processes(
    experiment: Experiment, names: Sequence[str], run: Path, workers: int, work: Attempt
) -> Iterator[tuple[str, str | None]]:
    """Train folds in worker processes; yield (name, error line or None) when a fold ends.

    Args:
        experiment: loaded again in each process from its configuration.
        names: names of the folds.
        run: the run's folder.
        workers: number of processes.
        work: trains one fold; a function of a module, so that a process can import it.

    Raises:
        WorkerEndedError: if a process was ended from outside; finished folds are yielded before.
        MerError: if a process cannot load the experiment.
    """
    context = multiprocessing.get_context("spawn")  # fork would copy torch's and OpenCV's threads in an unknown state
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(experiment.config,))
    processes: set[BaseProcess] = set()
    try:
        with _starting():
            futures = [pool.submit(_work, work, name, str(run)) for name in names]
            processes = set(multiprocessing.active_children()) - others
        broken = False
        for future in as_completed(futures):
            try:
                name, line, cannot = future.result()
            except BrokenProcessPool:  # the futures of folds that had ended well still hold their results
                broken = True
                continue
            if cannot is not None:
                raise MerError(f"a worker process cannot load the experiment: {cannot}")
            yield name, line
        if broken:
            raise WorkerEndedError(_cause(processes))
    except BaseException:
        for process in processes:
            process.kill()  # nobody waits for what is still in work
        raise
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _starting() -> Iterator[None]:
    """Block signals while processes start, and keep the processes from importing the user's script."""
    masked = hasattr(signal, "pthread_sigmask")
    if masked:
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        with without_main():
            yield
    finally:
        if masked:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _cause(processes: set[BaseProcess]) -> str:
    """Return what ended a worker; the pool then ends the others by SIGTERM."""
    end = time.monotonic() + GONE
    # the pool's own thread may be reaping them: then `join` returns before the status is known
    while any(process.exitcode is None for process in processes) and time.monotonic() < end:
        time.sleep(0.01)
    codes = [process.exitcode for process in processes if process.exitcode]
    code = next((code for code in codes if code != -signal.SIGTERM), -signal.SIGTERM)
    if code > 0:
        return f"a worker process ended with status {code}; what it printed stands above"
    why = " (out of memory?)" if code == -signal.SIGKILL else ""
    return f"a worker process was ended by {signal.Signals(-code).name}{why}"


_LOADED: dict[str, Experiment | str] = {}


def _start(config: Config) -> None:
    """Load the experiment once per process; its inputs are a memory map that all processes share."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _LOADED["experiment"] = load_experiment(config)
    except Exception as error:
        _LOADED["experiment"] = sentence(error) if is_users(error) else traceback.format_exc()


def _end_with_parent() -> None:
    """End this process when the main process is gone, for example after `kill -9`."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


def _work(work: Attempt, name: str, run: str) -> tuple[str, str | None, str | None]:
    """Train one fold; return its name, the error line, and why the experiment could not be loaded."""
    experiment = _LOADED["experiment"]
    if isinstance(experiment, str):
        return name, None, experiment
    return name, work(experiment, name, Path(run)), None
