"""The pixel cache: right rows, hits and misses, damage, and one error for all bad files."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mer.config import InputConfig
from mer.data.samples.table import SampleTable
from mer.errors import SampleError
from mer.inputs import input_arrays, input_files
from mer.inputs.frames import image_files
from mer.inputs.input_arrays import compute_inputs
from mer.inputs.representations.registry import REPRESENTATIONS
from tests.inputs.conftest import save, table_of, texture

DIFFERENCE = InputConfig(representation="difference", size=40)


def cached(cache: Path) -> list[Path]:
    return sorted((cache / "pixels").glob("*.npy"))


def read(path: str) -> np.ndarray:
    return np.asarray(Image.open(path)).astype(int)


@pytest.fixture
def forbidden(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A function after whose call no image is read any more."""

    def refuse(path: str) -> np.ndarray:
        raise RuntimeError(f"{path} was read again")

    def forbid() -> None:
        monkeypatch.setattr(image_files, "read_image", refuse)  # frames of a span
        monkeypatch.setattr(input_files, "read_image", refuse)  # key frames

    return forbid


def test_row_i_is_row_i_of_the_table_whatever_finishes_first(
    clips: SampleTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = input_files.read_image

    def read_slowly(path: str) -> np.ndarray:
        time.sleep(0.05 if Path(path).name.startswith("0") else 0)
        return slow(path)

    monkeypatch.setattr(input_files, "read_image", read_slowly)
    pixels = compute_inputs(clips, DIFFERENCE, tmp_path / "cache")
    expected = [read(a) - read(o) for a, o in zip(clips.frame["apex_path"], clips.frame["onset_path"], strict=True)]
    np.testing.assert_array_equal(pixels, np.stack(expected)[:, None])


def test_a_second_call_reads_no_image(clips: SampleTable, tmp_path: Path, forbidden: Callable[[], None]) -> None:
    first = compute_inputs(clips, DIFFERENCE, tmp_path / "cache")
    forbidden()
    np.testing.assert_array_equal(compute_inputs(clips, DIFFERENCE, tmp_path / "cache"), first)
    assert len(cached(tmp_path / "cache")) == 1


def test_other_labels_find_the_same_pixels(clips: SampleTable, tmp_path: Path, forbidden: Callable[[], None]) -> None:
    first = compute_inputs(clips, DIFFERENCE, tmp_path / "cache")
    forbidden()
    turned = replace(clips, frame=clips.frame.assign(label=clips.frame["label"].map({"a": "b", "b": "a"})))
    np.testing.assert_array_equal(compute_inputs(turned, DIFFERENCE, tmp_path / "cache"), first)


def test_the_array_cannot_be_written_to(clips: SampleTable, tmp_path: Path) -> None:
    pixels = compute_inputs(clips, DIFFERENCE, tmp_path / "cache")
    with pytest.raises(ValueError, match="read-only"):
        pixels[0] = 0


def test_nothing_is_left_beside_the_data_nor_half_in_the_cache(clips: SampleTable, tmp_path: Path) -> None:
    before = sorted((tmp_path / "data").rglob("*"))
    compute_inputs(clips, DIFFERENCE, tmp_path / "cache")
    assert sorted((tmp_path / "data").rglob("*")) == before
    (array,) = cached(tmp_path / "cache")
    assert sorted((tmp_path / "cache").rglob("*.*")) == sorted([array, array.with_suffix(".json")])
    index = json.loads(array.with_suffix(".json").read_text())
    assert index["sample_ids"] == clips.frame["sample_id"].tolist()
    assert (index["representation"], index["size"]) == ("difference", 40)


@pytest.mark.parametrize("change", ["file", "representation", "size", "code", "order"])
def test_whatever_changes_the_values_misses(
    clips: SampleTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    compute_inputs(clips, DIFFERENCE, tmp_path / "cache")
    table, config = clips, DIFFERENCE
    if change == "file":
        save(Path(clips.frame["onset_path"][2]), texture(40, seed=9))
    elif change == "representation":
        config = replace(config, representation="apex")
    elif change == "size":
        config = replace(config, size=32)
    elif change == "code":
        monkeypatch.setattr(input_arrays, "CODE_VERSION", -1)
    else:
        table = replace(clips, frame=clips.frame.iloc[::-1])
    pixels = compute_inputs(table, config, tmp_path / "cache")
    assert len(cached(tmp_path / "cache")) == 2
    np.testing.assert_array_equal(pixels, compute_inputs(table, config, tmp_path / "fresh"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-7]),
        lambda path: path.write_bytes(path.read_bytes()[:20]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"PK\x03\x04 no archive"),
        lambda path: np.save(path, np.zeros((4, 1, 40, 39), np.float32)),
        lambda path: np.save(path, np.zeros((3, 1, 40, 40), np.float32)),
        lambda path: np.save(path, np.zeros((4, 1, 40, 40), np.int64)),
        lambda path: np.save(path, np.array([{}], dtype=object)),
    ],
    ids=["cut", "cut header", "empty", "foreign", "other sides", "other rows", "other type", "objects"],
)
def test_a_damaged_entry_is_made_again(clips: SampleTable, tmp_path: Path, damage: Callable[[Path], object]) -> None:
    first = np.array(compute_inputs(clips, DIFFERENCE, tmp_path / "cache"))
    (path,) = cached(tmp_path / "cache")
    damage(path)
    np.testing.assert_array_equal(compute_inputs(clips, DIFFERENCE, tmp_path / "cache"), first)


