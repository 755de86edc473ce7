"""Faces over time: known motion is followed, what ends a face ends its track, and alignment adds no motion."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer.video.faces.face_finder import FoundFace, face_frame
from mer.video.faces.face_track import SEARCH_FRAMES, FaceTracker, Track
from mer.video.reading.frame_source import VideoFrame
from tests.video.drawn_faces import found, moved, noisy, place, scene

RATE = 30
#: Points of a face at which the error of a place is measured, face units.
SPOTS = np.array([[-0.5, 0.0], [0.5, 0.0], [0.0, 0.7], [-0.4, 1.0], [0.4, 1.0]])


class Knowing:
    """A detector that knows the answer of each frame, and how often it was asked."""

    def __init__(self, answers: Sequence[list[FoundFace]]) -> None:
        self.answers, self.now, self.asked = answers, 0, 0

    def __call__(self, pixels: np.ndarray, *, quarters: Sequence[int] = (0,)) -> list[FoundFace]:
        self.asked += 1
        return self.answers[self.now]


def follow(
    pictures: Iterable[np.ndarray], answers: Sequence[list[FoundFace]], *, every: bool = False, rate: float = RATE
) -> tuple[list[list[Track]], int]:
    """Return copies of the tracks of each frame, and how often the detector was asked."""
    finder = Knowing(answers)
    tracker = FaceTracker(every=every, finder=finder)
    history = []
    for index, picture in enumerate(pictures):
        finder.now = index
        tracks = tracker.update(VideoFrame(index, index / rate, np.repeat(picture[..., None], 3, axis=2)), picture)
        history.append(
            [Track(one.face_id, one.landmarks.copy(), one.score, one.agreement, one.jumped) for one in tracks]
        )
    return history, finder.asked


def error(track: Track, goal: np.ndarray) -> float:
    """Return the largest distance of a track's place from the true one, face units."""
    apart = moved(SPOTS, face_frame(track.landmarks)) - moved(SPOTS, goal)
    return float(np.hypot(*apart.T).max() / np.hypot(*goal[:, 0]))


@settings(max_examples=12, deadline=None)
@given(st.floats(-4, 4), st.floats(-3, 3), st.floats(-0.03, 0.03), st.floats(0.985, 1.015), st.integers(0, 2))
def test_a_known_similarity_is_recovered(right: float, down: float, turn: float, growth: float, person: int) -> None:
    goals = [place(150 + right * k, 85 + down * k, 45 * growth**k, turn * k) for k in range(12)]
    pictures = [noisy(scene((person, goal)), k) for k, goal in enumerate(goals)]
    history, asked = follow(pictures, [found(goal) for goal in goals])
    assert asked == 1  # the rest is tracking
    for tracks, goal in zip(history, goals, strict=True):
        (track,) = tracks
        assert track.face_id == 0
        assert error(track, goal) < 0.05
    assert [track.jumped for (track,) in history] == [True] + 11 * [False]


def test_a_still_face_before_a_noisy_sensor_stays_where_it_is() -> None:
    goal = place(150, 90, 60)
    still = scene((1, goal))
    history, _ = follow((noisy(still, k, 3.0) for k in range(40)), 40 * [found(goal)])
    spots = np.stack([moved(SPOTS, face_frame(track.landmarks)) for (track,) in history]) / 60
    steps = np.hypot(*np.diff(spots, axis=0).transpose(2, 0, 1))
    assert steps.max() < 0.003  # weak micro-expressions move skin by 0.01 to 0.02
    assert np.hypot(*(spots[-1] - spots[0]).T).max() < 0.005


def test_a_detector_that_errs_moves_the_place_slowly() -> None:
    goal, rng = place(150, 90, 60), np.random.default_rng(0)
    still = scene((1, goal))
    answers = [[FoundFace(found(goal)[0].landmarks + rng.normal(0, 2.5, (5, 2)), 0.99)] for _ in range(90)]
    history, asked = follow((noisy(still, k) for k in range(90)), answers)
    assert asked > 4
    spots = np.stack([moved(SPOTS, face_frame(track.landmarks)) for (track,) in history]) / 60
    assert np.hypot(*np.diff(spots, axis=0).transpose(2, 0, 1)).max() < 0.006


def test_a_wrong_place_is_mended_within_two_seconds() -> None:
    goal, wrong = place(150, 90, 60), place(158, 84, 60)
    picture = scene((1, goal))
    history, _ = follow(60 * [picture], 8 * [found(wrong)] + 52 * [found(goal)])
    assert error(history[5][0], wrong) < 0.01
    assert error(history[59][0], goal) < 0.03
    assert not any(track.jumped for (track,) in history[1:])


def test_a_cut_to_another_person_ends_a_track_at_once() -> None:
    goals = [place(120, 85, 45), place(190, 95, 55)]
    pictures = [
        noisy(scene((person, goals[person]), background=person), k) for k, person in enumerate(8 * [0] + 8 * [1])
    ]
    history, _ = follow(pictures, 8 * [found(goals[0])] + 8 * [found(goals[1])])
    assert [track.face_id for (track,) in history] == 8 * [0] + 8 * [1]
    assert [k for k, (track,) in enumerate(history) if track.jumped] == [0, 8]
    assert error(history[8][0], goals[1]) < 0.01


