"""Read coding sheets (xls, xlsx, ods, CSV) as rows of plain values: call `read_sheet`, then `text` or `frame` per cell.

Contract: the header is found by its headings, in any row; case, spaces and punctuation do not count. Row numbers are
those of a spreadsheet program. Values are unchanged cells; `text` and `frame` convert a cell to text or frame number.
"""

from __future__ import annotations

import re
import unicodedata
import zipfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import python_calamine

from mer.data.loading.delimited import read_delimited
from mer.data.loading.workbook_checks import NotStored, check_cells, check_workbook
from mer.errors import SampleError

#: Marks for "no frame": `/` in CASME II and SAMM, a backslash in CASME, and other common ones.
NO_FRAME = frozenset(
    {"", "/", "\\", "-", "\u2013", "\u2014", "?", "n/a", "na", "nan", "none", "null", "\uff0f", "\uff1f"}
)
#: A frame number, also as the name of a frame's file.
_FRAME = re.compile(r"(?:(?:reg_)?(?:img|image|frame)[-_ ]?)?(\d+)(?:\.0*|\.(?:jpe?g|png|bmp|tiff?))?")
#: File name endings of text tables.
TEXT_SUFFIXES = frozenset({".csv", ".tsv", ".txt"})


def read_sheet(
    path: Path, columns: Mapping[str, Collection[str]], *, optional: Collection[str] = ()
) -> list[dict[str, Any]]:
    """Return the rows below the header of the first sheet with a header: cells by column, and the row number as "row".

    Rows with blanks in all requested columns are ignored (gaps, empty tails, notes at the side).

    Args:
        path: xls, xlsx, ods or a text table (CSV).
        columns: column -> its possible headings; case, spaces and punctuation do not count.
        optional: columns that may be missing; their cells are then None.

    Raises:
        SampleError: the file cannot be read, or no row holds all headings.
    """
    sheets = open_book(path)
    names = {name: {plain_heading(heading) for heading in headings} for name, headings in columns.items()}
    nearest: tuple[int, str] = (0, "no row with any of them")
    for title, sheet in sheets.items():
        rows = iter(sheet)
        for number, cells in enumerate(rows, start=1):
            places = _places(cells, names)
            if len(places) > nearest[0]:
                nearest = (len(places), f"row {number} of sheet {title!r}: {', '.join(filter(None, map(text, cells)))}")
            if not set(names) - set(places) - set(optional):
                return _rows(rows, places, names, start=number + 1)
    wanted = ", ".join(next(iter(headings)) for name, headings in columns.items() if name not in optional)
    raise SampleError(
        f"{path}: expected a header row with the headings {wanted} (case, spaces and punctuation are free), "
        f"got {nearest[1]}. Is this the official coding sheet? Take the file from the archive again."
    )


