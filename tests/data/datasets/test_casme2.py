from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from mer.data.loading.dataset_card import SYNTHETIC_MARK
from mer.errors import DatasetNotFoundError, SampleError
from tests.helpers import trees


def test_casme2_tree_has_its_quirks_and_they_are_read(originals: Path) -> None:
    names = {path.name for path in (originals / "casme2/Cropped/sub03").iterdir()}
    assert {"EP01_01f", "EP01_01", "EP01f", "EP01_01_01", "EP01_1"} == names
    rows = list(
        openpyxl.load_workbook(originals / "casme2" / trees.SHEETS["casme2"]).active.iter_rows(values_only=True)
    )
    assert rows[0][2] is None and rows[0][6] is None
    assert {type(row[0]) for row in rows[1:]} == {int, str}
    assert 12 in {row[7] for row in rows[1:]}


@pytest.mark.parametrize("subject", [3, "3", "03", "sub03", 3.0, "Sub3"])
def test_casme2_subject_in_any_form(tree: trees.Tree, subject: Any) -> None:
    root = tree("casme2")
    trees.edit(root, "casme2", 2, subject=subject)
    assert trees.load(root, "casme2").frame.loc[0, "subject"] == "sub03"


@pytest.mark.parametrize("place", ["Cropped/Cropped", "Cropped-updated/Cropped", "CROPPED"])
def test_casme2_frames_where_people_have_them(originals: Path, tree: trees.Tree, place: str) -> None:
    root = tree("casme2")
    (root / "Cropped").rename(root / "moved")
    (root / place).parent.mkdir(exist_ok=True)
    (root / "moved").rename(root / place)
    assert trees.load(root, "casme2").content_hash() == trees.load(originals / "casme2", "casme2").content_hash()


def test_casme2_newest_sheet_is_read_and_named(tree: trees.Tree) -> None:
    root = tree("casme2")
    shutil.copy(root / trees.SHEETS["casme2"], root / "CASME2-coding-20190701.xlsx")
    (root / trees.SHEETS["casme2"]).write_bytes(b"broken, and not read")
    assert any("20190701" in note for note in trees.load(root, "casme2").notes)


def test_clip_in_a_folder_of_longer_name_is_not_taken_for_it(tree: trees.Tree) -> None:
    root = tree("casme2")
    shutil.rmtree(root / "Cropped/sub03/EP01_01")
    with pytest.raises(SampleError, match=r"row 3 \(subject sub03, clip EP01_01\): .*EP01_01 \(no such folder\)"):
        trees.load(root, "casme2")


def test_objective_classes_of_casme2_stand_in_their_own_sheet(tree: trees.Tree) -> None:
    root = tree("casme2")
    with pytest.raises(DatasetNotFoundError, match=r"CASME2-ObjectiveClasses\.xlsx"):
        trees.load(root, "casme2", labels="objective")
    book = openpyxl.Workbook()
    book.active.append(["Subject", "Filename", "Objective Class"])
    names = ["EP01_01f", "EP01_01", "EP01f", "EP01_01_01", "EP01_1"]
    for number, name in enumerate(names, start=1):
        book.active.append([3, name, number])
    book.save(root / "CASME2-ObjectiveClasses.xlsx")
    table = trees.load(root, "casme2", labels="objective")
    assert dict(zip(table.frame["clip"], table.frame["label"], strict=True)) == dict(
        zip(names, ["I", "II", "III", "IV", "V"], strict=True)
    )


def test_selection_by_label_is_told_for_recordings(tree: trees.Tree) -> None:
    root = tree("casme2")
    (root / SYNTHETIC_MARK).unlink()
    table = trees.load(root, "casme2", labels="megc2019")
    negative = int((table.frame["label"] == "negative").sum())
    said = f"CASME II gives {len(table)} ({negative} negative"
    assert any("selected by label" in note and said in note and "145" in note for note in table.notes)
