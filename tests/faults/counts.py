"""Mark tests that inject a fault with its kind; `conftest` counts them at the end of a session."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Test = TypeVar("Test", bound=Callable)


def counted(kind: str) -> Callable[[Test], Test]:
    """Mark every case of a test as a fault of `kind`, which held where the case passes."""

    def mark(test: Test) -> Test:
        test.__dict__["kind"] = kind
        return test

    return mark
