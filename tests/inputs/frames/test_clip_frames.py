"""The frames between two key frames: by number, of one kind, never made up."""

from __future__ import annotations

from pathlib import Path

import pytest

from mer.errors import SampleError
from mer.inputs.frames.clip_frames import frames_between


def row(folder: Path, onset: str, apex: str) -> dict[str, str]:
    paths = {"onset_path": onset, "apex_path": apex, "offset_path": ""}
    return {**{key: str(folder / name) if name else "" for key, name in paths.items()}, "folder": str(folder)}


def touch(folder: Path, *names: str) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()


def test_frames_are_in_order_of_number_without_strays_and_others(tmp_path: Path) -> None:
    touch(tmp_path, *(f"reg_img{number}.jpg" for number in (7, 8, 9, 10, 11, 12)))
    touch(tmp_path, "reg_img9 (1).jpg", "other9.jpg", "Thumbs.db", "reg_img10.txt")
    found = frames_between(row(tmp_path, "reg_img8.jpg", "reg_img11.jpg"), "onset", "apex")
    assert [path.name for path in found] == [f"reg_img{number}.jpg" for number in (8, 9, 10, 11)]


def test_padding_and_case_of_the_ending_do_not_count(tmp_path: Path) -> None:
    touch(tmp_path, "006_0998.jpg", "006_0999.JPG", "006_01000.jpg", "007_0999.jpg")
    found = frames_between(row(tmp_path, "006_0998.jpg", "006_01000.jpg"), "onset", "apex")
    assert [path.name for path in found] == ["006_0998.jpg", "006_0999.JPG", "006_01000.jpg"]


def test_one_frame_is_a_span_without_a_folder(tmp_path: Path) -> None:
    one = {**row(tmp_path, "a1.png", "a1.png"), "folder": ""}
    assert frames_between(one, "onset", "apex") == (tmp_path / "a1.png",)


def test_a_frame_that_comes_later_is_seen(tmp_path: Path) -> None:
    touch(tmp_path, "a1.png", "a3.png")
    assert len(frames_between(row(tmp_path, "a1.png", "a3.png"), "onset", "apex")) == 2
    touch(tmp_path, "a2.png")
    assert len(frames_between(row(tmp_path, "a1.png", "a3.png"), "onset", "apex")) == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"folder": ""}, "no folder with the frames from onset to apex"),
        ({"onset_path": ""}, "no onset frame"),
        ({"apex_path": "/x/apex.png"}, "expected file names with rising frame numbers"),
        ({"apex_path": "/x/a0.png"}, "expected file names with rising frame numbers"),
    ],
)
def test_what_a_row_lacks_is_said(tmp_path: Path, change: dict[str, str], said: str) -> None:
    touch(tmp_path, "a1.png", "a3.png")
    with pytest.raises(SampleError, match=said):
        frames_between({**row(tmp_path, "a1.png", "a3.png"), **change}, "onset", "apex")
