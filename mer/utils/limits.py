"""Limits on what a foreign file may claim, checked from its header before anything is decoded; each can be lifted.

Contract: a limit is a whole number with a name; the environment variable `MER_LIMIT_<NAME>` replaces it. An error
names the limit, its value and that variable.
"""

from __future__ import annotations

import os

from mer.errors import MerError


class LimitError(MerError):
    """A file claims more than a limit allows; names the file, the limit and how to lift it."""


def limit(name: str, default: int) -> int:
    """Return the limit `name`: the value of the environment variable `MER_LIMIT_<NAME>`, else `default`.

    Raises:
        MerError: the variable is set and is no whole number above 0.
    """
    text = os.environ.get(variable(name), "").strip()
    if not text:
        return default
    if not text.isdecimal() or int(text) < 1:
        raise MerError(f"{variable(name)}: expected a whole number above 0, got {text!r}; unset it or correct it")
    return int(text)


def require_within(name: str, default: int, found: int, what: str) -> None:
    """Raise where `found` is above the limit.

    Args:
        name: of the limit, lower case, e.g. `weight_bytes`.
        default: its value where the environment does not replace it.
        found: what the file claims.
        what: the file and what is counted, for the message: `model.pt: bytes`.

    Raises:
        LimitError: it is.
    """
    allowed = limit(name, default)
    if found > allowed:
        raise LimitError(
            f"{what}: expected at most {allowed:,}, found {found:,}; it was not read, since it may be damaged or made "
            f"to fill the memory. If you trust the file, set {variable(name)}={found} and try again"
        )


def variable(name: str) -> str:
    """Return the environment variable that replaces a limit."""
    return f"MER_LIMIT_{name.upper()}"
