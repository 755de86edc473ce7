"""Where the time of preparing goes: seconds by kind of work, summed over the threads of this process.

Contract: counting always goes on and nothing resets it; the work of a stretch is the difference of two readings.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

#: Kinds of work that are told apart.
WORK = DECODING, DETECTION, FLOW, WRITING, HASHING = "decoding", "detection", "flow", "writing", "hashing"

_lock = threading.Lock()
_spent = dict.fromkeys(WORK, 0.0)


@contextmanager
def timed(work: str) -> Iterator[None]:
    """Count the seconds of a block, or as a decorator of every call, as this kind of work."""
    start = time.perf_counter()
    try:
        yield
    finally:
        seconds = time.perf_counter() - start
        with _lock:
            _spent[work] += seconds


def elapsed() -> dict[str, float]:
    """Seconds by kind of work since this process began, a copy."""
    with _lock:
        return dict(_spent)
