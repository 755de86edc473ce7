"""Folders and lists of frames, cameras, and what is asked for in vain."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mer.errors import MerError, SampleError
from mer.inputs.frames.image_files import write_image
from mer.video.reading import camera
from mer.video.reading.frame_source import VideoError
from mer.video.reading.open_source import open_source
from tests.helpers.videos import pictures, write_video


def folder_of(names: list[str], folder: Path) -> dict[str, np.ndarray]:
    folder.mkdir(exist_ok=True)
    frames = dict(zip(names, pictures(len(names)), strict=True))
    for name, frame in frames.items():
        cv2.imwrite(str(folder / name), frame[..., ::-1])
    return frames


@pytest.mark.parametrize("ending", ["png", "bmp", "ppm", "tiff", "webp"])
def test_a_folder_is_read_in_the_order_of_its_numbers(ending: str, tmp_path: Path) -> None:
    names = [f"img{k}.{ending}" for k in (1, 2, 9, 10, 11, 100)]
    frames = folder_of(names, tmp_path / "clip")
    for stray in ("notes.txt", ".hidden.png", f"img2 (1).{ending}"):
        (tmp_path / "clip" / stray).write_bytes((tmp_path / "clip" / names[0]).read_bytes())
    source = open_source(tmp_path / "clip", 200)
    found = list(source)
    assert source.frames == len(found) == 6
    np.testing.assert_allclose([frame.time for frame in found], np.arange(6) / 200)
    if ending != "webp":  # which loses a little
        for frame, name in zip(found, names, strict=True):
            np.testing.assert_array_equal(frame.pixels, frames[name])


def test_a_list_is_read_in_the_order_given(tmp_path: Path) -> None:
    names = ["b.png", "a.png", "c.png"]
    frames = folder_of(names, tmp_path)
    found = list(open_source([tmp_path / name for name in names], 30))
    for frame, name in zip(found, names, strict=True):
        np.testing.assert_array_equal(frame.pixels, frames[name])


def test_grey_images_become_colour(tmp_path: Path) -> None:
    grey = pictures(1)[0, ..., 1]
    write_image(tmp_path / "1.png", grey)
    (frame,) = open_source(tmp_path, 30)
    np.testing.assert_array_equal(frame.pixels, np.stack([grey] * 3, axis=2))


def test_images_need_a_rate(tmp_path: Path) -> None:
    folder_of(["1.png"], tmp_path)
    with pytest.raises(VideoError, match="how many of them make a second; add --rate"):
        open_source(tmp_path)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf"), 1e9])
def test_a_rate_that_is_none_is_refused(rate: float, tmp_path: Path) -> None:
    folder_of(["1.png"], tmp_path)
    with pytest.raises(VideoError, match="frames a second: expected a number above 0"):
        open_source(tmp_path, rate)


def test_a_folder_without_images_and_an_empty_list_are_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "1.png").mkdir()
    for source in (tmp_path, []):
        with pytest.raises(VideoError, match="expected images"):
            open_source(source, 30)


@pytest.mark.parametrize("damage", ["missing", "cut", "other size", "text"])
def test_an_image_that_is_wrong_is_named(damage: str, tmp_path: Path) -> None:
    folder_of(["1.png", "2.png", "3.png"], tmp_path)
    paths = [tmp_path / f"{k}.png" for k in (1, 2, 3)]
    if damage == "missing":
        paths[1].unlink()
    elif damage == "cut":
        paths[1].write_bytes(paths[1].read_bytes()[:500])
    elif damage == "text":
        paths[1].write_text("hello")
    else:
        write_image(paths[1], pictures(1, 32, 48)[0])
    with pytest.raises(SampleError, match=r"2\.png"):
        list(open_source(paths, 30))


@pytest.mark.parametrize("number", [97, "97"])
def test_a_camera_that_is_not_there_is_one_sentence(number: int | str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(VideoError, match=r"camera 97: there is none.*another number"):
        list(open_source(number))
    assert capfd.readouterr() == ("", "")  # OpenCV has nothing to add


def test_a_file_that_is_called_by_a_number_is_no_camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "a.mp4", pictures(2)).rename("97")
    assert len(list(open_source("97"))) == 2


def test_a_camera_gives_frames_at_the_times_of_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    written = pictures(4)
    released = []

    class Capture:
        def __init__(self, number: int) -> None:
            assert number == 2
            self.rest = list(written[..., ::-1])

        def read(self) -> tuple[bool, np.ndarray | None]:
            return (True, self.rest.pop(0)) if self.rest else (False, None)

        def release(self) -> None:
            released.append(True)

    clock = iter([100.0, 100.04, 100.1, 100.11])
    monkeypatch.setattr(camera.cv2, "VideoCapture", Capture)
    monkeypatch.setattr(camera.time, "monotonic", lambda: next(clock))
    found = list(open_source(2))
    np.testing.assert_array_equal(np.stack([frame.pixels for frame in found]), written)
    np.testing.assert_allclose([frame.time for frame in found], [0, 0.04, 0.1, 0.11])
    assert released == [True]


def test_a_camera_is_let_go_when_the_reader_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    released = []

    class Capture:
        def __init__(self, number: int) -> None: ...

        def read(self) -> tuple[bool, np.ndarray]:
            return True, np.zeros((4, 4, 3), np.uint8)

        def release(self) -> None:
            released.append(True)

    monkeypatch.setattr(camera.cv2, "VideoCapture", Capture)
    frames = iter(open_source(0))
    next(frames)
    frames.close()  # type: ignore[attr-defined]
    assert released == [True]


def test_every_error_is_the_users() -> None:
    assert issubclass(VideoError, MerError)
