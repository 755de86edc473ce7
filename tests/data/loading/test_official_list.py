"""One list in the many forms that people give it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from mer.data.loading.official_list import class_of, read_list
from mer.errors import SampleError

ROWS = [("casme2", "1", "EP02_01f", "1"), ("samm", "6", "006_1_2", "0"), ("smic", "s01", "s01_ne_01", "2")]


def joined(separator: str, end: str = "\n", *, header: str = "") -> str:
    lines = [separator.join(row) for row in ROWS]
    return end.join([*([separator.join(header.split(","))] if header else []), *lines]) + end


FORMS: dict[str, Callable[[], bytes]] = {
    "plain": lambda: joined(",").encode(),
    "crlf": lambda: joined(",", "\r\n").encode(),
    "byte order mark": lambda: joined(",").encode("utf-8-sig"),
    "utf-16": lambda: joined("\t").encode("utf-16"),
    "rows of commas": lambda: joined(",", "\r\n,,,\r\n").encode(),
    "blank rows": lambda: b"\n\n" + joined(",", "\n\n").encode(),
    "semicolons": lambda: joined(";").encode(),
    "tabs": lambda: joined("\t").encode(),
    "bars": lambda: joined("|").encode(),
    "trailing commas": lambda: joined(",", ",,\n").encode(),
    "quotes": lambda: "\n".join(",".join(f'"{cell}"' for cell in row) for row in ROWS).encode(),
    "spaces": lambda: joined(" , ").encode(),
    "header": lambda: joined(",", header="dataset,subject,clip,label").encode(),
    "other headings": lambda: joined(";", header="Database,Subject ID,File_Name,CLASS").encode(),
    "floats": lambda: joined(",").replace("\n", ".0\n").encode(),
    "title above": lambda: ("MEGC 2019,,,\n\n" + joined(",", header="dataset,subject,clip,label")).encode(),
    "blanks": lambda: joined(" ").encode(),
    "short classes": lambda: (
        joined(",").replace(",1\n", ",pos\n").replace(",0\n", ",NEG\n").replace(",2\n", ",sur\n").encode()
    ),
    "emotions": lambda: (
        joined(",")
        .replace(",1\n", ",Happiness\n")
        .replace(",0\n", ",disgust\n")
        .replace(",2\n", ",surprise\n")
        .encode()
    ),
    "headings of MEGC 2019": lambda: joined(",", header="Dataset,Subject name,Image name,Label (3 class)").encode(),
    "old mac": lambda: joined(",", "\r").encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_rows(form: str, tmp_path: Path) -> None:
    (tmp_path / "gt.csv").write_bytes(FORMS[form]())
    rows = read_list(tmp_path / "gt.csv")
    classes = ("negative", "positive", "surprise")
    found = [(*[row[name] for name in ("dataset", "subject", "clip")], class_of(row["label"], classes)) for row in rows]
    assert found == [(*row[:3], classes[int(row[3])]) for row in ROWS]


@pytest.mark.parametrize("header", [False, True])
def test_workbooks_and_columns_in_another_order(header: bool, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    if header:
        book.active.append(["Label", "nr", "Clip", "Subject", "Data set"])
    for dataset, subject, clip, label in ROWS:
        number = int(subject) if subject.isdecimal() else subject
        row = [int(label), 5, clip, number, dataset] if header else [dataset, number, clip, float(label)]
        book.active.append(row)
        book.active.append([None] * 4)
    book.save(tmp_path / "gt.xlsx")
    rows = read_list(tmp_path / "gt.xlsx")
    assert [tuple(row[name] for name in ("dataset", "subject", "clip", "label")) for row in rows] == ROWS


def test_classes_by_name_number_and_numeral() -> None:
    three, five = ("negative", "positive", "surprise"), ("I", "II", "III", "IV", "V")
    assert [class_of(text, three) for text in ("Negative", "1.0", "2", "3", "nan", "")] == [*three, None, None, None]
    assert [class_of(text, five) for text in ("iii", "3", "3.0", "Class V", "VI")] == ["III", "III", "III", "V", None]
    assert class_of("0", ("anger", "joy")) is None


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("", "got nothing"),
        ("dataset,subject,clip\nsamm,6,x\n", r"missing column\(s\) label"),
        ("samm,6\nsamm,7\n", r"missing column\(s\) dataset"),
        ("samm,,y,0\n", r"missing column\(s\) dataset"),
        ("samm,6,x,0\nsamm,,y,0\n", "line 2: column subject"),
    ],
)
def test_what_is_no_list(content: str, part: str, tmp_path: Path) -> None:
    (tmp_path / "gt.csv").write_text(content)
    with pytest.raises(SampleError, match=part):
        read_list(tmp_path / "gt.csv")
