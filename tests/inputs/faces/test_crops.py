"""Faces: a photograph with marked eyes, drawn faces turned and scaled, exact similarities, and what is missed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from skimage.data import astronaut

from mer.config import FaceConfig, InputConfig, SyntheticData
from mer.data.synthetic.clip_design import design_clips
from mer.data.synthetic.clip_rendering import VIEW, render_frame
from mer.errors import SampleError
from mer.inputs.faces import mtcnn
from mer.inputs.faces.alignment import TEMPLATE, alignment, crop
from mer.inputs.faces.crops import align_faces, config_errors
from mer.inputs.faces.landmarks import COLUMNS
from mer.inputs.input_arrays import compute_inputs
from tests.inputs.conftest import save, table_of, texture

#: Pupils of the public-domain photograph, marked by hand on a picture twelve times as large.
PUPILS = np.array([[203.3, 101.0], [246.4, 103.3]])
FACE = FaceConfig(detector="precomputed", size=64, landmarks="landmarks.csv")
FRAMES = InputConfig(representation="difference", size=64)


def test_the_eyes_of_a_photograph_are_found_within_three_pixels() -> None:
    picture = astronaut()
    (face,) = mtcnn.detect(picture, smallest=60)
    assert face.probability > 0.99
    assert face.box[0] < PUPILS[0, 0] < PUPILS[1, 0] < face.box[2]
    found = mtcnn.landmarks(picture, smallest=60)
    assert found is not None
    assert np.hypot(*(found[:2] - PUPILS).T).max() < 3


def test_there_is_no_face_in_a_texture() -> None:
    assert mtcnn.landmarks(texture(200), smallest=60) is None
    assert mtcnn.landmarks(np.full((40, 30, 3), 128, np.uint8), smallest=60) is None


def eyes_apart(count: int) -> list[float]:
    """Distance between the eyes in the crop of a drawn face and of that face turned and scaled; inf where missed."""
    rng = np.random.default_rng(0)
    found = []
    for spec in design_clips(SyntheticData(name="synthetic", subjects=count, clips=max(count, 6), seed=3, size=240))[
        :count
    ]:
        frame = render_frame(spec, spec.onset)
        eyes = np.stack(VIEW.pixels(spec.pose_at(spec.onset).forward(np.array([[-0.5, 0.5], [0.0, 0.0]])), 240))
        places = []
        for degrees, scale in ((0.0, 1.0), (rng.uniform(-20, 20), rng.uniform(0.7, 1.4))):
            turn = cv2.getRotationMatrix2D((120, 120), degrees, scale)
            turn[:, 2] += (200, 120)
            picture = cv2.warpAffine(frame, turn, (640, 480), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            points = mtcnn.landmarks(picture, smallest=60)
            if points is None:
                return [*found, np.inf]
            matrix = alignment(points, 224)
            places.append(matrix[:, :2] @ (turn[:, :2] @ eyes + turn[:, 2:]) + matrix[:, 2:])
        found.append(float(np.hypot(*(places[0] - places[1])).max()))
    return found


def test_aligned_eyes_agree_whatever_the_turn_and_size_of_a_few() -> None:
    assert max(eyes_apart(5)) < 2


@pytest.mark.slow
def test_aligned_eyes_agree_whatever_the_turn_and_size_of_a_hundred() -> None:
    assert max(eyes_apart(100)) < 2


def test_the_template_moved_by_a_similarity_is_brought_back() -> None:
    c, s = 1.7 * np.cos(0.4), 1.7 * np.sin(0.4)
    turn, shift = np.array([[c, -s], [s, c]]), np.array([30.0, -12.0])
    goal = TEMPLATE * 96 - 0.5
    matrix = alignment(goal @ turn.T + shift, 96)
    np.testing.assert_allclose(matrix, np.column_stack([np.linalg.inv(turn), -np.linalg.inv(turn) @ shift]), atol=1e-9)


def test_a_crop_shows_what_the_matrix_says() -> None:
    frame = texture(100)
    shift = np.array([[1.0, 0.0, -20.0], [0.0, 1.0, -30.0]])
    np.testing.assert_array_equal(crop(frame, shift, 50), frame[30:80, 20:70])
    half = crop(texture(100).astype(np.float32), np.array([[0.5, 0.0, -0.25], [0.0, 0.5, -0.25]]), 50)
    means = frame.reshape(50, 2, 50, 2).mean(axis=(1, 3))
    assert np.corrcoef(half[3:-3, 3:-3].ravel(), means[3:-3, 3:-3].ravel())[0, 1] > 0.99


@pytest.fixture
def landmarks(tmp_path: Path) -> FaceConfig:
    """Landmarks of the first two of three clips: the template, shifted by as many pixels as the clip's frames."""
    rows = [(TEMPLATE * 64 - 0.5 + 10 * (k + 1)).ravel() for k in range(2)]
    path = tmp_path / "landmarks.csv"
    frame = pd.DataFrame([[f"set/{k:03d}", *row] for k, row in enumerate(rows)], columns=list(COLUMNS))
    frame.to_csv(path, index=False)
    return replace(FACE, landmarks=str(path))


