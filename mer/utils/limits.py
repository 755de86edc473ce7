"""Check the sizes in a file's header against a limit with `require_within`, before the file is decoded.

Contract: a limit is a whole number with a name; the environment variable `MER_LIMIT_<NAME>` replaces its value. An
error names the value and that variable.
"""

from __future__ import annotations

import os

from mer.errors import MerError


class LimitError(MerError):
    """Report a file that exceeds a limit; the message names the file, the limit and its environment variable."""


def limit(name: str, default: int) -> int:
    """Return the limit `name`: the value of the environment variable `MER_LIMIT_<NAME>`, else `default`.

    Raises:
        MerError: if the variable is set to anything but a whole number above 0.
    """
    text = os.environ.get(variable(name), "").strip()
    if not text:
        return default
    if not text.isdecimal() or int(text) < 1:
        raise MerError(f"{variable(name)}: expected a whole number above 0, got {text!r}; unset it or correct it")
    return int(text)


def require_within(name: str, default: int, found: int, what: str) -> None:
    """Raise a LimitError if `found` is above the limit.

    Args:
        name: name of the limit in lower case, e.g. `weight_bytes`.
        default: value of the limit if the environment variable is not set.
        found: number found in the file.
        what: the file and the unit for the message, e.g. `model.pt: bytes`.

    Raises:
        LimitError: if `found` is above the limit.
    """
    allowed = limit(name, default)
    if found > allowed:
        raise LimitError(
            f"{what}: expected at most {allowed:,}, got {found:,}; it was not read, since it may be damaged or made "
            f"to fill the memory. If you trust the file, set {variable(name)}={found} and try again"
        )


def variable(name: str) -> str:
    """Return the environment variable that replaces a limit."""
    return f"MER_LIMIT_{name.upper()}"
