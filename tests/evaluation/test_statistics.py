from __future__ import annotations

import time

import numpy as np
import pytest

from mer.evaluation.metrics import METRICS, accuracy, uf1
from mer.evaluation.statistics import percentile_interval, resample_subjects, subject_bootstrap


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


def test_the_interval_equals_a_slow_loop_in_distribution() -> None:
    counts = random_confusions(20)
    fast = subject_bootstrap(counts, METRICS["uf1"], draws=4000, seed=0)
    generator = np.random.default_rng(99)
    slow = [float(uf1(counts[generator.integers(0, 20, 20)].sum(axis=0))) for _ in range(4000)]
    assert (fast.low, fast.high) == pytest.approx(tuple(np.quantile(slow, [0.025, 0.975])), abs=0.012)


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


def test_perfect_predictions_have_an_interval_of_no_width() -> None:
    interval = subject_bootstrap(random_confusions(10, right=1.0), accuracy, draws=100, seed=0)
    assert (interval.low, interval.high, interval.undefined) == (1.0, 1.0, 0.0)


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
    interval = percentile_interval(values)
    assert (interval.low, interval.high) == (None, None)
    assert interval.undefined == pytest.approx(0.6)
    assert percentile_interval(np.full(3, np.nan)).low is None


def test_one_subject_has_no_interval() -> None:
    interval = subject_bootstrap(random_confusions(1), accuracy, draws=100, seed=0)
    assert (interval.low, interval.high) == (None, None)


def test_two_thousand_draws_are_fast() -> None:
    counts = random_confusions(68)
    began = time.process_time()
    subject_bootstrap(counts, METRICS["uf1"], draws=2000, seed=0)
    assert time.process_time() - began < 1.0
