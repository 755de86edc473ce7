"""Every layout and variant written with invented clips and read back; each quirk of the official packages by name."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import openpyxl
import pytest

from mer.config import FolderData
from mer.data import registry as catalog
from mer.data.audit.dataset_audit import audit
from mer.data.loading.dataset_registry import DATASETS
from mer.data.samples.table import SampleTable
from mer.data.synthetic.layouts.registry import LAYOUTS, LayoutClip, write_tree
from mer.errors import ConfigError, DatasetNotFoundError, SampleError
from tests.helpers import trees
from tests.helpers.damage import DAMAGES

#: Subject of person 3 in our tables, "" where the layout names nobody.
PERSON = {
    "samm": "003",
    "casme2": "sub03",
    "smic": "s03",
    "smic_e": "s03",
    "casme": "sub03",
    "casme_sq": "s03",
    "casme3": "spNO.3",
    "mmew": "S03",
    "fourdme": "03",
    "dfme": "3",
    "ck_plus": "S003",
    "jaffe": "AD",
    "oulu_casia": "P003",
    "mug": "003",
    "fer2013": "",
    "raf_db": "",
}
STILL = {"jaffe", "fer2013", "raf_db"}
#: Layouts whose last frame is the apex.
PEAK = {"ck_plus", "oulu_casia"}
#: Layouts that number frames anew.
RENUMBERED = {"ck_plus": 1, "oulu_casia": 0, "mug": 0}
NO_APEX = {"smic", "smic_e", "mug"}
VARIANTS = [pytest.param(name, kind, id=f"{name}-{kind}") for name, it in LAYOUTS.items() for kind in it.variants]


def picture(seed: int) -> np.ndarray:
    """A frame whose level tells its number, with texture of low contrast."""
    return np.clip(np.random.default_rng(seed).integers(-3, 4, (16, 16)) + trees.level(seed), 0, 255).astype(np.uint8)


def clips(layout: str, *, subjects: Sequence[int] = (3, 4)) -> list[LayoutClip]:
    """A clip of each class of the usual label set for each person; all frames differ."""
    emotions = DATASETS[layout].card.label_sets["usual"].classes
    made = []
    for place, (subject, emotion) in enumerate((s, e) for s in subjects for e in emotions):
        start = 96 + 20 * place
        made.append(LayoutClip(subject, emotion, ("4", "L14"), start, start + 3 + place % 3, start + 8, picture))
    return made


def load(root: Path, layout: str, **fields: object) -> SampleTable:
    settings = {"missing_apex": "middle" if layout in NO_APEX else "error", **fields}
    return catalog.load_samples(FolderData(name=layout, root=str(root), **settings), root.parent / "cache")  # type: ignore[arg-type]


def write(layout: str, root: Path, kind: str | None = None, made: list[LayoutClip] | None = None) -> Path:
    return write_tree(layout, clips(layout) if made is None else made, root / layout, variant=kind)


def part(layout: str, kind: str) -> str | None:
    """Part to ask for where variants are parts of the set."""
    return kind if kind in DATASETS[layout].card.parts else None


@pytest.mark.parametrize(("layout", "kind"), VARIANTS)
def test_what_was_written_is_read(layout: str, kind: str, tmp_path: Path) -> None:
    made = clips(layout)
    root = write(layout, tmp_path, kind)
    before = trees.state(root)
    table = load(root, layout, part=part(layout, kind))
    assert trees.state(root) == before
    assert sorted(table.frame["label"]) == sorted(clip.emotion for clip in made)
    assert set(table.frame["dataset"]) == {layout} and table.synthetic and table.missing_files() == []
    if PERSON[layout]:
        assert table.subjects.nunique() == 2 and f"{layout}:{PERSON[layout]}" in set(table.subjects)
    else:
        assert table.subjects.nunique() == len(made)
        assert any("People are not identified" in note for note in table.notes)
    # The grey level of a file tells which frame of the clip it is.
    rows = table.frame.sort_values("label", kind="stable").to_dict("records")
    for row in rows:
        named = [clip for clip in made if clip.emotion == row["label"] and _about(row["apex_path"], clip, layout)]
        assert len(named) >= 1, row
    if layout in STILL:
        assert set(table.frame["onset_path"]) == {""} and table.frame["offset"].isna().all()


def _about(path: str, clip: LayoutClip, layout: str) -> bool:
    wanted = clip.apex or 0
    if layout in NO_APEX:
        wanted = (clip.onset + clip.offset) // 2
    return abs(trees.shown(path) - trees.level(wanted)) <= 3


@pytest.mark.parametrize("layout", sorted(set(LAYOUTS) - STILL))
def test_key_frames_are_those_of_the_clip(layout: str, tmp_path: Path) -> None:
    made = clips(layout)
    table = load(write(layout, tmp_path), layout)
    shown = {
        tuple(trees.shown(row[f"{key}_path"]) for key in ("onset", "offset")) for row in table.frame.to_dict("records")
    }
    for place, clip in enumerate(made):
        at_apex = layout in PEAK or (layout == "casme_sq" and place % 4 == 3)
        wanted = (trees.level(clip.onset), trees.level(int(clip.apex or 0) if at_apex else clip.offset))
        assert any(all(abs(a - b) <= 3 for a, b in zip(wanted, pair, strict=True)) for pair in shown), clip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_missing_data_says_what_was_expected_and_how_to_get_it(layout: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for root in (tmp_path / "empty", tmp_path / "nowhere"):
        with pytest.raises(DatasetNotFoundError) as caught:
            load(root, layout)
        card = DATASETS[layout].card
        assert all(part in str(caught.value) for part in (*card.expected_files, card.how_to_get, f"--layout {layout}"))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_unknown_parts_are_refused(layout: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.part: expected null"):
        load(tmp_path, layout, part="best")


def test_sheets_have_their_rows_named_in_every_set(tmp_path: Path) -> None:
    for layout in ("casme", "mmew", "fourdme", "dfme"):
        root = write(layout, tmp_path)
        sheet = next(root.glob("*.xls*"))
        book = openpyxl.load_workbook(io.BytesIO(sheet.read_bytes()))
        book.active.cell(3, [str(c.value).lower()[:5] for c in book.active[1]].index("onset") + 1).value = "soon"
        book.save(sheet)
        with pytest.raises(SampleError, match=r"row 3, column onset: expected a frame number.*'soon'"):
            load(root, layout)


def test_casme_reads_the_first_apex_and_a_backslash_is_none(tmp_path: Path) -> None:
    made = clips("casme")
    root = write("casme", tmp_path, made=[replace(made[0], apex=None), *made[1:]])
    rows = _rows(root / "CASME-coded-20190721.xls")
    assert rows[0][3:7] == ("OnsetF", "ApexF1", "ApexF2", "OffsetF") and rows[1][4] == "\\"
    assert any(isinstance(row[5], int) for row in rows[1:])
    with pytest.raises(SampleError, match=r"row 2 .*none given"):
        load(root, "casme")
    assert load(root, "casme", missing_apex="drop").frame["apex"].tolist() == [clip.apex for clip in made[1:]]


def _rows(path: Path) -> list[tuple[object, ...]]:
    return list(openpyxl.load_workbook(io.BytesIO(path.read_bytes())).active.iter_rows(values_only=True))


def test_doubled_folder_of_casme2_and_frames_around_its_raw_clips(tmp_path: Path) -> None:
    root = write("casme2", tmp_path, "selected")
    assert (root / "CASME2_RAW_selected/CASME2_RAW_selected/sub03/EP01_01f/img96.jpg").is_file()
    shutil.move(root / "CASME2_RAW_selected/CASME2_RAW_selected", root / "inner")
    (root / "CASME2_RAW_selected").rmdir()
    (root / "inner").rename(root / "CASME2_RAW_selected")
    assert len(load(root, "casme2", part="selected")) == 10
    shutil.rmtree(root)
    raw = write("casme2", tmp_path, "raw")
    assert (raw / "CASME2-RAW/sub03/EP01_01f/img94.jpg").is_file()
    assert load(raw, "casme2", part="raw").frame["onset"].tolist() == [clip.onset for clip in clips("casme2")]


def test_raw_smic_is_jpg_or_bmp(tmp_path: Path) -> None:
    root = write("smic", tmp_path, "nir_raw")
    found = {path.suffix for path in root.rglob("image0*")}
    assert found == {".jpg", ".bmp"} and (root / "SMIC_all_raw/NIR/s03/non_micro").is_dir()
    assert len(load(root, "smic", part="nir_raw")) == 6
    with pytest.raises(DatasetNotFoundError):
        load(root, "smic")


@pytest.mark.parametrize("part", [None, "raw"])
def test_a_root_that_is_another_part_of_casme2_is_refused(tmp_path: Path, part: str | None) -> None:
    root = write("casme2", tmp_path, "selected")
    inner = root / "CASME2_RAW_selected"
    shutil.move(root / "CASME2-coding-20140508.xlsx", inner)
    with pytest.raises(SampleError, match=r"found .*CASME2_RAW_selected.* is part 'selected'. Set data.part=selected"):
        load(inner, "casme2", part=part)
    table = load(inner, "casme2", part="selected")
    assert len(table) == 10 and "Frames: CASME2_RAW_selected/CASME2_RAW_selected." in table.notes


@pytest.mark.parametrize(
    ("kind", "place"), [("hs_raw", ""), ("hs_raw", "HS"), ("vis_raw", "VIS"), ("nir_cropped", "NIR")]
)
def test_a_root_that_is_another_part_of_smic_is_refused(tmp_path: Path, kind: str, place: str) -> None:
    root = write("smic", tmp_path, kind) / f"SMIC_all_{kind.split('_')[1]}" / place
    with pytest.raises(SampleError, match=r"part 'hs_cropped' below .* Set data\.part="):
        load(root, "smic")
    assert len(load(root, "smic", part=kind)) == 6


@pytest.mark.parametrize(("layout", "kind"), [("casme", "selected"), ("casme_sq", "micro_raw")])
def test_a_root_that_is_another_part_is_refused_in_other_sets(tmp_path: Path, layout: str, kind: str) -> None:
    root = write(layout, tmp_path, kind)
    (inner,) = (path for path in root.iterdir() if path.is_dir())
    for sheet in root.glob("*.xls*"):
        shutil.move(sheet, inner)
    with pytest.raises(SampleError, match=r"Set data\.part="):
        load(inner, layout)
    assert len(load(inner, layout, part=kind)) == len(clips(layout))


def test_a_folder_without_a_known_name_is_taken_as_it_is_and_said(tmp_path: Path) -> None:
    root = write("smic", tmp_path)
    (root / "SMIC_all_cropped" / "HS").rename(tmp_path / "mine")
    assert "Frames: mine." in load(tmp_path / "mine", "smic").notes
    assert "Frames: smic/SMIC_all_cropped/HS." in load(write("smic", tmp_path / "whole"), "smic").notes


def test_casme_sq_maps_participants_stimuli_and_an_offset_of_zero(tmp_path: Path) -> None:
    root = write("casme_sq", tmp_path, "micro_raw")
    assert (root / "rawpic/s03/03_0101negative1").is_dir()
    table = load(root, "casme_sq", part="micro_raw")
    made = clips("casme_sq")
    assert set(table.frame["subject"]) == {"s03", "s04"} and "nowhere1_1" not in set(table.frame["clip"])
    assert table.frame["offset"].tolist() == [c.apex if k % 4 == 3 else c.offset for k, c in enumerate(made)]
    assert any("Offset 0 in row 5" in note for note in table.notes)
    with pytest.raises(SampleError, match=r"row 5 .*offset 0"):
        load(root, "casme_sq", part="micro_raw", repairs=False)
    with pytest.raises(DatasetNotFoundError, match="cropped"):
        load(root, "casme_sq", part="macro_cropped")


def test_casme_sq_without_its_rules_is_refused(tmp_path: Path) -> None:
    root = write("casme_sq", tmp_path)
    book = openpyxl.load_workbook(root / "CAS(ME)^2code_final.xlsx")
    del book["naming rule2"]
    book.save(root / "CAS(ME)^2code_final.xlsx")
    with pytest.raises(SampleError, match="two sheets of naming rules"):
        load(root, "casme_sq")


def test_casme3_clips_share_recordings_in_any_case_with_frames_missing(tmp_path: Path) -> None:
    root = write("casme3", tmp_path)
    assert {path.name for path in (root / "part_A").iterdir()} == {"spNo.3", "spNO.4"}
    assert (root / "part_A/spNo.3/b/depth").is_dir()
    table = load(root, "casme3")
    assert set(table.frame["clip"]) == {"b"} and table.frame["sample_id"].tolist()[0] == "casme3/spNO.3_b_96"
    assert not (root / "part_A/spNo.3/b/color/117.jpg").exists()
    assert set(table.frame["emotion"]) >= {"happiness", "sadness"}
    old = root / "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx"
    old.rename(old.with_name("cas(me)3_part_A_ME_label_JpgIndex_v1.xls"))
    assert len(load(root, "casme3")) == 14


def test_ids_are_the_same_under_every_label_set(tmp_path: Path) -> None:
    made = clips("casme3")
    emotions = ["disgust", "others", "surprise", "fear", "anger", "sadness", "happiness"]
    # two clips of the one recording of person 5, of which the second label set leaves one out
    made += [
        LayoutClip(5, emotion, ("4",), 600 + 20 * k, 603 + 20 * k, 608 + 20 * k, picture)
        for k, emotion in enumerate(emotions[:2])
    ]
    root = write("casme3", tmp_path, made=made)
    every, basic = (load(root, "casme3", labels=labels).frame["sample_id"].tolist() for labels in (None, "basic"))
    assert len(basic) == len(every) - 3 and set(basic) < set(every)
    assert "casme3/spNO.5_b_600" in basic


def test_casme3_objective_classes(tmp_path: Path) -> None:
    grades = ("I", "II", "III", "IV", "V", "VI", "VII")
    made = [replace(clip, objective=grades[k % 7]) for k, clip in enumerate(clips("casme3"))]
    table = load(write("casme3", tmp_path, made=made), "casme3", labels="objective")
    assert table.counts()["casme3"].tolist() == [2] * 5


def test_mmew_in_both_arrangements_is_one(tmp_path: Path) -> None:
    one = load(write("mmew", tmp_path / "a", "by_emotion"), "mmew")
    two = load(write("mmew", tmp_path / "b", "by_person"), "mmew")
    assert one.content_hash() == two.content_hash()
    assert (tmp_path / "a/mmew/Micro_Expression/happiness").is_dir() and (tmp_path / "b/mmew/S03/happiness").is_dir()


def test_fourdme_leaves_out_clips_with_two_labels(tmp_path: Path) -> None:
    made = [*clips("fourdme"), LayoutClip(3, "mixed", ("4",), 500, 503, 508, picture)]
    table = load(write("fourdme", tmp_path, made=made), "fourdme")
    assert len(table) == 10 and any("mixed 1" in note for note in table.notes)
    assert "AU4+AUL14(k)" in set(table.frame["aus"])


def test_fourdme_flags_that_contradict_the_text_are_said(tmp_path: Path) -> None:
    root = write("fourdme", tmp_path)
    sheet = root / "4DME_Labelling_Micro_release v1.xlsx"
    book = openpyxl.load_workbook(sheet)
    header = {str(cell.value).casefold(): cell.column for cell in book.active[1]}
    other = "positive" if str(book.active.cell(3, header["emotion"]).value).casefold() != "positive" else "negative"
    for label in ("positive", "negative", "surprise", "repression", "others"):
        book.active.cell(3, header[label]).value = int(label == other)
    book.save(sheet)
    data = FolderData(name="fourdme", root=str(root))
    module = DATASETS["fourdme"]
    reading = module.read(data, tmp_path)
    assert len(reading.inconsistencies) == 1 and reading.inconsistencies[0].startswith("row 3, text ")
    assert reading.inconsistencies[0].endswith(f"flags {other}")
    assert any("The text counts in 1 rows" in note for note in load(root, "fourdme").notes)
    result = audit(reading, data, module.card, read=lambda path: np.asarray(cv2.imread(str(path), 0)))
    assert [(one.kind, one.where) for one in result.findings if not one.harmless] == [("doubt", "row 3")]
    assert result.status == 1


def test_smic_e_second_intervals_padding_text_and_tails(tmp_path: Path) -> None:
    made = clips("smic_e", subjects=(3,))
    later = [replace(clip, onset=clip.onset + 200, offset=clip.offset + 200) for clip in made]
    for kind, sheet in (("hs", "HS_long/SMIC-HS-E_annotation.xlsx"), ("vis", "VIS_long/SMIC-VIS-E/")):
        root = write("smic_e", tmp_path / kind, kind, [*made, *later])
        assert (root / sheet).exists()
        table = load(root, "smic_e", part=kind)
        assert table.frame["onset"].tolist() == [n for clip in made for n in (clip.onset, clip.onset + 200)]
        assert len(set(table.frame["clip"])) == 3 and table.frame["clip"].tolist()[0] == "s3_ne_01"
        assert any("Second interval in row 2" in note for note in table.notes)
    values = [value for row in _rows(tmp_path / "hs/smic_e/HS_long/SMIC-HS-E_annotation.xlsx")[1:] for value in row]
    assert "s03_ne_01" in values and any(isinstance(value, str) and value.strip().isdecimal() for value in values)
    assert "total" in values


def test_ck_plus_leaves_out_sequences_without_label_and_refuses_nonsense(tmp_path: Path) -> None:
    root = write("ck_plus", tmp_path)
    table = load(root, "ck_plus")
    assert any("none given 2" in note for note in table.notes)
    assert (table.frame["apex"] == table.frame["offset"]).all() and set(table.frame["onset"]) == {1}
    label = next((root / "Emotion").rglob("*_emotion.txt"))
    assert "e+00" in label.read_text()
    label.write_text("nine")
    with pytest.raises(SampleError, match=r"expected a number 0\.\.7"):
        load(root, "ck_plus")


def test_jaffe_files_in_two_forms_are_one_image(tmp_path: Path) -> None:
    root = write("jaffe", tmp_path)
    assert {path.suffix for path in root.iterdir()} == {".tiff", ".bmp", ".txt"}
    assert len(list(root.glob("*.*.*.*"))) > 14 == len(load(root, "jaffe"))
    (root / "AD.XX1.99.tiff").write_bytes(b"")
    with pytest.raises(SampleError, match=r"expected one of AN, DI, .* got XX"):
        load(root, "jaffe")


def test_mug_folders_nested_twice(tmp_path: Path) -> None:
    root = write("mug", tmp_path)
    assert (root / "subjects3/003/003/anger/take000").is_dir() and (root / "subjects3/004/anger/take000").is_dir()
    assert set(load(root, "mug").frame["apex_source"]) == {"middle"}


def test_fer2013_writes_its_images_once_and_into_the_cache_only(tmp_path: Path) -> None:
    root = write("fer2013", tmp_path)
    table = load(root, "fer2013")
    image = Path(table.frame["apex_path"][0])
    assert image.is_relative_to(tmp_path / "cache") and [path.name for path in root.glob("*.csv")] == ["fer2013.csv"]
    row = (root / "fer2013.csv").read_text().splitlines()[1].split(",")
    assert np.array_equal(cv2.imread(str(image), cv2.IMREAD_UNCHANGED).ravel(), [int(v) for v in row[1].split()])
    before = trees.state(tmp_path / "cache")
    assert load(root, "fer2013").content_hash() == table.content_hash() and trees.state(tmp_path / "cache") == before
    parts = [len(load(root, "fer2013", part=name, labels="megc2019")) for name in ("all", "training")]
    assert parts == [12, 10]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_image_of_fer2013_in_the_cache_is_written_again(
    damage: Callable[[Path], None], tmp_path: Path
) -> None:
    root = write("fer2013", tmp_path)
    table = load(root, "fer2013")
    image = Path(table.frame["apex_path"][3])
    damage(image)
    assert load(root, "fer2013").content_hash() == table.content_hash()


@pytest.mark.parametrize(
    ("row", "part"),
    [
        ("9,{pixels},Training", "column emotion: expected 0..6, got '9'"),
        ("0,1 2 3,Training", "column pixels: expected 2304 grey levels"),
        ("0,{pixels},Testing", "column Usage"),
        ("0,{bright},Training", "column pixels"),
        ("0,x y,Training", "column pixels"),
    ],
)
def test_fer2013_rows_that_cannot_be_used(row: str, part: str, tmp_path: Path) -> None:
    root = write("fer2013", tmp_path)
    with (root / "fer2013.csv").open("a") as file:
        file.write(row.format(pixels=" ".join(["7"] * 2304), bright=" ".join(["300"] * 2304)) + "\n")
    with pytest.raises(SampleError, match=rf"line 16, {part}"):
        load(root, "fer2013")


def test_fer2013_columns_with_spaces_and_missing_ones(tmp_path: Path) -> None:
    root = write("fer2013", tmp_path)
    table, path = load(root, "fer2013"), root / "fer2013.csv"
    text = path.read_text()
    path.write_text(text.replace("emotion,pixels,Usage", "emotion, pixels, Usage"))
    assert load(root, "fer2013").content_hash() == table.content_hash()
    path.write_text(text.replace("emotion,pixels,Usage", "emotion,usage"))
    with pytest.raises(SampleError, match="missing pixels"):
        load(root, "fer2013")


def test_raf_db_parts_and_lines_that_cannot_be_used(tmp_path: Path) -> None:
    root = write("raf_db", tmp_path, made=clips("raf_db", subjects=range(1, 6)))
    assert (
        len(load(root, "raf_db"))
        == 35
        == len(load(root, "raf_db", part="train")) + len(load(root, "raf_db", part="test"))
    )
    (root / "Image/aligned/train_00002_aligned.jpg").unlink()
    with pytest.raises(SampleError, match=r"line 2 \(subject train_00002.*train_00002_aligned\.jpg"):
        load(root, "raf_db")
    (root / "EmoLabel/list_patition_label.txt").write_text("train_00001.jpg 9\n")
    with pytest.raises(SampleError, match="line 1: expected a line like"):
        load(root, "raf_db")
