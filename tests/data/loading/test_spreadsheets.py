from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer.data.loading import spreadsheets
from mer.errors import SampleError

COLUMNS = {"subject": ("Subject",), "clip": ("Filename",), "onset": ("Onset Frame", "Onset"), "note": ("Notes",)}


def write(path: Path, *books: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for rows in books:
        sheet = book.create_sheet()
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


HEADER = ["Subject", "Filename", "Onset Frame"]


def read(path: Path) -> list[dict[str, Any]]:
    return spreadsheets.read_sheet(path, COLUMNS, optional=("note",))


def test_header_below_notes_and_rows_as_on_screen(tmp_path: Path) -> None:
    notes = [["Subject: three digits", "Filename: as on disk"], [], ["Onset"]]
    rows = read(
        write(tmp_path / "a.xlsx", [*notes, [None, *HEADER], [None, "006", "006_1", 12], [], [None, 7, "x", "/"]])
    )
    assert [row["row"] for row in rows] == [5, 7]
    assert [spreadsheets.text(row["subject"]) for row in rows] == ["006", "7"]
    assert [spreadsheets.frame(row["onset"]) for row in rows] == [12, None]
    assert rows[0]["note"] is None


@pytest.mark.parametrize("heading", ["OnsetFrame", "Onset Frame", "ONSET_FRAME", " onset  frame: ", "Onset"])
def test_headings_in_any_spelling(tmp_path: Path, heading: str) -> None:
    rows = read(write(tmp_path / "a.xlsx", [["subject", "FileName ", heading], ["s", "c", 5]]))
    assert [(row["subject"], row["onset"]) for row in rows] == [("s", 5)]


def test_header_on_a_later_sheet(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", [["naming rule"], ["s01", "15"]], [HEADER, ["s", "c", 5]])
    assert [row["clip"] for row in read(path)] == ["c"]


def test_columns_may_stand_in_any_order_and_text_keeps_its_zeros(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", [["Notes", None, "Onset", "Filename", "Subject"], ["n", "?", 5, "c", "006"]])
    assert read(path) == [{"row": 2, "subject": "006", "clip": "c", "onset": 5, "note": "n"}]


def test_missing_heading_shows_the_nearest_row(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", [["a note"], ["Subject", "Filename", "Begin"], ["s", "c", 5]])
    with pytest.raises(SampleError, match=r"a\.xlsx: expected a header .*Onset.*got row 2 .*Subject, Filename, Begin"):
        read(path)


def test_file_that_is_no_spreadsheet(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"PK nonsense")
    with pytest.raises(SampleError, match=r"a\.xlsx: expected a spreadsheet.*archive"):
        read(tmp_path / "a.xlsx")


@given(st.integers(0, 10**6))
def test_frame_numbers_from_any_cell(number: int) -> None:
    cells = (number, float(number), str(number), f" {number} ", f"{number}.0", f"{number:07d}")
    assert {spreadsheets.frame(cell) for cell in cells} == {number}


@pytest.mark.parametrize("cell", [None, float("nan"), "", " ", "/", "\\", "-", "N/A", "nan"])
def test_marks_for_no_frame(cell: Any) -> None:
    assert spreadsheets.frame(cell) is None


@pytest.mark.parametrize("cell", ["12-15", "twelve", -3, 12.5, "12.5"])
def test_cells_that_are_no_frame(cell: Any) -> None:
    with pytest.raises(ValueError, match="expected a frame number"):
        spreadsheets.frame(cell)


@pytest.mark.parametrize(
    ("cell", "text"),
    [(None, ""), (float("nan"), ""), (" a\u00a0 b ", "a b"), (6.0, "6"), (6, "6"), (2.5, "2.5"), ("006", "006")],
)
def test_text_of_cells(cell: Any, text: str) -> None:
    assert spreadsheets.text(cell) == text
