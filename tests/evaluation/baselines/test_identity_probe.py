from __future__ import annotations

import numpy as np
import pytest

from mer.evaluation.baselines.identity_probe import identity, identity_directions, project_out, random_directions
from mer.evaluation.baselines.logistic_regression import fit

PEOPLE, CLIPS, SIZE = 8, 12, 40


def drawn(*, person: float, emotion: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (N, D) with a shift of each person and of each of two emotions, subjects (N,) and targets (N,)."""
    generator = np.random.default_rng(seed)
    subjects, targets = np.repeat(np.arange(PEOPLE), CLIPS), np.tile([0, 1], PEOPLE * CLIPS // 2)
    shifts = [generator.normal(size=(count, SIZE)) for count in (PEOPLE, 2)]
    noise = generator.normal(size=(len(subjects), SIZE))
    features = noise + person * shifts[0][subjects] + emotion * shifts[1][targets]
    return features, np.array([f"set:{k}" for k in subjects]), targets


def test_people_are_told_apart_where_features_hold_them_and_not_where_they_do_not() -> None:
    features, subjects, _ = drawn(person=1.5, emotion=0)
    told = identity(features, subjects, seed=0)
    assert told is not None
    assert (told.subjects, told.samples, told.chance) == (PEOPLE, PEOPLE * CLIPS // 2, 1 / PEOPLE)
    assert told.accuracy > 0.9
    blank, subjects, _ = drawn(person=0, emotion=2)
    found = [identity(blank, subjects, seed=seed).accuracy for seed in range(6)]
    assert np.mean(found) == pytest.approx(1 / PEOPLE, abs=0.08)


def test_people_with_one_clip_are_left_out() -> None:
    features, subjects, _ = drawn(person=1, emotion=0)
    keep = np.r_[0:5, 12, 24]
    assert identity(features[keep], subjects[keep], seed=0) is None
    keep = np.r_[0:5, 12:14, 24]
    told = identity(features[keep], subjects[keep], seed=0)
    assert told is not None and (told.subjects, told.samples) == (2, 3)


def test_taking_identity_out_leaves_emotion_and_no_person() -> None:
    features, subjects, targets = drawn(person=1.5, emotion=1.0)
    directions = identity_directions(features, subjects, targets)
    np.testing.assert_allclose(directions.T @ directions, np.eye(directions.shape[1]), atol=1e-9)
    rest = project_out(features, directions)
    np.testing.assert_allclose(rest @ directions, 0, atol=1e-9)
    told = identity(rest, subjects, seed=0)
    assert told is not None and told.accuracy < 0.4
    half = np.arange(len(targets)) % 4 < 2
    model = fit(rest[half], targets[half], classes=2)
    assert (model.predict(rest[~half]) == targets[~half]).mean() > 0.9


def test_a_person_who_shows_one_emotion_more_often_is_not_that_emotion() -> None:
    generator = np.random.default_rng(0)
    subjects, targets = np.repeat(["a", "b"], 50), np.r_[np.arange(50) % 5 == 0, np.arange(50) % 5 > 0].astype(int)
    features = generator.normal(0, 0.01, (100, 6))
    features[:, 0] += targets  # the emotion alone lies along the first axis
    features[:, 1] += subjects == "b"  # the person along the second
    directions = identity_directions(features, subjects, targets)
    assert directions.shape == (6, 1)
    assert abs(directions[1, 0]) > 0.99


def test_nothing_between_people_removes_nothing() -> None:
    features = np.tile([[1.0, 2.0, 3.0]], (6, 1))
    assert identity_directions(features, np.repeat(["a", "b"], 3), np.zeros(6, dtype=int)).shape == (3, 0)


def test_random_directions_are_orthonormal_and_follow_from_the_seed() -> None:
    drawn_ones = random_directions(30, 7, seed=1)
    np.testing.assert_allclose(drawn_ones.T @ drawn_ones, np.eye(7), atol=1e-9)
    np.testing.assert_array_equal(drawn_ones, random_directions(30, 7, seed=1))
    assert not np.allclose(drawn_ones, random_directions(30, 7, seed=2))
