"""Rows of faces: places, the head's turn against a turned model, and each flag on both sides of its threshold."""

from __future__ import annotations

from dataclasses import fields, replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer.video.faces.face_finder import PLACES
from mer.video.faces.face_track import Track
from mer.video.faces.quality import THRESHOLDS, FaceQuality, head_turn, in_words, mark_light, measure, slow
from tests.video.drawn_faces import moved, place, scene


def row_of(goal: np.ndarray, picture: np.ndarray) -> FaceQuality:
    return measure(7, 0.25, picture, Track(3, moved(PLACES, goal), 0.9))


def test_a_good_face_has_a_row_without_flags() -> None:
    row = row_of(place(150, 90, 60), scene((1, place(150, 90, 60))))
    assert (row.frame, row.time, row.face_id, row.face_score, row.success, row.flags) == (7, 0.25, 3, 0.9, 1, {})
    assert row.yaw == pytest.approx(0, abs=1e-6) and row.roll == pytest.approx(0, abs=1e-6)
    assert row.face_x == pytest.approx(150 - 1.05 * 60) and row.face_width == pytest.approx(2.1 * 60)
    assert row.face_y < 90 - 0.7 * 60 and row.face_y + row.face_height == pytest.approx(90 + 1.7 * 60)


def test_columns_are_named_as_other_tools_name_them() -> None:
    names = [field.name for field in fields(FaceQuality)]
    assert names[:9] == [
        "frame",
        "time",
        "face_id",
        "face_x",
        "face_y",
        "face_width",
        "face_height",
        "face_score",
        "success",
    ]
    assert {"yaw", "pitch", "roll"} < set(names)


def test_without_a_face_the_row_stays_with_empty_places() -> None:
    row = measure(4, 0.1, scene(), None)
    assert (row.frame, row.success, row.face_id, set(row.flags)) == (4, 0, -1, {"lost"})
    assert np.isnan([row.face_x, row.face_y, row.face_width, row.face_height, row.face_score, row.yaw]).all()


@given(st.floats(-40, 40), st.floats(-25, 25), st.floats(-60, 60))
def test_the_turn_of_a_solid_head_is_estimated_roughly(yaw: float, pitch: float, roll: float) -> None:
    # five points of a head, the nose before the plane of eyes and mouth, seen from far away
    points = np.column_stack([PLACES, [0.0, 0.0, 0.45, 0.0, 0.0]])
    y, p, r = np.radians([yaw, pitch, roll])
    to_side = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    nod = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    seen = (points @ to_side.T @ nod.T)[:, :2]
    seen = 50 * seen @ np.array([[np.cos(r), np.sin(r)], [-np.sin(r), np.cos(r)]]) + 100
    found = head_turn(seen)
    assert abs(found[0] - yaw) < 12 and abs(found[1] - pitch) < 12
    if abs(yaw) < 5 or abs(pitch) < 5:
        assert abs(found[2] - roll) < 6


@pytest.mark.parametrize(("unit", "small"), [(29.9, True), (30.1, False)])
def test_a_small_face_is_flagged(unit: float, small: bool) -> None:
    goal = place(150, 90, unit)
    flags = row_of(goal, scene((1, goal))).flags
    assert ("small" in flags) == small
    assert flags.get("small", unit) == pytest.approx(unit)


def test_a_blurred_face_is_flagged_a_sharp_or_dark_one_is_not() -> None:
    goal = place(150, 90, 60)
    picture = scene((1, goal))
    assert "blurred" not in row_of(goal, picture).flags
    assert "blurred" not in row_of(goal, (0.4 * picture).astype(np.uint8)).flags
    assert "blurred" in row_of(goal, cv2.GaussianBlur(picture, (0, 0), 6)).flags
    assert "blurred" in row_of(goal, np.full_like(picture, 90)).flags


@pytest.mark.parametrize(("to_side", "turned"), [(0.15, False), (0.25, True), (-0.25, True)])
def test_a_head_turned_far_is_flagged(to_side: float, turned: bool) -> None:
    landmarks = moved(PLACES + np.array([[0, 0], [0, 0], [to_side, 0], [0, 0], [0, 0]]), place(150, 90, 60))
    row = measure(0, 0.0, scene((1, place(150, 90, 60))), Track(0, landmarks, 0.9))
    assert ("turned" in row.flags) == turned
    assert np.sign(row.yaw) == np.sign(to_side)


def test_a_change_of_light_is_flagged_where_it_happens() -> None:
    rows = [replace(FaceQuality(k, k / 30), light=100.0 if k < 30 else 120.0) for k in range(90)]
    flagged = [row.frame for row in mark_light(rows) if "light" in row.flags]
    assert flagged[0] == 30 and 36 < flagged[-1] < 46  # for half of the half second that it is compared with
    gentle = [replace(FaceQuality(k, k / 30), light=100.0 + 0.1 * k) for k in range(90)]
    assert not any(row.flags for row in mark_light(gentle))
    gap = [replace(row, light=np.nan) if 10 < row.frame < 20 else row for row in gentle]
    assert len(mark_light(gap)) == 90 and not any(row.flags for row in mark_light(gap))


@pytest.mark.parametrize(("rate", "flagged"), [(15, True), (25, True), (29.97, False), (30, False), (200, False)])
def test_a_low_frame_rate_is_flagged(rate: float, flagged: bool) -> None:
    found = slow((np.arange(40) / rate).tolist())
    assert bool(found) == flagged
    if flagged:
        assert found["slow"] == pytest.approx(rate)
    assert slow([0.0]) == {"slow": 0.0}


def test_every_flag_has_words_with_its_number_and_threshold() -> None:
    for name, (threshold, _, _) in THRESHOLDS.items():
        assert f"threshold {threshold:g}" in in_words(name, 0.5) and "0.5" in in_words(name, 0.5)