def test_one_transform_a_clip_and_the_rest_of_the_way_as_ever(tmp_path: Path, landmarks: FaceConfig) -> None:
    onset = [save(tmp_path / f"{k}/img7.jpg.png", texture(100, seed=k)) for k in range(2)]
    apex = [save(tmp_path / f"{k}/img9.jpg.png", texture(100, seed=k + 5)) for k in range(2)]
    found = align_faces(table_of(apex, onset), landmarks, FRAMES, tmp_path / "cache")
    pixels = compute_inputs(found, FRAMES, tmp_path / "cache")
    for k in range(2):
        part = slice(10 * (k + 1), 10 * (k + 1) + 64)
        expected = texture(100, seed=k + 5)[part, part].astype(int) - texture(100, seed=k)[part, part]
        np.testing.assert_array_equal(pixels[k, 0], expected)
    assert "2 of 2 clips" in found.notes[-1]
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache" / "faces").rglob("*.png")}
    align_faces(table_of(apex, onset), landmarks, FRAMES, tmp_path / "cache")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache" / "faces").rglob("*.png")} == kept


def test_missed_faces_are_listed_or_left_out_with_a_note(tmp_path: Path, landmarks: FaceConfig) -> None:
    frames = [save(tmp_path / f"{k}.png", texture(100, seed=k)) for k in range(3)]
    table = table_of(frames, frames, ["a", "b", "a"])
    with pytest.raises(SampleError, match=r"no face found in 1 of 3 clips:\n  set/002\nGive landmarks"):
        align_faces(table, landmarks, FRAMES, tmp_path / "cache")
    found = align_faces(table, replace(landmarks, missed="drop"), FRAMES, tmp_path / "cache")
    assert found.frame["sample_id"].tolist() == ["set/000", "set/001"]
    assert "set/002" in found.notes[-1]


def test_no_detector_changes_nothing(tmp_path: Path) -> None:
    table = table_of([save(tmp_path / f"{k}.png", texture(40)) for k in range(2)])
    assert align_faces(table, FaceConfig(), FRAMES, tmp_path / "cache") is table


def test_a_table_of_landmarks_that_cannot_be_used_is_said(tmp_path: Path, landmarks: FaceConfig) -> None:
    table = table_of([save(tmp_path / f"{k}.png", texture(40)) for k in range(2)])
    path = Path(str(landmarks.landmarks))
    path.write_text(path.read_text().replace("nose_x", "nase_x"))
    with pytest.raises(SampleError, match="missing: nose_x"):
        align_faces(table, landmarks, FRAMES, tmp_path / "cache")
    path.unlink()
    with pytest.raises(SampleError, match="cannot be read"):
        align_faces(table, landmarks, FRAMES, tmp_path / "cache")


def test_every_problem_is_named() -> None:
    assert config_errors(FaceConfig()) == []
    found = config_errors(FaceConfig(detector="haar", size=5, landmarks="x.csv", smallest=3, missed="guess"))
    assert {line.split(":")[0].removeprefix("face.") for line in found} == set(FaceConfig.__dataclass_fields__)


def test_a_clip_without_its_frames_is_named_beside_one_that_has_them(tmp_path: Path, landmarks: FaceConfig) -> None:
    onset = [save(tmp_path / f"{k}/img7.png", texture(100, seed=k)) for k in range(2)]
    apex = [save(tmp_path / f"{k}/img9.png", texture(100, seed=k + 5)) for k in range(2)]
    table = table_of(apex, onset)
    table = replace(table, frame=table.frame.assign(folder=[str(tmp_path / "0"), ""]))
    with pytest.raises(SampleError, match=r"frames cannot be used:\n  set/001: has no folder"):
        align_faces(table, landmarks, replace(FRAMES, representation="stack"), tmp_path / "cache")
