from __future__ import annotations

import time

import numpy as np
import pytest

from mer.evaluation.metrics import METRICS, accuracy, uf1
from mer.evaluation.statistics.bootstrap import Interval, resample_subjects, score_interval, subject_bootstrap
from tests.helpers.simulated_people import drawn_runs, population_score


def random_confusions(subjects: int, *, seed: int = 0, right: float = 0.7, clips: int = 6) -> np.ndarray:
    """Counts (S, 3, 3) of people with `clips` clips each."""
    generator = np.random.default_rng(seed)
    counts = np.zeros((subjects, 3, 3), dtype=np.int64)
    for row in counts:
        truth = generator.integers(0, 3, clips)
        guess = np.where(generator.random(clips) < right, truth, generator.integers(0, 3, clips))
        np.add.at(row, (truth, guess), 1)
    return counts


def test_draws_are_sums_over_subjects_drawn_with_replacement() -> None:
    # a person's matrix is one power of a base above S, so that a sum tells how often each person was drawn
    subjects = 4
    counts = np.zeros((subjects, 2, 2), dtype=np.int64)
    counts[:, 0, 0] = [1, 10, 100, 1000]
    sums = resample_subjects(counts, draws=500, seed=3)[:, 0, 0].astype(int)
    digits = np.array([[int(digit) for digit in f"{value:04d}"] for value in sums])
    assert (digits.sum(axis=1) == subjects).all()
    # each person is drawn once on average; four standard errors of 500 draws of variance 3/4
    np.testing.assert_allclose(digits.mean(axis=0), 1, atol=4 * np.sqrt(0.75 / 500))


def test_draws_equal_a_slow_loop_in_distribution() -> None:
    counts = random_confusions(20)
    fast = METRICS["uf1"](resample_subjects(counts, draws=4000, seed=0))
    generator = np.random.default_rng(99)
    slow = [float(uf1(counts[generator.integers(0, 20, 20)].sum(axis=0))) for _ in range(4000)]
    levels = [0.025, 0.25, 0.5, 0.75, 0.975]
    np.testing.assert_allclose(np.quantile(fast, levels), np.quantile(slow, levels), atol=0.012)


def test_the_interval_of_a_mean_equals_the_textbook_one() -> None:
    # one clip a person: accuracy is a share with standard error sqrt(p (1 - p) / n); near 1/2 the logit is straight
    counts = np.zeros((400, 2, 2), dtype=np.int64)
    counts[:200, 0, 0] = 1
    counts[200:, 0, 1] = 1
    interval = subject_bootstrap(counts, accuracy, draws=20000, seed=0)
    assert (interval.low, interval.high) == pytest.approx((0.5 - 1.966 * 0.025, 0.5 + 1.966 * 0.025), abs=1e-3)


def test_a_nominal_95_percent_interval_covers_the_truth_about_as_often() -> None:
    # 20 people, few clips, good scores: where percentile intervals are too short
    generator = np.random.default_rng(0)
    skill = generator.beta(6, 2, size=(400, 20))
    clips = generator.poisson(4, size=(400, 20)) + 1
    right = generator.binomial(clips, skill)
    # E[right] / E[clips] = the mean of beta(6, 2)
    covered = 0
    for hits, total in zip(right, clips, strict=True):
        counts = np.zeros((20, 2, 2), dtype=np.int64)
        counts[:, 0, 0], counts[:, 0, 1] = hits, total - hits
        interval = subject_bootstrap(counts, accuracy, draws=300, seed=0)
        assert interval.low is not None
        covered += interval.low <= 0.75 <= interval.high
    # two standard errors of a share of 400 around the allowed 93..97%
    assert 0.93 - 0.022 <= covered / 400 <= 0.97 + 0.022


def test_the_interval_follows_from_the_seed() -> None:
    counts = random_confusions(20)
    first = subject_bootstrap(counts, accuracy, draws=200, seed=0)
    assert first == subject_bootstrap(counts, accuracy, draws=200, seed=0)
    assert first != subject_bootstrap(counts, accuracy, draws=200, seed=1)


def test_a_wider_level_gives_a_wider_interval() -> None:
    counts = random_confusions(20)
    narrow = subject_bootstrap(counts, accuracy, draws=500, seed=0, level=0.5)
    wide = subject_bootstrap(counts, accuracy, draws=500, seed=0, level=0.99)
    assert wide.low < narrow.low < accuracy(counts.sum(axis=0)) < narrow.high < wide.high


@pytest.mark.parametrize("right", [1.0, None])
def test_where_nobody_differs_no_interval_can_be_given(right: float | None) -> None:
    counts = np.tile([[1, 2], [1, 3]], (10, 1, 1)) if right is None else random_confusions(10, right=right)
    interval = subject_bootstrap(counts, accuracy, draws=100, seed=0)
    assert (interval.low, interval.high, interval.undefined) == (None, None, 0.0)


def test_draws_without_a_class_are_set_aside_and_counted() -> None:
    # class 2 is shown by one of four people: a draw misses that person with probability (3/4)^4
    counts = random_confusions(4, clips=20)
    counts[1:, 2] = 0
    interval = subject_bootstrap(counts, METRICS["uf1"], draws=4000, seed=0)
    assert interval.undefined == pytest.approx(0.75**4, abs=0.03)
    assert interval.low is not None
    assert subject_bootstrap(counts, accuracy, draws=4000, seed=0).undefined == 0


def test_too_many_undefined_draws_give_no_interval() -> None:
    values = np.array([np.nan] * 6 + [0.5] * 4)
    interval = score_interval(0.5, values, subjects=5)
    assert (interval.low, interval.high) == (None, None)
    assert interval.undefined == pytest.approx(0.6)
    assert score_interval(0.5, np.full(3, np.nan), subjects=5).low is None
    assert score_interval(float("nan"), np.array([0.4, 0.5]), subjects=5).low is None


def test_one_subject_has_no_interval() -> None:
    interval = subject_bootstrap(random_confusions(1), accuracy, draws=100, seed=0)
    assert (interval.low, interval.high) == (None, None)


def test_two_thousand_draws_are_fast() -> None:
    counts = random_confusions(68)
    began = time.process_time()
    subject_bootstrap(counts, METRICS["uf1"], draws=2000, seed=0)
    assert time.process_time() - began < 1.0


@pytest.mark.slow
@pytest.mark.parametrize("subjects", [20, 47, 68])
def test_the_interval_covers_the_population_s_score_in_93_to_97_percent(subjects: int) -> None:
    generator = np.random.default_rng(subjects)
    truth = {name: population_score(METRICS[name]) for name in ("uf1", "uar", "accuracy")}
    covered = dict.fromkeys(truth, 0)
    for _ in range(2000):
        counts = drawn_runs(generator, subjects, runs=1)[0]
        for name, value in truth.items():
            interval = subject_bootstrap(counts, METRICS[name], draws=300, seed=0)
            covered[name] += interval.low is not None and interval.low <= value <= interval.high
    for name, count in covered.items():
        assert 0.93 <= count / 2000 <= 0.97, f"{name}: {count / 2000:.3f}"


@pytest.mark.parametrize("value", [0.0, 1.0, float("nan")])
def test_a_score_at_its_bound_has_no_interval_even_where_draws_vary(value: float) -> None:
    # a draw may lack a class that the whole has, so that its score is lower than the whole's 1
    assert score_interval(value, np.array([2 / 3, 1.0, 1.0, 0.0]), subjects=4) == Interval(None, None, 0.0)
