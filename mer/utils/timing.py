"""Measure the seconds of preparation by kind of work with `timed`; read them with `elapsed`.

Contract: seconds are summed over all threads of this process and are never reset. The difference of two readings is the
work between them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

#: Kinds of work that are measured separately.
WORK = DECODING, DETECTION, FLOW, WRITING, HASHING = "decoding", "detection", "flow", "writing", "hashing"

_lock = threading.Lock()
_elapsed = dict.fromkeys(WORK, 0.0)


@contextmanager
def timed(work: str) -> Iterator[None]:
    """Add the seconds of a block, or of each call if used as a decorator, to this kind of work."""
    start = time.perf_counter()
    try:
        yield
    finally:
        seconds = time.perf_counter() - start
        with _lock:
            _elapsed[work] += seconds


def elapsed() -> dict[str, float]:
    """Return a copy of the seconds by kind of work since this process started."""
    with _lock:
        return dict(_elapsed)
