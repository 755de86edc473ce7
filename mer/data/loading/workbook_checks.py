"""Check a workbook before it is read: call `check_workbook` for its size and for cells without a stored value.

Contract: streams the file once and keeps little in memory. A zip bomb or a stray cell in the last corner is refused
before memory is allocated for it. The environment variables `MER_SHEET_MB` and `MER_SHEET_CELLS` set the limits.
"""

from __future__ import annotations

import os
import re
import zipfile
from pathlib import Path
from typing import IO
from xml.etree.ElementTree import Element, ParseError, iterparse

from mer.errors import SampleError

#: Official sheets unpack to less than 10 MB and cover less than 100,000 cells.
MEGABYTES, CELLS = 200, 2_000_000
_POSITION = re.compile(r"([A-Z]{1,3})(\d{1,7})")


class NotStored(str):
    """Text of a cell without a usable value: its formula, or its error such as `#REF!`."""


#: Number of the sheet -> (row, column), both from 0 -> formula or error of that cell.
Unstored = dict[int, dict[tuple[int, int], NotStored]]


def limit(variable: str, usual: int) -> int:
    """Return a limit from the environment variable, else `usual`."""
    told = os.environ.get(variable, "")
    return int(told) if told.isdecimal() else usual


def check_workbook(path: Path) -> Unstored:
    """Check an xlsx or ods and return the cells without a stored value, which only an xlsx has; {} for other formats.

    Raises:
        SampleError: the file unpacks to more than `MER_SHEET_MB`, or covers more cells than `MER_SHEET_CELLS`.
        zipfile.BadZipFile, ParseError: the file is damaged.
    """
    if not zipfile.is_zipfile(path):
        return {}
    with zipfile.ZipFile(path) as archive:
        check_size(path, sum(entry.file_size for entry in archive.infolist()))
        archive.testzip()  # an entry larger than its declared size fails its checksum
        names = archive.namelist()
        if "content.xml" in names:
            with archive.open("content.xml") as file:
                _check_ods(path, file)
            return {}
        found: Unstored = {}
        for number, name in enumerate(_sheets_in_order(archive)):
            if name in names:
                with archive.open(name) as file:
                    found[number] = _unstored(path, file)
        return found


def check_size(path: Path, size: int) -> None:
    """Raise a SampleError if `size`, in bytes, is above `MER_SHEET_MB`."""
    most = limit("MER_SHEET_MB", MEGABYTES)
    if size > most * 1_000_000:
        raise SampleError(
            f"{path}: expected a sheet of at most {most} MB, this one unpacks to {size / 1e6:.0f} MB. Take the file "
            "from the official archive again; if it is right, set a higher limit in the environment variable "
            "MER_SHEET_MB."
        )


def check_cells(path: Path, rows: int, columns: int, where: str) -> None:
    """Raise a SampleError if a table has more cells than `MER_SHEET_CELLS`."""
    most = limit("MER_SHEET_CELLS", CELLS)
    if rows * columns > most:
        raise SampleError(
            f"{path}: expected at most {most:,} cells, this sheet spans {rows:,} rows and {columns:,} columns "
            f"({where}). Delete the stray cell far from the table; if the sheet is right, set a higher limit in the "
            "environment variable MER_SHEET_CELLS."
        )


def _sheets_in_order(archive: zipfile.ZipFile) -> list[str]:
    """Return the names of the archive's entries with sheets, in the order of the workbook."""
    targets = {
        element.get("Id", ""): element.get("Target", "")
        for element in _elements(archive, "xl/_rels/workbook.xml.rels", "Relationship")
    }
    order = []
    for element in _elements(archive, "xl/workbook.xml", "sheet"):
        ids = [value for key, value in element.attrib.items() if key.rpartition("}")[2] == "id"]
        target = targets.get(ids[0] if ids else "", "")
        order.append(target.removeprefix("/") if target.startswith("/") else f"xl/{target}")
    return order


def _elements(archive: zipfile.ZipFile, name: str, tag: str) -> list[Element]:
    if name not in archive.namelist():
        return []
    with archive.open(name) as file:
        return [element for _, element in iterparse(file) if element.tag.rpartition("}")[2] == tag]


def _unstored(path: Path, file: IO[bytes]) -> dict[tuple[int, int], NotStored]:
    found: dict[tuple[int, int], NotStored] = {}
    row, column, first, last, left, right = -1, -1, None, -1, None, -1
    for event, element in iterparse(file, events=("start", "end")):
        tag = element.tag.rpartition("}")[2]
        if event == "start":
            if tag == "row":
                row, column = int(element.get("r", row + 2)) - 1, -1
            elif tag == "c":
                row, column = _place(element.get("r", ""), row, column + 1)
            continue
        if tag == "c":
            inside = {child.tag.rpartition("}")[2]: child.text for child in element}
            if set(inside) & {"f", "v", "is"}:
                first, last = row if first is None else first, max(last, row)
                left, right = min(column, right if left is None else left), max(right, column)
                check_cells(path, last + 1, right + 1, f"a cell in row {row + 1}, column {column + 1}")
            # an empty text, `<v></v>` in a cell of type str, is a stored value
            if "f" in inside and not inside.get("v") and (element.get("t") != "str" or "v" not in inside):
                found[row, column] = NotStored(f"={inside['f'] or '...'}")
            elif element.get("t") == "e":
                found[row, column] = NotStored(inside.get("v") or "#ERROR")
        if tag == "row":
            element.clear()
    return found


def _place(position: str, row: int, column: int) -> tuple[int, int]:
    match = _POSITION.fullmatch(position)
    if match is None:
        return row, column
    number = 0
    for letter in match.group(1):
        number = number * 26 + ord(letter) - 64
    return int(match.group(2)) - 1, number - 1


def _check_ods(path: Path, file: IO[bytes]) -> None:
    row = column = right = 0
    for event, element in iterparse(file, events=("start", "end")):
        tag = element.tag.rpartition("}")[2]
        attributes = {key.rpartition("}")[2]: value for key, value in element.attrib.items()}
        if event == "start":
            if tag == "table":
                row = right = 0
            elif tag == "table-row":
                column = 0
            continue
        if tag in ("table-cell", "covered-table-cell"):
            column += int(attributes.get("number-columns-repeated", 1))
            if len(element) or "value-type" in attributes:
                right = max(right, column)
                rows = row + 1
                check_cells(path, rows, right, f"a cell in row {rows}, column {column}")
        elif tag == "table-row":
            repeated = int(attributes.get("number-rows-repeated", 1))
            filled = any(len(cell) for cell in element)
            row += repeated
            if filled:
                check_cells(path, row, right, f"{repeated} equal rows")
            element.clear()


__all__ = ["NotStored", "ParseError", "Unstored", "check_cells", "check_size", "check_workbook"]