def open_book(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return the sheets of a spreadsheet by title, each with all its rows; a text table is one sheet.

    A cell with a formula and without a stored value is `NotStored`.

    Raises:
        SampleError: the file cannot be read, or is above a limit of size.
    """
    if not _is_workbook(path):
        return {path.stem: [tuple(cells) for cells in read_delimited(path)]}
    try:
        unstored = check_workbook(path)
        if unstored == {}:
            _check_cells_of(path)
        # object: 006 stays text, and a number in a column of text stays a number instead of becoming 6.0
        sheets = pd.read_excel(path, sheet_name=None, header=None, engine="calamine", dtype=object)
        merged = _merged_cells(path)
    except SampleError:
        raise
    # for damaged files calamine raises its own classes and panics, without a remedy
    except Exception as error:
        raise SampleError(
            f"{path}: expected a spreadsheet, could not read it ({error}). "
            "Take the file from the official archive again, or open it and save it as xlsx."
        ) from error
    book = {str(title): list(sheet.itertuples(index=False, name=None)) for title, sheet in sheets.items()}
    marked = (_marked(rows, unstored.get(k, {})) for k, rows in enumerate(book.values()))
    return {title: _filled_down(rows, merged[title]) for title, rows in zip(book, marked, strict=True)}


def _is_workbook(path: Path) -> bool:
    """Return whether a file is a workbook: a zip or OLE file, or binary without the name of a text table."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise SampleError(f"{path}: expected a spreadsheet, could not read it ({error}).") from error
    if start[:2] == b"PK" or start == b"\xd0\xcf\x11\xe0":
        return True
    return path.suffix.casefold() not in TEXT_SUFFIXES and b"\0" in path.read_bytes()[:4096]


def _check_cells_of(path: Path) -> None:
    """Check the number of cells in xls files, with the sizes from the reader (at most 65,536 x 256)."""
    if zipfile.is_zipfile(path):
        return
    for sheet in python_calamine.CalamineWorkbook.from_path(str(path)).sheet_names:
        found = python_calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_name(sheet)
        check_cells(path, found.total_height, found.total_width, f"sheet {sheet!r}")


#: Range of merged cells: (row, column) of the first and of the last cell, from 0.
_Range = tuple[tuple[int, int], tuple[int, int]]


def _merged_cells(path: Path) -> dict[str, list[_Range]]:
    """Return the ranges of merged cells of each sheet by title; none for an ods."""
    with path.open("rb") as file:  # so that the content tells the format, and not the name
        book = python_calamine.CalamineWorkbook.from_filelike(file)
    return {title: list(book.get_sheet_by_name(title).merged_cell_ranges or ()) for title in book.sheet_names}


def _filled_down(rows: list[tuple[Any, ...]], merged: Iterable[_Range]) -> list[tuple[Any, ...]]:
    """Return the rows with the value of cells that are merged downwards in each of their rows."""
    grid = [list(row) for row in rows]
    for (top, left), (bottom, _) in merged:
        for row in grid[top + 1 : bottom + 1]:
            if left < min(len(row), len(grid[top])) and not text(row[left]):
                row[left] = grid[top][left]
    return [tuple(row) for row in grid]


def _marked(rows: list[tuple[Any, ...]], unstored: Mapping[tuple[int, int], NotStored]) -> list[tuple[Any, ...]]:
    """Return the rows with `NotStored` cells filled in, extended where such cells lie beyond the last stored one."""
    if not unstored:
        return rows
    grid = [list(row) for row in rows]
    for (row, column), shown in unstored.items():
        grid += [[] for _ in range(row + 1 - len(grid))]
        grid[row] += [None] * (column + 1 - len(grid[row]))
        grid[row][column] = shown
    return [tuple(row) for row in grid]


def text(cell: Any) -> str:
    """Return a cell as trimmed text: "" for an empty cell, whole numbers without `.0`."""
    if cell is None or (not isinstance(cell, str) and pd.isna(cell)):
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return " ".join("".join(letter for letter in str(cell) if unicodedata.category(letter) != "Cf").split())


def frame(cell: Any) -> int | None:
    """Return the frame number in a cell, as `46`, `46.0` or `reg_img46.jpg`; None for a mark of `NO_FRAME`.

    Raises:
        ValueError: the cell holds something else, or a negative number.
    """
    word = text(cell)
    if isinstance(cell, NotStored):
        raise ValueError(
            f"expected a frame number, '/' or nothing, got {word!r}, whose value is not stored; open the sheet in a "
            "spreadsheet program and save it"
        )
    plain = unicodedata.normalize("NFKC", word).casefold().lstrip("'")
    if plain in NO_FRAME:
        return None
    match = _FRAME.fullmatch(plain)
    if match is None:
        raise ValueError(f"expected a frame number, '/' or nothing, got {word!r}")
    return int(match.group(1))


def plain_heading(heading: Any) -> str:
    """Return a heading without case, width, spaces and punctuation: `Onset Frame`, `onset_frame` -> `onsetframe`."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text(heading))).casefold()


def _without_brackets(heading: Any) -> str:
    """Return `plain_heading` without a remark in brackets, `Onset (frame 1 = 0)`; "" if it is a unit of time."""
    plain = unicodedata.normalize("NFKC", text(heading))
    if re.search(r"\(\s*(ms|s|secs?|seconds?|milliseconds?|time)\b", plain, re.IGNORECASE):
        return ""
    return plain_heading(re.sub(r"\(.*?\)", "", plain))


def _places(cells: tuple[Any, ...], names: Mapping[str, Collection[str]]) -> dict[str, int]:
    """Return the index of each column's first heading; a repeated heading is numbered, `OnsetF2`."""
    once = [plain_heading(cell) for cell in cells]
    plain = [
        f"{cell}{seen}" if (seen := once[: i + 1].count(cell)) > 1 and cell else cell for i, cell in enumerate(once)
    ]
    bare = [_without_brackets(cell) for cell in cells]
    found = {
        name: next((i for row in (plain, bare) for i, cell in enumerate(row) if cell in names[name]), None)
        for name in names
    }
    return {name: place for name, place in found.items() if place is not None}


def _rows(
    rows: Iterable[tuple[Any, ...]], places: Mapping[str, int], names: Mapping[str, Collection[str]], *, start: int
) -> list[dict[str, Any]]:
    kept = []
    for number, cells in enumerate(rows, start=start):
        if set(places) <= set(_places(cells, names)):
            continue  # the header again, as printed on top of every page
        values = {name: cells[places[name]] if places.get(name, len(cells)) < len(cells) else None for name in names}
        # formulas dragged down below the table do not make a row
        if any(text(value) for value in values.values() if not isinstance(value, NotStored)):
            kept.append({"row": number, **values})
    return kept
