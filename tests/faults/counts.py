"""Count the faults that were injected and survived, by kind; a summary stands at the end of a session."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from typing import Any

#: Kind -> faults injected, and those after which every assertion held.
INJECTED: Counter[str] = Counter()
HELD: Counter[str] = Counter()


def counted(kind: str) -> Callable[[Callable], Callable]:
    """Count every call of a test as a fault of `kind`, and as held where it ends without an error."""

    def decorate(test: Callable) -> Callable:
        @functools.wraps(test)
        def call(*arguments: Any, **named: Any) -> None:
            INJECTED[kind] += 1
            test(*arguments, **named)
            HELD[kind] += 1

        return call

    return decorate
