from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from sklearn.metrics import f1_score

from mer.evaluation.metrics import METRICS, accuracy
from mer.evaluation.statistics.paired_tests import effect_size, holm, mcnemar, permutation_test
from tests.helpers.simulated_people import drawn_runs

UF1 = METRICS["uf1"]


def one_clip_each(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Counts (S, 2, 2) of people with one clip of class 0, from who is right (S,)."""
    found = []
    for right in (first, second):
        counts = np.zeros((len(right), 2, 2), dtype=np.int64)
        counts[:, 0, 0], counts[:, 0, 1] = right, ~right
        found.append(counts)
    return found[0], found[1]


def test_the_exact_test_equals_swapping_predictions_by_hand() -> None:
    generator = np.random.default_rng(4)
    people = np.repeat(np.arange(6), 5)
    truth = np.tile([0, 0, 1, 1, 2], 6)
    first, second = (np.where(generator.random(30) < p, truth, generator.integers(0, 3, 30)) for p in (0.8, 0.3))
    counts = np.zeros((2, 6, 3, 3), dtype=np.int64)
    for run, guess in enumerate((first, second)):
        np.add.at(counts[run], (people, truth, guess), 1)

    def difference(swapped: tuple[int, ...]) -> float:
        turn = np.array(swapped)[people] == 1
        one, other = np.where(turn, second, first), np.where(turn, first, second)
        return f1_score(truth, one, average="macro") - f1_score(truth, other, average="macro")

    every = np.array([difference(swapped) for swapped in product((0, 1), repeat=6)])
    expected = (np.abs(every) >= abs(difference((0,) * 6)) - 1e-12).mean()
    found = permutation_test(counts[0], counts[1], UF1)
    assert found.exact
    assert found.difference == pytest.approx(difference((0,) * 6))
    assert found.p == pytest.approx(expected)
    assert found.spread == pytest.approx(np.sqrt((every**2).mean()))


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=13))
def test_with_one_clip_a_person_the_swap_test_is_mcnemars(answers: list[tuple[bool, bool]]) -> None:
    first, second = (np.array(part) for part in zip(*answers, strict=True))
    swapped = permutation_test(*one_clip_each(first, second), accuracy)
    assert swapped.exact
    assert swapped.p == pytest.approx(mcnemar(first, second).p)


def test_drawn_swaps_come_near_the_exact_p() -> None:
    counts = drawn_runs(np.random.default_rng(2), 13, gain=0.1)
    exact = permutation_test(counts[0], counts[1], UF1, draws=5000)
    drawn = permutation_test(counts[0], counts[1], UF1, draws=800)
    assert exact.exact and not drawn.exact and drawn.swaps == 800
    assert 0.01 < exact.p < 0.99
    assert drawn.p == pytest.approx(exact.p, abs=4 * np.sqrt(exact.p * (1 - exact.p) / 800))
    assert drawn.spread == pytest.approx(exact.spread, rel=0.1)


def test_a_run_does_not_differ_from_itself_and_turning_the_pair_turns_the_sign() -> None:
    counts = drawn_runs(np.random.default_rng(0), 30)
    same = permutation_test(counts[0], counts[0], UF1)
    assert (same.difference, same.p) == (0.0, 1.0)
    there, back = permutation_test(counts[0], counts[1], UF1), permutation_test(counts[1], counts[0], UF1)
    assert there.difference == -back.difference
    assert there.p == pytest.approx(back.p, abs=0.03)
    assert permutation_test(counts[0], counts[1], UF1) == there
    assert effect_size(counts[0], counts[0], UF1).low is None


def test_a_score_that_is_not_defined_has_no_p() -> None:
    counts = drawn_runs(np.random.default_rng(0), 8)
    counts[:, :, 2] = 0
    assert np.isnan(permutation_test(counts[0], counts[1], UF1).p)
    assert effect_size(counts[0], counts[1], UF1).detectable is None
    assert effect_size(counts[0, :1], counts[1, :1], accuracy).low is None


def test_mcnemar_equals_the_binomial_sum() -> None:
    first = np.array([True] * 12 + [False] * 3 + [True] * 40)
    second = np.array([False] * 12 + [True] * 3 + [True] * 40)
    found = mcnemar(first, second)
    assert (found.only_first, found.only_second) == (12, 3)
    assert found.p == pytest.approx(2 * binom.cdf(3, 15, 0.5))
    assert found.g == pytest.approx(12 / 15 - 0.5)
    assert mcnemar(first, first).p == 1
    assert mcnemar(first, first).g is None


def test_holm_equals_its_published_example_and_its_definition() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_rejects_what_the_step_down_rule_rejects(p: list[float]) -> None:
    adjusted = holm(p)
    for level in (0.01, 0.05, 0.2, 0.7):
        rejected: set[int] = set()
        for rank, place in enumerate(sorted(range(len(p)), key=lambda k: p[k])):
            if (len(p) - rank) * p[place] > level:
                break
            rejected.add(place)
        assert {place for place, value in enumerate(adjusted) if value <= level} == rejected


def test_the_effect_on_accuracy_equals_the_textbook_of_paired_data() -> None:
    generator = np.random.default_rng(1)
    first, second = generator.random(300) < 0.7, generator.random(300) < 0.6
    found = effect_size(*one_clip_each(first, second), accuracy, draws=20_000)
    gaps = first.astype(float) - second
    error = gaps.std() / np.sqrt(300)
    assert found.standardised == pytest.approx(gaps.mean() / gaps.std(), rel=0.03)
    assert (found.low, found.high) == pytest.approx(
        (gaps.mean() - 1.968 * error, gaps.mean() + 1.968 * error), abs=0.003
    )
    # t quantiles at 97.5% and 80% with 299 degrees of freedom
    assert found.detectable == pytest.approx((1.968 + 0.843) * error, rel=0.03)


def test_false_positives_are_about_as_many_as_promised() -> None:
    generator = np.random.default_rng(0)
    found = [permutation_test(*drawn_runs(generator, 16), UF1, draws=200).p <= 0.05 for _ in range(300)]
    # two and a half standard errors of a share of 300 around the allowed 3..7%
    assert 0.03 - 0.031 <= np.mean(found) <= 0.07 + 0.031


@pytest.mark.slow
@pytest.mark.parametrize("subjects", [20, 68])
def test_false_positive_rate_is_3_to_7_percent_at_5(subjects: int) -> None:
    generator = np.random.default_rng(subjects)
    runs = [drawn_runs(generator, subjects) for _ in range(2000)]
    for metric in (UF1, accuracy):
        found = [permutation_test(first, second, metric, draws=999).p <= 0.05 for first, second in runs]
        assert 0.03 <= np.mean(found) <= 0.07


@pytest.mark.slow
def test_a_difference_of_the_detectable_size_is_found_about_four_times_in_five() -> None:
    generator = np.random.default_rng(3)
    true = np.diff([float(UF1(run.sum(axis=0))) for run in drawn_runs(generator, 40_000, gain=0.17)])[0] * -1
    found, sizes = [], []
    for _ in range(600):
        first, second = drawn_runs(generator, 40, gain=0.17)
        sizes.append(effect_size(first, second, UF1, draws=300).detectable)
        found.append(permutation_test(first, second, UF1, draws=499).p <= 0.05)
    # the planted difference is the detectable one but for a few percent, and power moves little in that range
    ratio = np.mean(sizes) / true
    assert 0.9 < ratio < 1.1, "the planted gain should be near the detectable size"
    assert np.mean(found) == pytest.approx(0.8, abs=0.08)
