"""Work in threads with a bar: what the steps of preparing have in common.

Contract: OpenCV, Pillow and torch release the interpreter while they work, so threads are enough; each works alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import cv2
from rich.console import Console
from rich.progress import track

R = TypeVar("R")


def with_progress(results: Iterable[R], title: str, total: int, *, progress: bool) -> Iterable[R]:
    """Return the results, with a bar on standard error if `progress` is set."""
    if not progress:
        return results
    return track(results, title, total=total, console=Console(stderr=True), transient=True)


@contextmanager
def thread_map(one: Callable[..., R], values: Sequence) -> Iterator[Iterator[R]]:
    """Yield the results of all values in order.

    What was not begun is not done when the block is left early, by an interrupt say.
    """
    import torch  # seconds; where all is kept, nothing comes here

    before = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        yield pool.map(one, values)
    finally:
        pool.shutdown(cancel_futures=True)
        cv2.setNumThreads(before[0])
        torch.set_num_threads(before[1])
