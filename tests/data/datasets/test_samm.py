from __future__ import annotations

from pathlib import Path

import openpyxl

from tests.helpers import trees


def test_samm_tree_has_its_quirks_and_they_are_read(originals: Path) -> None:
    names = [path.stem.split("_")[1] for path in (originals / "samm/SAMM").rglob("*.jpg")]
    assert {len(name) for name in names} == {4, 5}
    sheet = openpyxl.load_workbook(originals / "samm" / trees.SHEETS["samm"]).active
    first = [row[0].value for row in sheet.iter_rows()]
    assert first.index("Subject") + 1 == 14
    assert any(str(cell).startswith("Subject:") for cell in first[:13])
    emotions = {row[9].value for row in sheet.iter_rows(min_row=15)}
    assert {"Other", "Others", "Anger"} <= emotions
    assert {row[0].value for row in sheet.iter_rows(min_row=15)} == {"003", "006", "011"}


def test_samm_subject_as_a_number_gets_its_padding_back(tree: trees.Tree) -> None:
    root = tree("samm")
    trees.edit(root, "samm", 15, subject=3)
    assert trees.load(root, "samm").frame.loc[0, "subject"] == "003"


def test_objective_classes_of_samm(tree: trees.Tree) -> None:
    root = tree("samm")
    for row, value in enumerate(["I", "ii", 3, "IV", "V", "VI", "Class VII"], start=15):
        trees.edit(root, "samm", row, objectiveclasses=value)
    table = trees.load(root, "samm", labels="objective")
    assert table.frame["label"].tolist() == ["I", "II", "III", "IV", "V"]
    assert any("VI 1, VII 1, none given 8" in note for note in table.notes)
