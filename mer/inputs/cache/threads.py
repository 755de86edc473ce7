"""Run a function on many values in threads, with a progress bar.

Contract: OpenCV, Pillow and torch release the interpreter lock while they work, so threads are enough. Inside a thread
the libraries use no threads of their own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import cv2
from rich.console import Console
from rich.markup import escape
from rich.progress import track

R = TypeVar("R")


def with_progress(results: Iterable[R], title: str, total: int, *, progress: bool) -> Iterable[R]:
    """Return the results, with a progress bar on standard error if `progress` is set."""
    if not progress:
        return results
    return track(results, escape(title), total=total, console=Console(stderr=True), transient=True)


@contextmanager
def thread_map(one: Callable[..., R], values: Sequence) -> Iterator[Iterator[R]]:
    """Yield the results of all values in order.

    If the block is left early, for example by an interrupt, values not yet started are not computed.
    """
    with one_thread():
        pool = ThreadPoolExecutor(os.cpu_count())
        try:
            yield pool.map(one, values)
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let OpenCV and torch use one thread each: on small arrays several of them wait for each other."""
    import torch  # takes seconds to import, so only when something is computed

    before = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before[0])
        torch.set_num_threads(before[1])
