from __future__ import annotations

from pathlib import Path

import pytest

from mer.config import FolderData
from mer.data import registry as catalog
from mer.errors import DatasetNotFoundError, SampleError
from tests.helpers import trees

HEADER = "dataset,subject,clip,onset,column,value,reason\n"


def write(folder: Path, *rows: str) -> str:
    path = folder / "repairs.csv"
    path.write_text(HEADER + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return str(path)


def test_repairs_are_applied_told_and_can_be_switched_off(tree: trees.Tree, tmp_path: Path) -> None:
    root = tree("samm")
    trees.edit(root, "samm", 15, offsetframe=90, apexframe="/")
    with pytest.raises(SampleError, match="onset 96, offset 90"):
        trees.load(root, "samm")
    table = write(
        tmp_path,
        "samm,003,003_1_1,96,offset,108,offset before onset; seen on the frames",
        "SAMM,003,003_1_1,96,apex,101,none given",
        "samm,006,006_1_1,,emotion,Surprise,no onset asked for",
        "samm,003,003_1_2,11,apex,99,fits nothing",
        "casme2,sub03,EP01_01f,96,apex,97,of another set",
    )
    read = trees.load(root, "samm", repairs_table=table)
    assert read.frame.loc[0, ["apex", "offset"]].tolist() == [101, 108]
    assert read.frame.set_index("clip").loc["006_1_1", "label"] == "surprise"
    notes = [note for note in read.notes if note.startswith("Repair")]
    assert notes[0].startswith("Repaired row 15 (subject 003, clip 003_1_1): offset 90 -> 108 (offset before onset")
    assert len(notes) == 4 and notes[3] == "Repair in line 5 of repairs.csv fits no clip: 003, 003_1_2, onset 11."
    with pytest.raises(SampleError, match="onset 96, offset 90"):
        catalog.load_samples(FolderData(name="samm", root=str(root), repairs=False), tmp_path)


def test_tables_that_cannot_be_used(originals: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"repairs\.csv: no such file"):
        trees.load(originals / "samm", "samm", repairs_table=str(tmp_path / "repairs.csv"))
    bad = write(
        tmp_path,
        "samm,003,a,1,mood,2,why",
        "samm,003,a,1,apex,soon,why",
        "samm,003,a,1,apex,2,",
        "samm,,a,1,apex,2,why",
    )
    with pytest.raises(SampleError) as caught:
        trees.load(originals / "samm", "samm", repairs_table=bad)
    assert [f"line {n} " in str(caught.value) for n in (2, 3, 4, 5)] == [True] * 4
    (tmp_path / "repairs.csv").write_text("dataset,subject\n")
    with pytest.raises(SampleError, match="missing\n  clip"):
        trees.load(originals / "samm", "samm", repairs_table=bad)


def test_table_without_repairs_is_a_contradiction() -> None:
    data = FolderData(name="samm", root="x", repairs=False, repairs_table="x.csv")
    assert catalog.config_errors(data) == [
        "data.repairs_table: expected null where data.repairs=false, which applies none of its rows"
    ]
