"""What holds for every official layout: written with invented clips and read back; quirks, faults, remedies."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from mer.data.loading.dataset_card import SYNTHETIC_MARK
from mer.data.synthetic.layouts.registry import write_tree
from mer.errors import ConfigError, DatasetNotFoundError, SampleError
from tests.helpers import trees


@pytest.mark.parametrize("layout", trees.EMOTIONS)
def test_reads_back_what_was_written(originals: Path, layout: str) -> None:
    written = trees.clips(trees.EMOTIONS[layout])
    table = trees.load(originals / layout, layout)
    rows = table.frame.to_dict("records")
    assert sorted((row["subject"], row["label"]) for row in rows) == sorted(
        (trees.SUBJECTS[layout].format(clip.subject), clip.emotion) for clip in written
    )
    assert {row["dataset"] for row in rows} == {layout}
    assert table.frame["sample_id"].tolist() == [f"{layout}/{row['subject']}_{row['clip']}" for row in rows]
    assert {row["onset"] for row in rows} == {96}
    assert {row["offset"] for row in rows} == {108}
    # The pixels of a frame tell its number, so the files are the right ones.
    for row in rows:
        for frame in ("onset", "apex", "offset"):
            assert abs(trees.shown(row[f"{frame}_path"]) - trees.level(row[frame])) <= 2
            assert Path(row[f"{frame}_path"]).parent == Path(row["folder"])
    assert table.missing_files() == []
    assert table.synthetic
    assert any("drawn" in note for note in table.notes)


@pytest.mark.parametrize("layout", ["samm", "casme2"])
def test_annotations_come_as_they_are(originals: Path, layout: str) -> None:
    frame = trees.load(originals / layout, layout).frame
    assert frame["apex"].tolist() == [clip.apex for clip in trees.clips(trees.EMOTIONS[layout])]
    assert set(frame["apex_source"]) == {"annotated"}
    assert frame["aus"].tolist() == ["+".join(clip.aus) for clip in trees.clips(trees.EMOTIONS[layout])]


@pytest.mark.parametrize("layout", trees.EMOTIONS)
def test_loading_writes_nothing_into_the_tree(originals: Path, layout: str) -> None:
    before = trees.state(originals / layout)
    trees.load(originals / layout, layout)
    assert trees.state(originals / layout) == before


@pytest.mark.parametrize("layout", trees.EMOTIONS)
def test_stray_files_mixed_case_and_other_extensions_change_nothing(
    originals: Path, tree: trees.Tree, layout: str
) -> None:
    root = tree(layout)
    frames = sorted(path for path in root.rglob("*") if path.suffix in (".jpg", ".bmp"))
    for place, path in enumerate(frames):
        if place % 3 == 0:
            path.rename(path.with_suffix(path.suffix.upper()))
    for folder in {path.parent for path in frames}:
        for name in ("Thumbs.db", ".DS_Store", "EP02_01f.lnk", "._0001.jpg", "notes 12.txt"):
            (folder / name).write_bytes(b"stray")
    (root / "~$lock.xlsx").write_bytes(b"stray")
    columns = ["sample_id", "onset", "apex", "offset", "label"]
    assert trees.load(root, layout).frame[columns].equals(trees.load(originals / layout, layout).frame[columns])


def test_root_may_be_the_folder_of_frames_itself(originals: Path) -> None:
    for layout, inside in (
        ("samm", "SAMM"),
        ("casme2", "Cropped"),
        ("smic", "SMIC_all_cropped"),
        ("smic", "SMIC_all_cropped/HS"),
    ):
        table = trees.load(originals / layout / inside, layout)
        assert table.content_hash() == trees.load(originals / layout, layout).content_hash()


@pytest.mark.parametrize("layout", ["samm", "casme2"])
@pytest.mark.parametrize("mark", ["/", "\\", None, "", 0])
def test_apex_that_is_not_given(tree: trees.Tree, layout: str, mark: Any) -> None:
    root, row = tree(layout), trees.ROWS[layout]
    trees.edit(root, layout, row, apexframe=mark)
    with pytest.raises(SampleError, match=rf"1 of 15 .*\n.*row {row} .*none given\n.*missing_apex=middle.*=drop"):
        trees.load(root, layout)
    table = trees.load(root, layout, missing_apex="middle")
    assert table.frame.loc[0, "apex"] == 102
    assert table.frame["apex_source"].tolist() == ["middle", *["annotated"] * 14]
    assert any(f"row {row}" in note and "halfway" in note for note in table.notes)
    dropped = trees.load(root, layout, missing_apex="drop")
    assert dropped.frame["sample_id"].tolist() == table.frame["sample_id"].tolist()[1:]
    assert any(f"row {row}" in note and "left out" in note for note in dropped.notes)


def test_apex_outside_its_clip_counts_as_not_given(tree: trees.Tree) -> None:
    root = tree("casme2")
    trees.edit(root, "casme2", 2, apexframe=109)
    trees.edit(root, "casme2", 3, apexframe=95)
    with pytest.raises(SampleError, match=r"apex 109 outside onset 96 \.\. offset 108\n.*row 3.*apex 95 outside"):
        trees.load(root, "casme2")
    table = trees.load(root, "casme2", missing_apex="middle")
    assert table.frame.loc[:2, "apex_source"].tolist() == ["middle", "middle", "annotated"]


def test_middle_is_a_frame_that_exists(tree: trees.Tree) -> None:
    root = tree("samm")
    trees.edit(root, "samm", 15, apexframe="/")
    for number in (101, 102):
        next((root / trees.FOLDERS["samm"]).glob(f"*{number}.jpg")).unlink()
    assert trees.load(root, "samm", missing_apex="middle").frame.loc[0, "apex"] == 103


def test_apex_equal_to_the_onset_is_told(tree: trees.Tree) -> None:
    root = tree("casme2")
    trees.edit(root, "casme2", 4, apexframe=96)
    table = trees.load(root, "casme2")
    assert table.frame.loc[2, "apex"] == 96
    assert any("no motion" in note and "row 4" in note for note in table.notes)


@pytest.mark.parametrize("layout", ["samm", "casme2"])
def test_all_frames_missing_on_disk_are_listed(tree: trees.Tree, layout: str) -> None:
    root, row = tree(layout), trees.ROWS[layout]
    for number in (96, 100, 108):
        next(
            path
            for path in (root / trees.FOLDERS[layout]).iterdir()
            if re.search(rf"(?<!\d)0*{number}\.jpg", path.name)
        ).unlink()
    trees.edit(root, layout, row + 1, offsetframe=300)
    with pytest.raises(SampleError) as caught:
        trees.load(root, layout)
    text = str(caught.value)
    wanted = [
        f"row {row} ",
        "onset frame 96",
        "apex frame 100",
        "offset frame 108",
        trees.FOLDERS[layout],
        f"row {row + 1} ",
        "frame 300",
    ]
    assert [part for part in wanted if part not in text] == []
    assert "4 frames" in text


@pytest.mark.parametrize("layout", ["samm", "casme2"])
def test_missing_and_empty_folders_of_clips_are_listed(tree: trees.Tree, layout: str) -> None:
    root = tree(layout)
    shutil.rmtree(root / trees.FOLDERS[layout])
    other = next(path for path in (root / trees.FOLDERS[layout]).parent.iterdir())
    for path in other.iterdir():
        path.unlink()
    with pytest.raises(SampleError) as caught:
        trees.load(root, layout)
    assert f"{trees.FOLDERS[layout]} (no such folder)" in str(caught.value)
    assert f"{other} (no frames inside)" in str(caught.value)


@pytest.mark.parametrize(
    ("cells", "parts"),
    [
        ({"estimatedemotion": "Bored"}, ["unknown emotion", "row 15", "'bored'", "anger, contempt"]),
        ({"estimatedemotion": None}, ["unknown emotion", "row 15", "''"]),
        ({"onsetframe": "x"}, ["row 15, column onset", "'x'"]),
        ({"subject": "nobody", "apexframe": "12-14"}, ["row 15, column subject", "'nobody'", "column apex", "12-14"]),
        ({"filename": None}, ["row 15, column clip"]),
        ({"offsetframe": 90}, ["row 15", "onset 96, offset 90"]),
        ({"onsetframe": "/"}, ["row 15", "onset None"]),
        ({"filename": "003_1_2"}, ["row 15", "row 16", "twice"]),
    ],
)
def test_wrong_cells_are_named_with_their_row(tree: trees.Tree, cells: dict[str, Any], parts: list[str]) -> None:
    root = tree("samm")
    trees.edit(root, "samm", 15, **cells)
    with pytest.raises(SampleError) as caught:
        trees.load(root, "samm")
    assert [part for part in [*parts, trees.SHEETS["samm"]] if part not in str(caught.value)] == []


def test_two_expressions_in_one_recording_are_told_apart_by_their_onset(tree: trees.Tree) -> None:
    root = tree("samm")
    trees.edit(root, "samm", 15, filename="003_1_2", onsetframe=97)
    assert trees.load(root, "samm").frame["sample_id"].tolist()[:2] == ["samm/003_003_1_2_97", "samm/003_003_1_2_96"]


def test_emotions_outside_the_label_set_are_left_out_and_counted(tree: trees.Tree) -> None:
    root = tree("samm")
    trees.edit(root, "samm", 15, estimatedemotion="Fear")
    trees.edit(root, "samm", 16, estimatedemotion="sadness")
    table = trees.load(root, "samm")
    assert len(table) == 13
    assert "Left out by label set 'usual': fear 1, sadness 1." in table.notes


@pytest.mark.parametrize("layout", ["samm", "casme2"])
def test_three_classes_of_megc2019(originals: Path, layout: str) -> None:
    table = trees.load(originals / layout, layout, labels="megc2019")
    assert table.classes == ("negative", "positive", "surprise")
    assert table.counts()[layout].tolist() == [6, 3, 3]
    assert any("others 3" in note for note in table.notes)


def test_counts_are_compared_with_the_published_ones_for_recordings_only(tree: trees.Tree) -> None:
    root = tree("samm")
    assert not any("published" in note for note in trees.load(root, "samm").notes)
    (root / SYNTHETIC_MARK).unlink()
    table = trees.load(root, "samm")
    assert not table.synthetic
    assert any("anger 3 instead of 57" in note and "15 instead of 136" in note for note in table.notes)


def test_class_without_sample(tmp_path: Path) -> None:
    write_tree("samm", trees.clips(("anger", "happiness", "others", "surprise")), tmp_path / "samm")
    with pytest.raises(SampleError, match=r"none of contempt \(found anger 3.*data\.labels"):
        trees.load(tmp_path / "samm", "samm")


@pytest.mark.parametrize("layout", trees.EMOTIONS)
@pytest.mark.parametrize("there", ["nothing", "empty", "strange"])
def test_missing_data_names_what_was_expected_and_both_remedies(tmp_path: Path, layout: str, there: str) -> None:
    root = tmp_path / "data"
    if there != "nothing":
        root.mkdir()
    if there == "strange":
        (root / "holiday.jpg").write_bytes(b"")
    with pytest.raises(DatasetNotFoundError) as caught:
        trees.load(root, layout)
    text = str(caught.value)
    examples = {"samm": "SAMM/006/006_1_2/006_05562.jpg", "casme2": "Cropped/sub01/EP02_01f/reg_img46.jpg"}
    example = examples.get(layout, "SMIC_all_cropped/HS/s03/micro/negative/s3_ne_01/reg_image034013.bmp")
    wanted = [
        f"data.root={root}",
        str(root / example),
        f"--layout {layout} --out trees/{layout}",
        "licence",
        "MER_DATA",
    ]
    assert [part for part in wanted if part not in text] == []
    assert {"nothing": "no such folder", "empty": "it holds nothing", "strange": "holiday.jpg"}[there] in text


@pytest.mark.parametrize("layout", ["samm", "casme2"])
def test_missing_sheet(tree: trees.Tree, layout: str) -> None:
    root = tree(layout)
    (root / trees.SHEETS[layout]).unlink()
    with pytest.raises(DatasetNotFoundError, match="missing: the sheet"):
        trees.load(root, layout)


def test_settings_that_make_no_sense(originals: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        trees.load(originals / "samm", "samm", labels="seven", missing_apex="guess")
    assert len(caught.value.errors) == 2
    assert "expected null or one of usual, megc2019, objective, all, got 'seven'" in str(caught.value)
