"""Official copies with the quirks that real ones have, written with invented clips: other names, releases, packages."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import openpyxl
import pandas as pd
import pytest

from mer.config import FolderData
from mer.data import registry as catalog
from mer.data.audit.dataset_audit import Audit, audit
from mer.data.loading.dataset_card import SYNTHETIC_MARK
from mer.data.loading.dataset_registry import DATASETS
from mer.data.samples.table import SampleTable
from mer.data.synthetic.layouts.registry import write_tree
from mer.errors import SampleError
from mer.inputs.frames.image_files import read_image
from tests.helpers import sized_trees, trees


def data(root: Path, name: str, **fields: object) -> FolderData:
    return FolderData(name=name, root=str(root), **fields)  # type: ignore[arg-type]


def load(root: Path, name: str, **fields: object) -> SampleTable:
    return catalog.load_samples(data(root, name, **fields), root.parent / "cache")


def examined(root: Path, name: str, **fields: object) -> Audit:
    settings, dataset = data(root, name, **fields), DATASETS[name]
    return audit(dataset.read(settings, root.parent / "cache"), settings, dataset.card, read=read_image)


def frames(folder: Path, numbers: range, name: str = "{}.jpg") -> None:
    folder.mkdir(parents=True)
    noise = np.random.default_rng(abs(hash(str(folder))) % 2**32)
    base = noise.uniform(0, 255, (24, 24))
    for number in numbers:
        picture = np.clip(base + noise.normal(0, 9, base.shape), 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / name.format(number)), picture)


def book(path: Path, *rows: list[object], title: str = "Sheet") -> Path:
    made = openpyxl.Workbook()
    made.active.title = title
    for row in rows:
        made.active.append(row)
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save(path)
    return path


# SMIC-E ------------------------------------------------------------------------------------------------------------

HEADINGS = [
    ("OnsetF2", "OffsetF2", "OnsetF3", "OffsetF3"),
    ("Onset2F", "Offset2F", "Onset3F", "Offset3F"),
    ("2nd OnsetF", "2nd OffsetF", "3rd OnsetF", "3rd OffsetF"),
    ("Onset 2", "Offset 2", "Onset 3", "Offset 3"),
    ("Second onset", "Second offset", "Third onset", "Third offset"),
    ("OnsetF", "OffsetF", "OnsetF", "OffsetF"),
    ("Onset_2nd", "Offset_2nd", "Onset_3rd", "Offset_3rd"),
]


@pytest.mark.parametrize("headings", HEADINGS)
@pytest.mark.parametrize("place", ["", "SMIC-HS-E/"])
def test_further_intervals_of_smic_e_under_any_heading(headings: tuple[str, ...], place: str, tmp_path: Path) -> None:
    root = tmp_path / "SMIC-E_raw image" / "HS_long"
    rows: list[list[object]] = [["Subject", "Filename", None, "OnsetF", "OffsetF", *headings, None, "FirstF", "LastF"]]
    for person in (1, 2):
        for code in ("ne", "po", "sur"):
            clip = f"s{person}_{code}_01"
            frames(root / "SMIC-HS-E" / f"s{person:02d}" / clip, range(100, 140), "image{:06d}.jpg")
            further = [120, 130, 133, 138] if (person, code) == (1, "ne") else [None] * 4
            rows.append([person, clip, None, 104, 112, *further, None, 100, 139])
    book(root / f"{place}SMIC-HS-E_annotation.xlsx", *rows)
    table = load(tmp_path, "smic_e", missing_apex="middle")
    assert sorted(table.frame["onset"]) == [104] * 6 + [120, 133]
    assert sum("interval in row 2" in note for note in table.notes) == 2


# CAS(ME)^3 ---------------------------------------------------------------------------------------------------------

CASME3 = ["Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion"]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The package of clips, with one row whose offset lies before its onset."""
    root, rows = tmp_path / "CASME3", [CASME3]
    for place, emotion in enumerate(("disgust", "surprise", "fear", "anger", "sad", "happy", "Others")):
        for person in (1, 2):
            onset = 100 + 10 * place
            where = f"spNo.{person}_a_{onset}" if person == 2 else f"spNO.{person}_a_{onset}"
            frames(root / "Part_A_ME_clip" / "frame" / where, range(onset, onset + 8))
            offset = onset - 50 if (place, person) == (3, 1) else onset + 7
            rows.append([f"spNO.{person}", "a", str(onset), str(onset + 4), str(offset), "4\uff0c7", "III", emotion])
    book(root / "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx", *rows, title="label")  # type: ignore[arg-type]
    return root


