"""One small sheet as people have it: other cells, headings, remarks, merged cells, encodings."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from mer.data.synthetic.layouts.registry import write_tree
from tests.helpers import trees

Row = list[Any]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tree("casme2", trees.clips(trees.EMOTIONS["casme2"]), tmp_path_factory.mktemp("sheets") / "casme2")


@pytest.fixture(scope="module")
def usual(tree: Path) -> tuple[pd.DataFrame, list[Row]]:
    return trees.load(tree, "casme2").frame, [list(row) for row in trees.rows(tree / trees.SHEETS["casme2"])]


def wide(text: object) -> str:
    return "".join(chr(ord(letter) + 0xFEE0) for letter in str(text))


def cells(column: int, change: Callable[[Any], object]) -> Callable[[list[Row]], list[Row]]:
    return lambda rows: [rows[0], *([*row[:column], change(row[column]), *row[column + 1 :]] for row in rows[1:])]


def headed(column: int, heading: str) -> Callable[[list[Row]], list[Row]]:
    return lambda rows: [[*rows[0][:column], heading, *rows[0][column + 1 :]], *rows[1:]]


CHINESE = ["被试", "文件名", None, "起始帧", "顶点帧", "结束帧", None, "动作单元", "情绪"]
EMOTIONS = {"others": "其他", "disgust": "厌恶", "happiness": "高兴", "repression": "压抑", "surprise": "惊讶"}
VARIANTS: dict[str, Callable[[list[Row]], list[Row]]] = {
    "subject Sub 3": cells(0, lambda value: f"Sub {int(value)}"),
    "subject S3": cells(0, lambda value: f"S{int(value)}"),
    "subject 3.0": cells(0, lambda value: f"{int(value)}.0"),
    "subject, wide": cells(0, lambda value: wide(int(value))),
    "clip with invisible letters": cells(1, lambda value: f"\u200b{value}\xa0 "),
    "clip as a video": cells(1, lambda value: f"{value}.avi"),
    "clip with folders": cells(1, lambda value: f"sub03\\{value}"),
    "frame as a file": cells(3, lambda value: f"reg_img{value}.jpg"),
    "frame, wide": cells(3, wide),
    "frame as text": cells(3, lambda value: f"'{value}"),
    "emotion, wide": cells(8, wide),
    "emotion with a point": cells(8, lambda value: f"\u200b{value.title()}. "),
    "emotion in Chinese": cells(8, EMOTIONS.__getitem__),
    "heading, wide": headed(0, wide("Subject")),
    "heading with a remark": headed(0, "Subject (被试)"),
    "heading with the rate": headed(3, "Onset Frame (200 fps)"),
    "other headings": lambda rows: headed(8, "Emotion Label")(headed(1, "Clip name")(headed(0, "Participant")(rows))),
    "headings in Chinese": lambda rows: [CHINESE, *rows[1:]],
    "a column of seconds first": lambda rows: [["Onset (s)", *rows[0]], *([0.48, *row] for row in rows[1:])],
    "header again": lambda rows: [*rows[:5], rows[0], *rows[5:]],
    "row of units": lambda rows: [rows[0], [None] * 3 + ["(frame)"] * 3, *rows[1:]],
    "total below": lambda rows: [*rows, [], ["Total", 15]],
    "remark in the column of clips": lambda rows: [*rows, [], [None, "/ means unknown"]],
    "remark in the column of emotions": lambda rows: [*rows, [None] * 8 + ["* see the paper"]],
    "number below": lambda rows: [*rows, [None] * 3 + [15]],
}


def compare(root: Path, tree: Path, usual: pd.DataFrame) -> None:
    (root / "Cropped").symlink_to(tree / "Cropped", target_is_directory=True)
    found = trees.load(root, "casme2").frame
    columns = ["sample_id", "subject", "clip", "onset", "apex", "offset", "aus", "label"]
    pd.testing.assert_frame_equal(found[columns], usual[columns], check_dtype=False)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_sheet_with_other_cells(
    variant: str, tree: Path, usual: tuple[pd.DataFrame, list[Row]], tmp_path: Path
) -> None:
    book = openpyxl.Workbook()
    for row in VARIANTS[variant](usual[1]):
        book.active.append(row)
    book.save(tmp_path / "CASME2-coding-20140508.xlsx")
    compare(tmp_path, tree, usual[0])


@pytest.mark.parametrize("suffix", [".xlsx", ".xls"])
def test_cells_merged_downwards(suffix: str, tree: Path, usual: tuple[pd.DataFrame, list[Row]], tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in usual[1]:
        book.active.append(row)
    for start in (2, 7, 12):
        book.active.merge_cells(start_row=start, end_row=start + 4, start_column=1, end_column=1)
    book.save(tmp_path / f"CASME2-coding-20140508{suffix}")
    compare(tmp_path, tree, usual[0])


@pytest.mark.parametrize(
    ("suffix", "encoding", "separator"),
    [(".csv", "gbk", ","), (".txt", "utf-16-le", "\t"), (".csv", "utf-16-be", ";"), (".xls", "utf-8", "\t")],
)
def test_a_sheet_as_text(
    suffix: str,
    encoding: str,
    separator: str,
    tree: Path,
    usual: tuple[pd.DataFrame, list[Row]],
    tmp_path: Path,
) -> None:
    written = io.StringIO()
    csv.writer(written, delimiter=separator).writerows([CHINESE, *usual[1][1:]])
    (tmp_path / f"CASME2-coding-20140508{suffix}").write_bytes(written.getvalue().encode(encoding))
    compare(tmp_path, tree, usual[0])


def test_a_sheet_without_units(tree: Path, usual: tuple[pd.DataFrame, list[Row]], tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in usual[1]:
        book.active.append([*row[:7], row[8]])
    book.save(tmp_path / "CASME2-coding-20140508.xlsx")
    compare(tmp_path, tree, usual[0].assign(aus=""))
