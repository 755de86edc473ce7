"""Faces in single frames: drawn ones are found at their place, also turned; the similarity is exact."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.data import astronaut

from mer.video.faces.face_finder import PLACES, face_frame, find_faces, quarter_of
from tests.video.drawn_faces import moved, place, scene


def colour(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, axis=2)


@pytest.mark.parametrize("person", [0, 1, 2])
def test_a_drawn_face_is_found_at_its_place(person: int) -> None:
    goal = place(150, 90, 60, 0.1)
    (face,) = find_faces(colour(scene((person, goal))))
    assert face.score > 0.75
    off = np.hypot(*(face.landmarks[:2] - moved(PLACES[:2], goal)).T) / 60
    assert off.max() < 0.12


def test_two_faces_are_found_the_larger_first() -> None:
    large, small = place(80, 90, 50), place(240, 100, 34)
    faces = find_faces(colour(scene((0, large), (1, small))))
    assert len(faces) == 2
    for face, goal in zip(faces, (large, small), strict=True):
        assert np.hypot(*(face.landmarks[:2].mean(axis=0) - goal[:, 2])) < 0.15 * goal[0, 0]


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_photograph_that_lies_on_its_side_is_found_where_asked_for(quarters: int) -> None:
    upright = np.ascontiguousarray(astronaut()[:300, 50:400])  # public domain; drawn faces are found upright only
    lying = np.ascontiguousarray(np.rot90(upright, quarters))
    (face,) = find_faces(lying, quarters=(0, 1, 2, 3))
    (one,) = find_faces(upright)
    y, x = np.indices(upright.shape[:2])
    turned = np.stack([np.rot90(x, quarters), np.rot90(y, quarters)], axis=2)
    column, row = face.landmarks.round().astype(int).T
    np.testing.assert_allclose(turned[row, column], one.landmarks, atol=3)
    assert quarter_of(face.landmarks) == -quarters % 4
    assert len(find_faces(lying, quarters=(quarter_of(face.landmarks),))) == 1


def test_a_large_frame_gives_places_in_its_own_pixels() -> None:
    goal = place(150, 90, 60)
    small = colour(scene((2, goal)))
    (one,) = find_faces(small)
    (other,) = find_faces(cv2.resize(small, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC))
    np.testing.assert_allclose((other.landmarks + 0.5) / 4 - 0.5, one.landmarks, atol=3)


@pytest.mark.parametrize("picture", [scene(), np.zeros((48, 64), np.uint8), np.full((9, 200), 255, np.uint8)])
def test_there_is_no_face_where_there_is_none(picture: np.ndarray) -> None:
    assert find_faces(colour(picture), quarters=(0, 1, 2, 3)) == []


@given(st.floats(-200, 900), st.floats(-200, 900), st.floats(5, 400), st.floats(-np.pi, np.pi))
def test_the_similarity_of_an_average_face_is_recovered(x: float, y: float, unit: float, angle: float) -> None:
    goal = place(x, y, unit, angle)
    np.testing.assert_allclose(face_frame(moved(PLACES, goal)), goal, atol=1e-6 * (unit + 1000))


@given(st.integers(0, 1000))
def test_the_similarity_of_other_faces_is_the_best_by_least_squares(seed: int) -> None:
    rng = np.random.default_rng(seed)
    landmarks = moved(PLACES, place(100, 80, 50, 0.3)) + rng.normal(0, 4, (5, 2))
    x, y = PLACES.T  # the same fit as a linear system: a, b, shift in x, shift in y
    rows = np.concatenate([np.stack([x, -y, 0 * x + 1, 0 * x], 1), np.stack([y, x, 0 * x, 0 * x + 1], 1)])
    a, b, right, down = np.linalg.lstsq(rows, landmarks.T.ravel(), rcond=None)[0]
    np.testing.assert_allclose(face_frame(landmarks), [[a, -b, right], [b, a, down]], atol=1e-8)
