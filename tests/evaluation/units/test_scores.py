"""F1 and AUC of units against scikit-learn, means and thresholds against slow loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, roc_auc_score

from mer.evaluation.statistics.bootstrap import draw_subjects
from mer.evaluation.units.baselines import FoldUnits, unit_baselines
from mer.evaluation.units.scores import (
    DRAWS_AT_ONCE,
    mean_over_units,
    subject_weights,
    supported,
    weighted_auc,
    weighted_f1,
)
from mer.evaluation.units.thresholds import LEAST, best_threshold

some = settings(deadline=None, max_examples=40)


def drawn(seed: int, clips: int = 40, units: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truths (N, K) with some that are not known, scores (N, K) with ties, weights (4, N)."""
    rng = np.random.default_rng(seed)
    truth = rng.choice([-1, 0, 1], size=(clips, units), p=[0.1, 0.6, 0.3])
    scores = np.round(np.clip(0.3 * (truth == 1) + rng.random((clips, units)) * 0.7, 0, 1), 1)
    return truth, scores, rng.integers(0, 3, size=(4, clips))


@some
@given(seed=st.integers(0, 2**16))
def test_scores_are_those_of_scikit_learn_over_what_is_known(seed: int) -> None:
    truth, scores, weights = drawn(seed)
    predicted = (scores >= 0.5).astype(int)
    f1, auc = weighted_f1(truth, predicted, weights), weighted_auc(truth, scores, weights)
    for d, k in np.ndindex(f1.shape):
        known = (truth[:, k] >= 0) & (weights[d] > 0)
        kinds = set(truth[known, k])
        if 1 in kinds:
            assert f1[d, k] == pytest.approx(
                f1_score(truth[known, k], predicted[known, k], sample_weight=weights[d, known])
            )
        else:
            assert np.isnan(f1[d, k])
        if kinds == {0, 1}:
            expected = roc_auc_score(truth[known, k], scores[known, k], sample_weight=weights[d, known])
            assert auc[d, k] == pytest.approx(expected)
        else:
            assert np.isnan(auc[d, k])


def test_auc_is_the_share_of_pairs_in_the_right_order() -> None:
    truth, scores, _ = drawn(3, units=1)
    pairs = [
        1.0 if a > b else 0.5 if a == b else 0.0
        for a, x in zip(scores[:, 0], truth[:, 0], strict=True)
        for b, y in zip(scores[:, 0], truth[:, 0], strict=True)
        if (x, y) == (1, 0)
    ]
    assert weighted_auc(truth, scores, np.ones((1, len(truth))))[0, 0] == pytest.approx(np.mean(pairs))


def test_many_weightings_are_scored_part_by_part() -> None:
    truth, scores, _ = drawn(5, clips=12, units=2)
    weights = np.random.default_rng(1).integers(0, 3, size=(DRAWS_AT_ONCE + 7, 12))
    whole = weighted_auc(truth, scores, weights)
    for d in (0, DRAWS_AT_ONCE - 1, DRAWS_AT_ONCE, DRAWS_AT_ONCE + 6):
        assert np.array_equal(whole[d], weighted_auc(truth, scores, weights[d : d + 1])[0], equal_nan=True)


def test_clips_of_one_person_are_drawn_together_and_as_for_classes() -> None:
    subjects = np.array(["b", "a", "b", "c"])
    times = subject_weights(subjects, draws=50, seed=7)
    assert np.array_equal(times[:, 0], times[:, 2])
    assert np.array_equal(times[:, [1, 0, 3]], draw_subjects(3, draws=50, seed=7))
    assert set(times[:, [1, 0, 3]].sum(axis=1)) == {3}


def test_what_few_clips_or_one_person_shows_enters_no_mean() -> None:
    truth = np.array([[1, 1, 1, 1], [1, 1, 0, 1], [0, 0, 0, 1], [0, -1, 0, 1]])
    subjects = np.array(["a", "b", "b", "b"])
    assert supported(truth, subjects, support=2).tolist() == [True, True, False, False]
    one = np.array(["a", "a", "b", "b"])
    assert supported(truth, one, support=2).tolist() == [False, False, False, False]
    values = np.array([[0.2, 0.6, 1.0, 1.0], [np.nan, 0.6, 1.0, 1.0], [np.nan, np.nan, 1.0, 1.0]])
    mean = mean_over_units(values, np.array([True, True, False, False]))
    assert mean[:2] == pytest.approx([0.4, 0.6])
    assert np.isnan(mean[2])


@some
@given(seed=st.integers(0, 2**16))
@example(seed=4538)  # no clip has a score of .8, the threshold
def test_no_other_threshold_has_a_better_f1(seed: int) -> None:
    truth, scores, _ = drawn(seed, clips=60, units=1)
    truth, scores = truth[:, 0], scores[:, 0]
    found, known = best_threshold(truth, scores), truth >= 0
    if (truth == 1).sum() < LEAST:
        assert found == 0.5
        return
    tried = {cut: f1_score(truth[known], scores[known] >= cut) for cut in np.linspace(0.001, 1, 80)}
    reached = f1_score(truth[known], scores[known] >= found)
    assert reached == pytest.approx(max(tried.values()))
    gap = np.diff(np.unique(scores[known])).max()  # a threshold lies in the middle between two scores
    assert all(
        abs(cut - 0.5) > abs(found - 0.5) - gap / 2 - 0.001 for cut, f1 in tried.items() if f1 >= reached - 1e-12
    )


def test_a_threshold_stays_at_one_half_without_enough_clips_of_either_kind() -> None:
    scores = np.linspace(0.9, 1, 12)
    assert best_threshold(np.array([1] * (LEAST - 1) + [0] * 8), scores) == 0.5
    assert best_threshold(np.array([1] * 8 + [-1] * 4), scores) == 0.5


def test_guesses_have_the_scores_that_are_known_in_advance() -> None:
    rng = np.random.default_rng(0)
    train, test = (rng.random((size, 2)) < [0.2, 0.5] for size in (400, 3000))
    fold = FoldUnits(train.astype(int), test.astype(int))
    found = unit_baselines([fold], np.array([True, True]), draws=30, seed=1)
    share, asked = test.mean(axis=0), train.mean(axis=0)
    assert found["never"]["per_unit_f1"] == [0.0, 0.0]
    assert found["always"]["per_unit_f1"] == pytest.approx(2 * share / (1 + share), abs=1e-6)
    assert found["frequency"]["per_unit_f1"] == pytest.approx(2 * share * asked / (share + asked), abs=0.01)
    assert found["frequency"]["f1"]["low"] < found["frequency"]["f1"]["value"] < found["frequency"]["f1"]["high"]
    untrained = unit_baselines([FoldUnits(train[:0].astype(int), test.astype(int))], np.ones(2, bool), draws=3, seed=1)
    assert [*untrained] == ["never", "always"]
