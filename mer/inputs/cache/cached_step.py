"""One step of preparing clips: what of it is kept, what must be made, and the making in threads.

Contract: faces, apexes and inputs describe their work as a `CachedStep`; an entry is kept under a key of the content
of its files, its settings and the version of its code, and appears whole or not at all. So whatever ends a run, the
next one makes the rest only, and two at once do each other no harm.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import cv2
from rich.console import Console
from rich.progress import track

from mer.errors import SampleError

_counting = threading.Lock()

T = TypeVar("T")
R = TypeVar("R")

#: Files that an entry of a clip is made of, or why it has none.
Files = tuple[str, ...] | SampleError


@dataclass
class CachedStep(Generic[T]):
    """One step of preparing some clips.

    Attributes:
        title: what the bar says.
        files: by clip, what its entry is made of.
        kept: by place of a clip, its entry; None where there is none or it is damaged.
        make: by place of a clip, its entry, made and kept; SampleError where its files cannot be used.
        made: entries that were made so far.
        seconds: what that took, summed over the threads.
    """

    title: str
    files: Sequence[Files]
    load: Callable[[int], T | None]
    compute: Callable[[int], T]
    made: int = field(default=0, init=False)
    seconds: float = field(default=0.0, init=False)

    def missing(self) -> list[int]:
        """Places of the clips whose entry has to be made, those that will be refused not among them."""
        usable = (place for place, files in enumerate(self.files) if not isinstance(files, SampleError))
        return [place for place in usable if self.load(place) is None]

    @contextmanager
    def results(self, *, progress: bool) -> Iterator[Iterable[T | SampleError]]:
        """Entries of all clips in order, kept or made, or why a clip has none."""
        places = range(len(self.files))
        if not self.missing():
            yield map(self._result, places)  # no threads, and so no torch, where nothing is to be made
            return
        with thread_map(self._result, places) as results:
            yield with_progress(results, self.title, len(places), progress=progress)

    def _result(self, place: int) -> T | SampleError:
        files = self.files[place]
        if isinstance(files, SampleError):
            return files
        found = self.load(place)
        if found is not None:
            return found
        start = time.perf_counter()
        try:
            made = self.compute(place)
        except SampleError as error:
            return error
        with _counting:
            self.made += 1
            self.seconds += time.perf_counter() - start
        return made


def with_progress(results: Iterable[R], title: str, total: int, *, progress: bool) -> Iterable[R]:
    """The results, with a bar on standard error where one is wanted."""
    if not progress:
        return results
    return track(results, title, total=total, console=Console(stderr=True), transient=True)


@contextmanager
def thread_map(one: Callable[..., R], values: Sequence) -> Iterator[Iterator[R]]:
    """Results of all values in order; OpenCV, Pillow and torch release the interpreter, so threads do.

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