def test_all_bad_files_are_named_in_one_error(clips: SampleTable, tmp_path: Path) -> None:
    missing, cut, small = (Path(clips.frame["apex_path"][i]) for i in (0, 1, 2))
    missing.unlink()
    cut.write_bytes(cut.read_bytes()[:-60])
    save(small, texture(32))
    with pytest.raises(SampleError) as caught:
        compute_inputs(clips, DIFFERENCE, tmp_path / "cache")
    message = str(caught.value)
    for sample, what in (("set/000", missing.name), ("set/001", cut.name), ("set/002", "32x32")):
        assert any(sample in line and what in line for line in message.splitlines()), message
    assert "set/003" not in message
    assert message.splitlines()[-1].startswith("Copy these files again")
    assert cached(tmp_path / "cache") == []
    # the input of the clip that can be used stays, so that only the others are computed once they are mended
    (left,) = (path for path in (tmp_path / "cache").rglob("*.npy"))
    assert left.parent.name == "parts"


def test_a_long_list_is_cut_and_counted(tmp_path: Path) -> None:
    table = table_of([str(tmp_path / f"{i}.png") for i in range(30)])
    with pytest.raises(SampleError, match="and 10 more") as caught:
        compute_inputs(table, InputConfig(representation="apex", size=28), tmp_path / "cache")
    assert str(caught.value).count("no image at") == 20


def test_a_clip_without_the_frame_that_is_needed(clips: SampleTable, tmp_path: Path) -> None:
    table = table_of(clips.frame["apex_path"].tolist())
    with pytest.raises(SampleError, match=r"set/000: has no onset frame.*input=image"):
        compute_inputs(table, DIFFERENCE, tmp_path / "cache")


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (
            np.zeros((28, 28, 3), np.uint8),
            "set/001: expected 1 channel of uint8 as in the samples before it, got 3 channels of uint8",
        ),
        (np.zeros((28, 28), np.uint16), "1.png: expected 8 bits per channel"),
    ],
    ids=["colour among grey", "deep among eight bits"],
)
def test_images_of_two_kinds_are_refused(tmp_path: Path, other: np.ndarray, said: str) -> None:
    table = table_of([save(tmp_path / "0.png", texture(28)), save(tmp_path / "1.png", other)])
    with pytest.raises(SampleError) as caught:
        compute_inputs(table, InputConfig(representation="image", size=28), tmp_path / "cache")
    assert said in str(caught.value)


@pytest.mark.parametrize("name", REPRESENTATIONS)
def test_every_representation_goes_through_the_cache(tmp_path: Path, name: str) -> None:
    colour = [np.stack([texture(40, seed=i + k) for k in range(3)], axis=-1) for i in range(4)]
    moved = [[np.roll(pixels, t, axis=1) for t in range(4)] for pixels in colour]
    paths = [
        [save(tmp_path / f"{i}/img{9 + t}.png", one) for t, one in enumerate(clip)] for i, clip in enumerate(moved)
    ]
    table = table_of([clip[3] for clip in paths], [clip[0] for clip in paths])
    table = replace(table, frame=table.frame.assign(folder=[str(tmp_path / str(i)) for i in range(4)]))
    config = InputConfig(representation=name, size=28)
    pixels = compute_inputs(table, config, tmp_path / "cache", progress=True)
    for row, clip in enumerate(moved):
        known = {"onset": clip[0], "apex": clip[3], "span": np.stack(clip)}
        np.testing.assert_allclose(pixels[row], REPRESENTATIONS[name].compute(known, config), atol=1e-5)


def test_a_changed_frame_between_the_key_frames_misses_where_it_is_used(tmp_path: Path) -> None:
    paths = [save(tmp_path / f"clip/f_{t:03d}.png", texture(32, shift=(t, 0))) for t in range(3)]
    table = table_of([paths[2]] * 2, [paths[0]] * 2)
    table = replace(table, frame=table.frame.assign(folder=str(tmp_path / "clip")))
    stack = InputConfig(representation="stack", size=32, frames=3)
    before = {
        name: np.array(compute_inputs(table, replace(stack, representation=name), tmp_path / "cache"))
        for name in ("stack", "difference")
    }
    save(tmp_path / "clip/f_001.png", texture(32, seed=5))
    after = {name: compute_inputs(table, replace(stack, representation=name), tmp_path / "cache") for name in before}
    np.testing.assert_array_equal(after["stack"][0, 1], texture(32, seed=5))
    np.testing.assert_array_equal(after["stack"][:, ::2], before["stack"][:, ::2])
    np.testing.assert_array_equal(after["difference"], before["difference"])
    assert len(cached(tmp_path / "cache")) == 3