@pytest.mark.parametrize(
    "empty", [scene(background=5), np.zeros((240, 320), np.uint8), np.full((240, 320), 255, np.uint8)]
)
def test_a_face_that_is_gone_is_lost_and_found_again_within_five_frames(empty: np.ndarray) -> None:
    goal = place(150, 90, 50)
    there = scene((0, goal))
    pictures = 10 * [there] + 12 * [empty] + 10 * [there]
    history, _ = follow(pictures, 10 * [found(goal)] + 12 * [[]] + 10 * [found(goal)])
    ids = [[track.face_id for track in tracks] for tracks in history]
    assert ids[:10] == 10 * [[0]]
    assert ids[14:22] == 8 * [[]]
    assert ids[26:] == 6 * [[1]]  # nobody says that it is the same person


def test_a_face_that_walks_out_of_the_picture_is_lost() -> None:
    goals = [place(160 + 8 * k, 90, 45) for k in range(45)]
    inside = [found(goal) if goal[0, 2] < 320 else [] for goal in goals]
    history, _ = follow([scene((0, goal)) for goal in goals], inside)
    gone = next(k for k, goal in enumerate(goals) if goal[0, 2] > 320 + 45)
    assert all(history[: gone - 16])
    assert not any(history[gone + 1 :])


def test_a_jump_is_marked_and_keeps_the_id() -> None:
    goals = 8 * [place(120, 90, 45)] + 8 * [place(155, 100, 45)]
    history, _ = follow([scene((0, goal)) for goal in goals], [found(goal) for goal in goals])
    assert [track.face_id for (track,) in history] == 16 * [0]
    assert [k for k, (track,) in enumerate(history) if track.jumped] == [0, 8]
    assert error(history[8][0], goals[8]) < 0.03


@pytest.mark.parametrize(("one", "other"), [(0, 1), (1, 2), (2, 4), (4, 5)])
def test_another_person_at_the_same_place_has_another_id(one: int, other: int) -> None:
    goal = place(150, 90, 50)
    pictures = [scene((person, goal)) for person in 6 * [one] + 6 * [other]]
    history, _ = follow(pictures, 12 * [found(goal)])
    assert [track.face_id for (track,) in history] == 6 * [0] + 6 * [1]


def test_two_faces_keep_their_ids_while_they_move() -> None:
    left = [place(70 + 2 * k, 90, 34) for k in range(24)]
    right = [place(250 - 2 * k, 110, 30, 0.01 * k) for k in range(24)]
    pictures = [noisy(scene((0, a), (1, b)), k) for k, (a, b) in enumerate(zip(left, right, strict=True))]
    both = [found(a, b) if k % 2 else found(b, a) for k, (a, b) in enumerate(zip(left, right, strict=True))]
    history, _ = follow(pictures, both, every=True)
    for tracks, a, b in zip(history, left, right, strict=True):
        by_id = {track.face_id: track for track in tracks}
        assert set(by_id) == {0, 1}
        assert error(by_id[1], a) < 0.05 and error(by_id[0], b) < 0.05
    history, _ = follow(pictures, [found(a, b) for a, b in zip(left, right, strict=True)])
    for tracks, a in zip(history, left, strict=True):
        (track,) = tracks  # the first, which is the largest
        assert track.face_id == 0 and error(track, a) < 0.05


def test_a_face_that_comes_later_gets_the_next_id() -> None:
    left, right = place(80, 90, 34), place(240, 110, 30)
    pictures = 10 * [scene((0, left))] + 25 * [scene((0, left), (1, right))]
    history, _ = follow(pictures, 10 * [found(left)] + 25 * [found(left, right)], every=True)
    assert [track.face_id for track in history[0]] == [0]
    assert sorted(track.face_id for track in history[-1]) == [0, 1]


def test_a_size_that_changes_begins_anew() -> None:
    goal = place(150, 90, 50)
    small = scene((0, goal))
    large = cv2.resize(small, None, fx=2, fy=2)
    history, _ = follow(5 * [small] + 5 * [large], 5 * [found(goal)] + 5 * [found(2 * goal)])
    assert [track.face_id for (track,) in history] == 5 * [0] + 5 * [1]


def test_without_faces_the_detector_is_not_asked_at_every_frame() -> None:
    history, asked = follow(40 * [scene(background=2)], 40 * [[]])
    assert not any(history)
    assert asked == 40 / SEARCH_FRAMES


def test_the_detector_is_asked_by_time_not_by_frames() -> None:
    goal = place(150, 90, 50)
    picture = scene((0, goal))
    for rate, most in ((30, 5), (200, 5)):
        _, asked = follow(2 * rate * [picture], 2 * rate * [found(goal)], rate=rate)
        assert 4 <= asked <= most