def test_the_package_of_clips_is_read_and_the_refusal_names_the_table_that_helps(package: Path, tmp_path: Path) -> None:
    with pytest.raises(SampleError, match=r"onset 130, offset 80\n.*data\.repairs_table=FILE\.csv \(dataset,subject"):
        load(package, "casme3")
    table = tmp_path / "repairs.csv"
    head = "dataset,subject,clip,onset,column,value,reason\n"
    table.write_text(head + "CAS(ME)^3,spno.1,a,130,offset,137,typing error\nCASME3,spNO.9,a,1,offset,5,nobody\n")
    with pytest.raises(SampleError, match=r"onset 130, offset 80") as caught:
        table.write_text(head + "CASME3,spNO.9,a,1,offset,5,nobody\n")
        load(package, "casme3", repairs_table=str(table))
    assert "Repair in line 2 of repairs.csv fits no clip: spNO.9, a, onset 1." in str(caught.value)
    table.write_text(head + "CAS(ME)^3,1,A,130,offset,137,typing error\n")
    read = load(package, "casme3", repairs_table=str(table))
    assert len(read) == 14 and read.frame["folder"].str.contains("Part_A_ME_clip/frame/sp").all()


# names of files ----------------------------------------------------------------------------------------------------

NAMES = [
    ("samm", "SAMM_20181215_Micro_FACS_Codes_v2.xlsx"),
    ("samm", "[modified]SAMM_Micro_FACS_Codes_v2.xlsx"),
    ("samm", "my codes.xlsx"),
    ("casme2", "CASME2_label_Ver_2.xls"),
    ("casme2", "[modified] CASME2-coding-20190701.xlsx"),
    ("casme2", "labels of my boss.xlsx"),
    ("casme_sq", "code_final.xlsx"),
    ("casme_sq", "CAS(ME)^2code_final(Updated).xlsx"),
]
WRITTEN = trees.SHEETS | {"casme_sq": "CAS(ME)^2code_final.xlsx"}


def small(layout: str, out: Path) -> Path:
    emotions = trees.EMOTIONS.get(layout, ("negative", "positive", "surprise"))
    return write_tree(layout, trees.clips(emotions), out)


@pytest.mark.parametrize(("layout", "name"), NAMES)
def test_sheets_under_the_names_that_go_round(layout: str, name: str, tmp_path: Path) -> None:
    root = small(layout, tmp_path / layout)
    before = load(root, layout)
    (root / WRITTEN[layout]).rename(root / name)
    after = load(root, layout)
    pd.testing.assert_frame_equal(before.frame, after.frame)
    assert any(name in note for note in after.notes)


def test_a_sheet_of_another_set_beside_it_is_not_taken(tmp_path: Path) -> None:
    root = small("casme2", tmp_path / "casme2")
    (root / WRITTEN["casme2"]).rename(root / "b.xlsx")
    other = ["Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units", "Estimated Emotion"]
    book(root / "z.xlsx", other, [1, "nowhere", 1, 2, 3, "4", "others"])  # type: ignore[arg-type]
    assert any("Coding sheet: b.xlsx" in note for note in load(root, "casme2").notes)


@pytest.mark.parametrize("layout", ["samm", "casme2"])
@pytest.mark.parametrize(
    ("separator", "encoding"), [(",", "utf-8"), (";", "utf-8-sig"), ("\t", "utf-16"), (";", "cp1252")]
)
def test_sheets_saved_as_text(layout: str, separator: str, encoding: str, tmp_path: Path) -> None:
    root = small(layout, tmp_path / layout)
    before, sheet = load(root, layout), root / trees.SHEETS[layout]
    lines = [separator.join("" if cell is None else str(cell) for cell in row) for row in trees.rows(sheet)]
    sheet.with_suffix(".csv").write_bytes("\r\n".join(lines).encode(encoding))
    sheet.unlink()
    pd.testing.assert_frame_equal(before.frame, load(root, layout).frame)


