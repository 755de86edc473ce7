"""The quick look: whole frames are found and named, with a detector and without; crops are left in peace."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mer.config import FaceConfig, SyntheticData
from mer.data.samples.table import SampleTable
from mer.data.synthetic.clip_design import design_clips
from mer.data.synthetic.clip_rendering import render_frame
from mer.data.synthetic.scene import paste
from mer.inputs.faces import mtcnn, quick_look
from mer.inputs.faces.quick_look import FRAMES, look_at_faces
from tests.inputs.conftest import table_of

NONE = FaceConfig(detector="none")
PEOPLE = 6


@pytest.fixture(scope="module")
def drawings() -> list[np.ndarray]:
    specs = {
        spec.subject: spec
        for spec in design_clips(SyntheticData(name="synthetic", subjects=PEOPLE, clips=12, size=200))
    }
    return [render_frame(specs[number], specs[number].onset) for number in range(PEOPLE)]


def written(pictures: list[np.ndarray], folder: Path) -> SampleTable:
    folder.mkdir()
    paths = [str(folder / f"{number}.png") for number in range(len(pictures))]
    for path, picture in zip(paths, pictures, strict=True):
        cv2.imwrite(path, picture)
    return table_of(paths, paths)


def scenes(drawings: list[np.ndarray], frame: tuple[int, int] = (640, 480)) -> list[np.ndarray]:
    corners = [(40 + 60 * number, 60 + 20 * number) for number in range(PEOPLE)]
    return [
        paste(one, frame, corner, 180, 0, number)
        for number, (one, corner) in enumerate(zip(drawings, corners, strict=True))
    ]


def test_whole_frames_are_found_and_the_first_clips_named(drawings: list[np.ndarray], tmp_path: Path) -> None:
    (sentence,) = look_at_faces(written(scenes(drawings), tmp_path / "f"), NONE)
    assert sentence.startswith("Look at the frames: set: ") and "set:000 000" in sentence and "face=mtcnn" in sentence
    assert "fills" in sentence


def test_crops_are_left_in_peace(drawings: list[np.ndarray], tmp_path: Path) -> None:
    assert look_at_faces(written(drawings, tmp_path / "f"), NONE) == []
    colour = [np.repeat(one[..., None], 3, axis=2) for one in drawings]
    assert look_at_faces(written(colour, tmp_path / "g"), NONE) == []


def test_faces_that_lie_elsewhere_from_clip_to_clip_are_found(drawings: list[np.ndarray], tmp_path: Path) -> None:
    moved = [np.roll(one, 0, axis=1) for one in drawings]
    for number in (0, 3):  # large faces, two of them in a corner of their own
        moved[number] = cv2.copyMakeBorder(drawings[number], 160, 0, 0, 160, cv2.BORDER_CONSTANT, value=90)
    (sentence,) = look_at_faces(written(moved, tmp_path / "f"), NONE)
    assert "lies elsewhere" in sentence and "set:000 000" in sentence and "set:001" not in sentence


def test_pictures_without_a_face_are_told(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pictures = [cv2.resize(rng.integers(0, 256, (12, 12), dtype=np.uint8), (160, 160)) for _ in range(3)]
    (sentence,) = look_at_faces(written(pictures, tmp_path / "f"), NONE)
    assert "no face was found in 3 of 3 frames" in sentence


def test_what_is_cropped_drawn_small_or_damaged_is_not_looked_at(drawings: list[np.ndarray], tmp_path: Path) -> None:
    table = written(scenes(drawings), tmp_path / "f")
    assert look_at_faces(table, FaceConfig(detector="mtcnn")) == []
    assert look_at_faces(replace(table, uncropped=("set",)), FaceConfig(detector="auto")) == []
    assert look_at_faces(replace(written(drawings, tmp_path / "d"), synthetic=True), NONE) == []
    assert len(look_at_faces(replace(table, synthetic=True), NONE)) == 1  # whole frames, though drawn
    small = [cv2.resize(one, (80, 60)) for one in scenes(drawings)]
    assert look_at_faces(written(small, tmp_path / "s"), NONE) == []
    for path in table.frame["onset_path"]:
        Path(path).write_bytes(b"")
    assert look_at_faces(table, NONE) == []


def test_few_frames_are_read_of_many_people(
    drawings: list[np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = written([drawings[number % PEOPLE] for number in range(150)], tmp_path / "f")
    read: list[str] = []
    plain = quick_look.read_image
    monkeypatch.setattr(quick_look, "read_image", lambda path: read.append(path) or plain(path))
    monkeypatch.setattr(mtcnn, "detect", lambda picture, smallest: [])
    start = time.process_time()
    look_at_faces(table, NONE)
    assert len(read) == FRAMES and time.process_time() - start < 5
    assert Path(read[0]).stem == "0" and Path(read[-1]).stem == "149"
