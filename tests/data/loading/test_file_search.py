from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer.data.loading.file_search import (
    clip_folder,
    find_file,
    find_folder,
    frame_number,
    index_frames,
    numbered_folders,
    subfolders,
)
from mer.errors import SampleError


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("reg_img46.jpg", 46),
        ("img46.jpg", 46),
        ("006_05562.jpg", 5562),
        ("006_5562.JPG", 5562),
        ("reg_image034013.bmp", 34013),
        ("00001.png", 1),
        ("12.JPEG", 12),
        ("3_7_crop.tiff", 7),
        ("Thumbs.db", None),
        (".DS_Store", None),
        ("._img46.jpg", None),
        ("EP01.lnk", None),
        ("img46 (1).jpg", None),
        ("face.jpg", None),
        ("img46", None),
    ],
)
def test_number_is_the_last_integer_of_an_image(name: str, number: int | None) -> None:
    assert frame_number(name) == number


@settings(deadline=None, max_examples=30)
@given(
    st.dictionaries(
        st.integers(0, 99999),
        st.tuples(st.integers(1, 6), st.sampled_from([".jpg", ".JPG", ".bmp", ".png"])),
        min_size=1,
    )
)
def test_index_is_in_numeric_order_whatever_padding_and_extension(frames: dict[int, tuple[int, str]]) -> None:
    names = {number: f"x1_{number:0{digits}d}{suffix}" for number, (digits, suffix) in frames.items()}
    with tempfile.TemporaryDirectory() as folder:
        touch(Path(folder), *names.values(), "Thumbs.db", ".DS_Store", "a2.lnk")
        (Path(folder) / "7.jpg").mkdir()
        found = index_frames(Path(folder))
    assert list(found) == sorted(frames)
    assert {number: path.name for number, path in found.items()} == names


def test_two_files_for_one_frame_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "img046.jpg", "img46.jpg")
    with pytest.raises(SampleError, match=r"frame 46: img046\.jpg and img46\.jpg"):
        index_frames(tmp_path)


def test_folders_pass_over_files_and_hidden_ones(tmp_path: Path) -> None:
    touch(tmp_path, "Sub01/x", "b.txt", ".hidden/x")
    assert subfolders(tmp_path) == {"sub01": tmp_path / "Sub01"}


def test_people_by_number_whatever_the_padding(tmp_path: Path) -> None:
    touch(tmp_path, "s1/x", "S03/x", "s20/x", "other/x")
    found = numbered_folders(tmp_path, re.compile(r"s0*(\d+)"))
    assert found == {1: tmp_path / "s1", 3: tmp_path / "S03", 20: tmp_path / "s20"}
    touch(tmp_path, "s01/x")
    with pytest.raises(SampleError, match="one person: s01 and s1"):
        numbered_folders(tmp_path, re.compile(r"s0*(\d+)"))


def test_clips_are_found_by_their_whole_name(tmp_path: Path) -> None:
    touch(tmp_path, "EP01_01f/x", "EP01_01/x")
    assert clip_folder(tmp_path, "EP01_01") == tmp_path / "EP01_01"
    assert clip_folder(tmp_path, "ep01_01F") == tmp_path / "EP01_01f"
    assert clip_folder(tmp_path, "EP01") == tmp_path / "EP01"
    assert clip_folder(tmp_path / "nobody", "EP01") == tmp_path / "nobody" / "EP01"


@pytest.mark.parametrize("place", ["Cropped", "cropped", "Cropped/Cropped", "Cropped-updated/Cropped", "."])
def test_folder_of_frames_is_found_where_people_have_it(tmp_path: Path, place: str) -> None:
    touch(tmp_path, f"{place}/sub01/EP01/1.jpg", "CASME2-RAW/other/1.jpg")
    found = find_folder(tmp_path, ("Cropped", "Cropped-updated/Cropped", "."), holds=re.compile(r"sub\d+"))
    assert found == (tmp_path / place)


def test_preferred_folder_comes_first_and_empty_ones_do_not_count(tmp_path: Path) -> None:
    touch(tmp_path, "a/sub01/x", "b/sub01/x", "c/readme")
    pattern = re.compile(r"sub\d+")
    assert find_folder(tmp_path, ("c", "b", "a"), holds=pattern) == tmp_path / "b"
    assert find_folder(tmp_path, ("c", "d/e"), holds=pattern) is None


def test_newest_sheet_without_locks_in_the_first_place_that_has_one(tmp_path: Path) -> None:
    touch(tmp_path, "x-2014.xlsx", "x-2019.xlsx", "~$x-2020.xlsx", "._x-2021.xlsx", "x-2022.xlsx.bak", "in/x-2023.xlsx")
    pattern = re.compile(r"x-\d+\.xlsx")
    assert find_file((tmp_path, tmp_path / "in"), pattern) == tmp_path / "x-2019.xlsx"
    assert find_file((tmp_path / "in", tmp_path), pattern) == tmp_path / "in" / "x-2023.xlsx"
    assert find_file((tmp_path,), re.compile("y")) is None
