"""Write and read tables as CSV that a spreadsheet cannot take for formulas.

Contract: a text cell that a spreadsheet would compute (`=...`, `+...`, `-...`, `@...`, also full-width) is written with
an apostrophe before it, numbers as they are; `read_csv` takes the apostrophe away, so any text comes back unchanged.
Source: OWASP, CSV Injection.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from mer.utils.atomic_files import write_atomically

_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def write_csv(path: str | Path, table: pd.DataFrame, *, float_format: str | None = None) -> None:
    """Write a table without its index, atomically and byte for byte the same on every system."""
    with write_atomically(path) as temporary:
        safe = _map_text(table, _guard)
        safe.to_csv(temporary, index=False, float_format=float_format, lineterminator="\n", encoding="utf-8")


def read_csv(path: str | Path, **options: Any) -> pd.DataFrame:
    """Read what `write_csv` wrote; `options` are those of `pandas.read_csv`. Raises ValueError if it is no CSV."""
    return _map_text(pd.read_csv(path, encoding="utf-8", **options), _unguard)


def _guard(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def _unguard(cell: Any) -> Any:
    return cell[1:] if isinstance(cell, str) and cell.startswith("'") and _FORMULA.match(cell) else cell


def _map_text(table: pd.DataFrame, change: Callable[[Any], Any]) -> pd.DataFrame:
    """Return the table with `change` applied to the cells of columns that hold text."""
    texts = [name for name in table if not pd.api.types.is_numeric_dtype(table[name])]
    return table.assign(**{str(name): table[name].map(change).astype(table[name].dtype) for name in texts})
