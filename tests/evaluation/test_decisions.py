"""Decisions from probabilities: corrected class shares against Bayes, the best expected UF1 against brute force."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import stats

from mer.evaluation import decisions, metrics


def simulated(shares: list[float], count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of three normal classes: their true posteriors for even shares and for `shares`, and their classes."""
    rng = np.random.default_rng(seed)
    targets = rng.choice(3, count, p=shares)
    centres = np.array([[0, 0], [1.6, 0], [0, 1.6]])
    points = centres[targets] + rng.standard_normal((count, 2))
    likelihood = np.stack([stats.multivariate_normal(centre).pdf(points) for centre in centres], axis=1)
    weighted = likelihood * np.array(shares)
    return likelihood / likelihood.sum(1, keepdims=True), weighted / weighted.sum(1, keepdims=True), targets


def test_corrected_probabilities_are_the_posteriors_of_bayes_rule() -> None:
    even, true, _ = simulated([0.7, 0.2, 0.1], 500)
    np.testing.assert_allclose(
        decisions.correct_shares(even, np.full(3, 1 / 3), np.array([0.7, 0.2, 0.1])), true, rtol=1e-10
    )


def test_half_a_correction_is_half_the_log_of_the_shares() -> None:
    even, _, _ = simulated([0.7, 0.2, 0.1], 50)
    logs = np.log(even) + 0.5 * np.log([0.7, 0.2, 0.1])
    found = decisions.correct_shares(even, np.full(3, 1 / 3), np.array([0.7, 0.2, 0.1]), 0.5)
    np.testing.assert_allclose(found, np.exp(logs) / np.exp(logs).sum(1, keepdims=True))


def test_strength_0_changes_nothing() -> None:
    even, _, _ = simulated([0.7, 0.2, 0.1], 50)
    np.testing.assert_allclose(decisions.correct_shares(even, np.full(3, 1 / 3), np.array([0.7, 0.2, 0.1]), 0.0), even)


def test_shares_of_a_group_lie_between_its_own_and_those_of_all() -> None:
    targets, groups = np.array([0] * 30 + [1] * 30), np.array(["a"] * 30 + ["b"] * 30)
    found = decisions.shares_by_group(targets, groups, 3)
    np.testing.assert_allclose(found[""], [31 / 63, 31 / 63, 1 / 63])
    np.testing.assert_allclose(found["a"], (np.array([30, 0, 0]) + 10 * found[""]) / 40)
    other = np.array([0.2, 0.3, 0.5])
    np.testing.assert_allclose(decisions.expected_rows(found, ["a", "elsewhere"], other), [found["a"], other])


@pytest.mark.parametrize("classes", [2, 3, 4])
def test_the_best_expected_uf1_is_that_of_brute_force(classes: int) -> None:
    rng = np.random.default_rng(classes)
    for _ in range(25):
        shares = rng.dirichlet(np.ones(classes))
        p = rng.dirichlet(4 * shares + 0.05, size=6)
        best = max(
            (brute_uf1(p, decided) for decided in product(range(classes), repeat=6)),
        )
        found = decisions.maximise_expected_uf1(p)
        assert brute_uf1(p, found) == pytest.approx(decisions.expected_uf1(p, found))
        assert decisions.expected_uf1(p, found) == pytest.approx(best, abs=1e-9)


def brute_uf1(p: np.ndarray, decided: tuple[int, ...] | np.ndarray) -> float:
    """The definition, sample by sample: 2 TP / (2 TP + FP + FN), each count its expectation."""
    parts = []
    for k in range(p.shape[1]):
        tp = sum(row[k] for row, one in zip(p, decided, strict=True) if one == k)
        fp = sum(1 - row[k] for row, one in zip(p, decided, strict=True) if one == k)
        fn = sum(row[k] for row, one in zip(p, decided, strict=True) if one != k)
        parts.append(2 * tp / (2 * tp + fp + fn))
    return float(np.mean(parts))


def test_costs_raise_the_uf1_of_samples_that_chose_none_of_them() -> None:
    shares = [0.7, 0.2, 0.1]
    _, seen, _ = simulated(shares, 4000, seed=1)
    even, true, targets = simulated(shares, 4000, seed=2)

    def score(decided: np.ndarray) -> float:
        return float(metrics.uf1(metrics.confusion_matrix(targets, decided, classes=3)))

    best = score(decisions.decide(true, decisions.uf1_costs(seen)))
    assert best > score(even.argmax(1)) + 0.03
    assert best > score(true.argmax(1))


def test_a_temperature_is_undone_by_its_inverse() -> None:
    even, _, _ = simulated([0.4, 0.3, 0.3], 50)
    sharp = decisions.with_temperature(even, 0.5)
    np.testing.assert_allclose(sharp, even**2 / (even**2).sum(1, keepdims=True))
    np.testing.assert_allclose(decisions.with_temperature(sharp, 2.0), even)