@pytest.mark.parametrize("layout", ["samm", "casme2"])
def test_text_in_the_subject_column_below_the_table_is_a_remark(layout: str, tmp_path: Path) -> None:
    root = small(layout, tmp_path / layout)
    before, sheet = load(root, layout), root / trees.SHEETS[layout]
    made = openpyxl.load_workbook(sheet)
    made.active.append(["AUs in brackets are doubtful"])
    made.active.append([])
    made.active.append(["total: 15"])
    made.save(sheet)
    after = load(root, layout)
    pd.testing.assert_frame_equal(before.frame, after.frame)
    assert sum("Remark in row" in note for note in after.notes) == 2
    assert any(note.endswith(": 'total: 15'.") for note in after.notes)
    made.active.append(["unclear", *[None] * 3, 12])  # a number of a frame makes it the row of a clip
    made.save(sheet)
    with pytest.raises(SampleError, match="column subject: expected the number of a person, got 'unclear'"):
        load(root, layout)


def test_casme_sq_is_read_from_one_csv_a_sheet(tmp_path: Path) -> None:
    root = small("casme_sq", tmp_path / "casme_sq")
    before = load(root, "casme_sq", missing_apex="middle")
    (workbook,) = root.glob("*.xlsx")
    made = openpyxl.load_workbook(workbook)
    workbook.unlink()
    for sheet in made.worksheets:
        rows = sheet.iter_rows(values_only=True)
        lines = [",".join("" if cell is None else str(cell) for cell in row) for row in rows]
        (root / f"{workbook.stem}-{sheet.title}.csv").write_text("\n".join(lines), encoding="utf-8")
    pd.testing.assert_frame_equal(before.frame, load(root, "casme_sq", missing_apex="middle").frame)
    (root / f"{workbook.stem}-naming rule2.csv").unlink()
    with pytest.raises(SampleError, match="save all its sheets as CSV, with 'rule1' and 'rule2'"):
        load(root, "casme_sq", missing_apex="middle")


# whole official copies ---------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["casme2", "samm"])
def test_a_whole_copy_with_its_known_rows_passes_the_audit(layout: str, tmp_path: Path) -> None:
    root = sized_trees.write(layout, tmp_path / layout)
    (root / SYNTHETIC_MARK).unlink(missing_ok=True)
    marks = ("/", 1) if layout == "casme2" else (0, 900)
    for row, mark in enumerate(marks, trees.ROWS[layout]):
        trees.edit(root, layout, row, apexframe=mark, actionunits="ref(7B)+A12+soft focus")
    found = examined(root, layout, missing_apex="middle", labels="all")
    assert [item for item in found.findings if not item.harmless] == [] and found.status == 0, found.unusable
    trees.edit(root, layout, trees.ROWS[layout] + 2, apexframe="/")
    assert examined(root, layout, missing_apex="middle", labels="all").status == 1  # one more than is known


def test_the_release_whose_counts_fit_is_compared_with(tmp_path: Path) -> None:
    root = sized_trees.write("casme2", tmp_path / "casme2")
    (root / SYNTHETIC_MARK).unlink(missing_ok=True)
    sheet = root / trees.SHEETS["casme2"]
    rows = trees.rows(sheet)
    sad = [place for place, row in enumerate(rows, 1) if row[-1] == "sadness"][:3]
    assert not any("differ from the published" in note for note in load(root, "casme2", labels="all").notes)
    for place in sad:
        trees.edit(root, "casme2", place, estimatedemotion="surprise")
    notes = load(root, "casme2", labels="all").notes
    assert "Counts are those of the release 2019 of CASME II." in notes
    notes = load(root, "casme2", labels="megc2019").notes
    assert any("gives 150 (90 negative, 32 positive, 28 surprise)" in note for note in notes)
    shutil.move(sheet, root / "CASME2-coding-20190701.xlsx")  # by name where the counts fit none
    shutil.rmtree(next((root / "Cropped").iterdir()) / "nothing", ignore_errors=True)
    made = openpyxl.load_workbook(root / "CASME2-coding-20190701.xlsx")
    made.active.delete_rows(2)
    made.save(root / "CASME2-coding-20190701.xlsx")
    (note,) = [note for note in load(root, "casme2", labels="all").notes if "differ from the published" in note]
    assert "in all 254 instead of 255" in note and "surprise" not in note
