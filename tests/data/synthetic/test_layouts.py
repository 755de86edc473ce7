from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mer.data.loading.dataset_card import SYNTHETIC_MARK
from mer.data.synthetic.layouts.registry import LAYOUTS, write_tree
from mer.errors import MerError, SampleError
from tests.helpers import trees


def test_every_frame_from_onset_to_offset_is_written_and_the_tree_is_marked(originals: Path) -> None:
    for layout, emotions in trees.EMOTIONS.items():
        folders: dict[Path, int] = {}
        for path in (originals / layout).rglob("*"):
            if path.suffix in (".jpg", ".bmp") and "non_micro" not in path.parts:
                folders[path.parent] = folders.get(path.parent, 0) + 1
        assert list(folders.values()) == [13] * 3 * len(emotions)
        assert "no person was recorded" in (originals / layout / SYNTHETIC_MARK).read_text()


def test_smic_folders_clash_in_padding(tmp_path: Path) -> None:
    root = write_tree("smic", trees.clips(trees.EMOTIONS["smic"], subjects=(1, 3, 12)), tmp_path / "smic")
    people = root / "SMIC_all_cropped/HS"
    assert sorted(path.name for path in people.iterdir()) == ["s03", "s1", "s12"]
    assert (people / "s03/micro/surprise/s3_sur_01/reg_image000096.bmp").is_file()
    assert sorted(path.name for path in (people / "s1").iterdir()) == ["micro", "non_micro"]
    assert set(trees.load(root, "smic").frame["subject"]) == {"s01", "s03", "s12"}


def test_smic_takes_finer_emotions_as_its_classes(tmp_path: Path) -> None:
    root = write_tree("smic", trees.clips(("disgust", "happiness", "surprise")), tmp_path / "smic")
    assert trees.load(root, "smic").counts()["smic"].tolist() == [3, 3, 3]


def test_bitmaps_keep_every_value_and_colours_their_order(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    clips = [replace(clip, frames=lambda number: picture) for clip in trees.clips(trees.EMOTIONS["smic"])]
    table = trees.load(write_tree("smic", clips, tmp_path / "smic"), "smic")
    read = cv2.imread(table.frame["apex_path"][0])
    assert np.array_equal(cv2.cvtColor(read, cv2.COLOR_BGR2RGB), picture)


@pytest.mark.parametrize("layout", trees.EMOTIONS)
def test_two_trees_of_the_same_clips_hold_the_same_samples(originals: Path, tmp_path: Path, layout: str) -> None:
    again = write_tree(layout, trees.clips(trees.EMOTIONS[layout]), tmp_path / "again")
    assert trees.load(again, layout).content_hash() == trees.load(originals / layout, layout).content_hash()


def test_unknown_apex_is_written_as_the_sheets_mark(tmp_path: Path) -> None:
    for layout, column in (("samm", 4), ("casme2", 4)):
        first, *others = trees.clips(trees.EMOTIONS[layout])
        root = write_tree(layout, [replace(first, apex=None), *others], tmp_path / layout)
        assert trees.rows(root / trees.SHEETS[layout])[trees.ROWS[layout] - 1][column] == "/"
        assert trees.load(root, layout, missing_apex="middle").frame.loc[0, "apex_source"] == "middle"


def test_folder_with_files_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(MerError, match="expected a new or empty folder"):
        write_tree("samm", trees.clips(trees.EMOTIONS["samm"]), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_empty_folder_may_be_filled(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_tree("samm", trees.clips(trees.EMOTIONS["samm"]), tmp_path / "out")
    assert len(trees.load(tmp_path / "out", "samm")) == 15


def test_interrupted_writing_leaves_nothing(tmp_path: Path) -> None:
    def broken(number: int) -> np.ndarray:
        if number == 100:
            raise KeyboardInterrupt
        return trees.image(number)

    with pytest.raises(KeyboardInterrupt):
        write_tree("samm", [replace(clip, frames=broken) for clip in trees.clips(("anger",))], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_remains_of_a_killed_writing_are_named(tmp_path: Path) -> None:
    (tmp_path / ".out-partial").mkdir()
    with pytest.raises(MerError, match=r"\.out-partial: left by an interrupted writing"):
        write_tree("samm", trees.clips(trees.EMOTIONS["samm"]), tmp_path / "out")


def test_progress_wraps_the_clips(tmp_path: Path) -> None:
    seen = []
    clips = trees.clips(trees.EMOTIONS["samm"])
    write_tree("samm", clips, tmp_path / "out", progress=lambda given: (seen.append(clip) or clip for clip in given))
    assert seen == clips


def test_requests_that_make_no_sense(tmp_path: Path) -> None:
    with pytest.raises(MerError, match=r"expected one of casme, casme2, .* smic_e, got 'mmwe'"):
        write_tree("mmwe", [], tmp_path / "out")
    with pytest.raises(MerError, match="variant of mmew: expected one of by_emotion, by_person, got 'raw'"):
        write_tree("mmew", [], tmp_path / "out", variant="raw")
    for layout in LAYOUTS:
        with pytest.raises(SampleError, match=rf"'boredom', for which layout {layout} has no name"):
            write_tree(layout, trees.clips(("boredom",)), tmp_path / "out")
