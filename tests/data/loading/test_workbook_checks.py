"""Sheets as hostile or careless programs leave them; every one would have been laid out in memory, or misread."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from mer.data.loading import spreadsheets
from mer.errors import SampleError

COLUMNS = {"subject": ("Subject",), "clip": ("Filename",), "onset": ("Onset",), "apex": ("Apex",)}
ROWS = [["Subject", "Filename", "Onset", "Apex"], [1, "a", 10, 12], [2, "b", 20, 25]]


def workbook(path: Path, **cells: object) -> Path:
    book = openpyxl.Workbook()
    for row in ROWS:
        book.active.append(row)
    for place, value in cells.items():
        book.active[place] = value
    book.save(path)
    return path


def replace_part(path: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = {entry: archive.read(entry) for entry in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, content in parts.items():
            archive.writestr(entry, change(content) if entry == name else content)


SHEET = "xl/worksheets/sheet1.xml"


def test_a_stray_cell_in_the_last_corner_is_refused_by_name_and_the_limit_can_be_lifted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workbook(tmp_path / "a.xlsx", XFD1048576="x")
    with pytest.raises(SampleError, match=r"a\.xlsx: expected at most 2,000,000 cells.*1,048,576.*MER_SHEET_CELLS"):
        spreadsheets.open_book(path)
    path = workbook(tmp_path / "b.xlsx", ZZ400="x")
    assert len(spreadsheets.open_book(path)["Sheet"]) == 400
    monkeypatch.setenv("MER_SHEET_CELLS", "1000")
    with pytest.raises(SampleError, match="MER_SHEET_CELLS"):
        spreadsheets.open_book(path)


def test_a_stray_cell_that_the_dimension_hides_and_one_without_a_position(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", XFD1048576="x")
    replace_part(path, SHEET, lambda xml: re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1:D3"', xml))
    with pytest.raises(SampleError, match="MER_SHEET_CELLS"):
        spreadsheets.open_book(path)
    path = workbook(tmp_path / "b.xlsx")
    replace_part(path, SHEET, lambda xml: re.sub(rb' r="[A-Z]+\d+"', b"", xml))
    assert [row["onset"] for row in spreadsheets.read_sheet(path, COLUMNS)] == [10, 20]


@pytest.mark.parametrize("part", ["xl/sharedStrings.xml", SHEET, "xl/media/extra.bin"])
def test_a_bomb_is_refused_before_it_is_unpacked(part: str, tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open(f"{part}2", "w") as file:
        for _ in range(210):
            file.write(bytes(1_000_000))
    assert path.stat().st_size < 2_000_000
    with pytest.raises(SampleError, match=r"at most 200 MB, this one unpacks to 210 MB.*MER_SHEET_MB"):
        spreadsheets.open_book(path)


def test_an_entry_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx")
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        at = content.find(signature)
        while at >= 0:
            content[at + offset : at + offset + 4] = (100).to_bytes(4, "little")
            at = content.find(signature, at + 1)
    path.write_bytes(content)
    with pytest.raises(SampleError, match="expected a spreadsheet"):
        spreadsheets.open_book(path)


def test_an_empty_sheet_of_a_million_formatted_rows_costs_nothing(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx")
    rows = b"".join(b'<row r="%d" s="1"/>' % number for number in range(4, 200_000))
    replace_part(path, SHEET, lambda xml: xml.replace(b"</sheetData>", rows + b"</sheetData>"))
    assert [row["onset"] for row in spreadsheets.read_sheet(path, COLUMNS)] == [10, 20]


def test_formulas_without_a_stored_value_are_told_and_never_taken_for_no_apex(tmp_path: Path) -> None:
    rows = spreadsheets.read_sheet(workbook(tmp_path / "a.xlsx", D2="=C2+2", D3="/"), COLUMNS)
    with pytest.raises(ValueError, match=r"got '=C2\+2', whose value is not stored; open the sheet"):
        spreadsheets.frame(rows[0]["apex"])
    assert spreadsheets.frame(rows[1]["apex"]) is None


def test_errors_of_a_formula_are_told(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", D2="#REF!")
    assert b't="e"' in zipfile.ZipFile(path).read(SHEET)
    (row, _) = spreadsheets.read_sheet(path, COLUMNS)
    with pytest.raises(ValueError, match=r"got '#REF!', whose value is not stored"):
        spreadsheets.frame(row["apex"])


def test_stored_values_of_formulas_are_read(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", D2="=C2+2")
    replace_part(path, SHEET, lambda xml: xml.replace(b"<v/>", b"<v>12</v>").replace(b"<v />", b"<v>12</v>"))
    assert [row["apex"] for row in spreadsheets.read_sheet(path, COLUMNS)] == [12, 25]


def test_formulas_dragged_below_the_table_fill_no_rows(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", **{f"D{row}": f"=C{row}+2" for row in range(4, 40)})
    assert [row["row"] for row in spreadsheets.read_sheet(path, COLUMNS)] == [2, 3]


def test_formulas_on_a_later_sheet_keep_their_places(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["notes"])
    sheet = book.create_sheet("label")
    for row in (*ROWS, [3, "c", 30, "=C4+1"]):
        sheet.append(row)
    book.save(tmp_path / "a.xlsx")
    rows = spreadsheets.read_sheet(tmp_path / "a.xlsx", COLUMNS)
    assert [spreadsheets.text(row["apex"]) for row in rows] == ["12", "25", "=C4+1"]


TEXT = "Subject{0}Filename{0}Onset{0}Apex\r\n06{0}né{0}10{0}\r\n\r\n7{0}b{0}20{0}25\r\n"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.xls"])
def test_a_sheet_may_be_a_text_table(separator: str, encoding: str, name: str, tmp_path: Path) -> None:
    if encoding == "utf-16" and name == "a.xls":
        name = "a.tsv"
    (tmp_path / name).write_bytes(TEXT.format(separator).encode(encoding))
    rows = spreadsheets.read_sheet(tmp_path / name, COLUMNS)
    assert [(row["row"], row["subject"], row["clip"], spreadsheets.frame(row["apex"])) for row in rows] == [
        (2, "06", "né", None),
        (4, "7", "b", 25),
    ]


def test_chinese_text_and_cells_that_hold_the_other_separators(tmp_path: Path) -> None:
    text = 'Subject;Filename;Onset;Apex\n1;高兴;10;\n2;"a,b\tc";20;25\n3;d,e;30;35\n'
    (tmp_path / "a.csv").write_bytes(text.encode("gb18030"))
    rows = spreadsheets.read_sheet(tmp_path / "a.csv", COLUMNS)
    assert [row["clip"] for row in rows] == ["高兴", "a,b\tc", "d,e"]
    (tmp_path / "b.csv").write_text("sep=;\n" + text, encoding="utf-8")
    assert [row["row"] for row in spreadsheets.read_sheet(tmp_path / "b.csv", COLUMNS)] == [3, 4, 5]


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"Subject\0" * 20)
    with pytest.raises(SampleError, match="no text"):
        spreadsheets.open_book(tmp_path / "a.csv")


def test_ods_limits(tmp_path: Path) -> None:
    xml = (
        '<office:document-content xmlns:office="urn:o" xmlns:table="urn:t" xmlns:text="urn:x"><table:table>'
        '<table:table-row table:number-rows-repeated="{0}"><table:table-cell table:number-columns-repeated="{1}"/>'
        "</table:table-row><table:table-row><table:table-cell><text:p>x</text:p></table:table-cell></table:table-row>"
        '<table:table-row table:number-rows-repeated="1000000"><table:table-cell '
        'table:number-columns-repeated="16000"/></table:table-row></table:table></office:document-content>'
    )
    for rows, wrong in ((5, False), (9_000_000, True)):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
            archive.writestr("content.xml", xml.format(rows, 3))
        (tmp_path / "a.ods").write_bytes(buffer.getvalue())
        with pytest.raises(SampleError) as caught:
            spreadsheets.open_book(tmp_path / "a.ods")
        assert ("MER_SHEET_CELLS" in str(caught.value)) is wrong
