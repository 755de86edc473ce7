"""Start worker processes from any script, also from one without `if __name__ == "__main__"`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def without_main() -> Iterator[None]:
    """Keep processes that start inside from importing the user's script.

    `spawn` imports the file of `__main__` in each process; a script without a guard would start itself again there.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
