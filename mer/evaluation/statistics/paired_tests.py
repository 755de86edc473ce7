"""Two runs on the same samples: is the difference of their pooled scores more than chance?

Contract: what is exchanged under the null hypothesis is a whole subject, since clips of one person are not independent:
the two runs swap their predictions on that subject's clips and both pooled scores are computed anew. Counts are
(S, K, K), one confusion matrix a subject, subjects in one order for both runs; several seeds enter as their mean.
Source: Pitman (1937) and Good (2005) on sign-flip tests; Phipson & Smyth (2010) on p-values of random permutations;
McNemar (1947); Holm (1979); Bloom (1995) on the smallest difference that a study can show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit
from scipy.stats import binomtest

from mer.evaluation.metrics import Metric, Scores
from mer.evaluation.statistics.bootstrap import MAX_UNDEFINED, resample_subjects
from mer.utils.seeding import seed_from

#: Two scores closer than this are one score: sums in another order must not decide whether a swap is as extreme.
TIE = 1e-9
#: Chance of finding a true difference of the size that `detectable` names.
POWER = 0.8


@dataclass(frozen=True)
class Permutation:
    """Subject-level swap test of one score.

    Attributes:
        difference: score of the first run minus that of the second.
        p: two-sided p-value, in (0, 1]; NaN where the score is not defined.
        exact: whether every way of swapping was counted rather than drawn.
        swaps: ways counted or drawn.
        spread: standard deviation of the difference under the null hypothesis.
    """

    difference: float
    p: float
    exact: bool
    swaps: int
    spread: float


@dataclass(frozen=True)
class Effect:
    """Size of a difference and what the subjects at hand could have shown; None where the draws tell nothing.

    Attributes:
        low, high: interval of the difference, by bootstrap over subjects with Student's t.
        standardised: the difference over its standard deviation for one subject, so Cohen's d of paired data where the
            score is a mean over subjects.
        detectable: difference that a study with as many subjects would find with probability `POWER` at the level.
    """

    low: float | None
    high: float | None
    standardised: float | None
    detectable: float | None


@dataclass(frozen=True)
class McNemar:
    """Exact McNemar test of two classifiers' errors, clip by clip.

    Attributes:
        only_first, only_second: clips that one of them alone has right.
        p: two-sided p-value; it takes clips as independent, which clips of one person are not.
        g: Cohen's g, the share of the disagreements that the first one has right, minus 1/2; None without any.
    """

    only_first: int
    only_second: int
    p: float
    g: float | None


def permutation_test(
    first: npt.NDArray, second: npt.NDArray, metric: Metric, *, draws: int = 10_000, seed: int = 0
) -> Permutation:
    """Two-sided test that two runs score alike, by swapping their predictions subject by subject.

    Exact where the ways of swapping are no more than `draws`. Subjects on whom both runs have one confusion matrix
    change nothing and are not counted, and swapping all of them only turns the sign, so n subjects that differ have
    2^(n-1) ways. Otherwise drawn, the observed assignment counted among the draws.

    Args:
        first: counts (S, K, K) of one run.
        second: of the other.
        metric: a function of `metrics.METRICS`.
        draws: most ways of swapping that are looked at.
        seed: of the drawing.
    """
    base = np.stack([first.sum(axis=0), second.sum(axis=0)]).astype(np.float64)
    # what a swap of subject s takes from the first run's pool and gives to the second's
    moved = (np.asarray(first, dtype=np.float64) - second).reshape(len(first), -1)
    moved = moved[np.abs(moved).max(axis=1) > 0]
    observed = float(metric(base[0]) - metric(base[1]))
    if np.isnan(observed):
        return Permutation(observed, float("nan"), False, 0, float("nan"))
    if not len(moved):
        return Permutation(observed, 1.0, True, 1, 0.0)
    exact = len(moved) - 1 < 63 and 2 ** (len(moved) - 1) <= draws
    if exact:
        codes = np.arange(2 ** (len(moved) - 1))
        swaps = (codes[:, None] >> np.arange(len(moved))) & 1
    else:
        swaps = np.random.default_rng(seed_from(seed, "swap")).integers(0, 2, (draws, len(moved)))
    shift = (swaps.astype(np.float64) @ moved).reshape(len(swaps), *base.shape[1:])
    differences = metric(base[0] - shift) - metric(base[1] + shift)
    extreme = int((np.abs(differences) >= abs(observed) - TIE).sum())
    p = extreme / len(swaps) if exact else (extreme + 1) / (len(swaps) + 1)
    return Permutation(observed, p, exact, len(swaps), float(np.sqrt((differences**2).mean())))


def effect_size(
    first: npt.NDArray, second: npt.NDArray, metric: Metric, *, draws: int = 2000, seed: int = 0, level: float = 0.95
) -> Effect:
    """Interval, standardised size and smallest detectable difference of two runs' pooled scores.

    Args:
        first: counts (S, K, K) of one run; each draw takes the same subjects of both.
        second: of the other.
        metric: a function of `metrics.METRICS`.
        draws: bootstrap samples of the subjects.
        seed: of the drawing.
        level: nominal coverage of the interval, 0..1; its complement is the level of the test that is to be powerful.
    """
    subjects = len(first)
    if subjects < 2:
        return Effect(None, None, None, None)
    values: list[Scores] = [metric(resample_subjects(counts, draws=draws, seed=seed)) for counts in (first, second)]
    differences = values[0] - values[1]
    defined = differences[~np.isnan(differences)]
    difference = float(metric(first.sum(axis=0)) - metric(second.sum(axis=0)))
    if defined.size < (1 - MAX_UNDEFINED) * draws or np.isnan(difference) or np.ptp(defined) < TIE:
        return Effect(None, None, None, None)
    error = float(defined.std())
    reach, power = (float(stdtrit(subjects - 1, q)) for q in ((1 + level) / 2, POWER))
    return Effect(
        difference - reach * error,
        difference + reach * error,
        difference / (error * np.sqrt(subjects)),
        (reach + power) * error,
    )


def mcnemar(first_right: npt.NDArray[np.bool_], second_right: npt.NDArray[np.bool_]) -> McNemar:
    """Return the exact McNemar test of two classifiers on the same clips; which clips are right, (N,) each."""
    only_first = int((first_right & ~second_right).sum())
    only_second = int((second_right & ~first_right).sum())
    total = only_first + only_second
    if total == 0:
        return McNemar(0, 0, 1.0, None)
    return McNemar(only_first, only_second, float(binomtest(only_first, total).pvalue), only_first / total - 0.5)


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values adjusted by Holm's step-down method, in the given order; each at most 1."""
    order = sorted(range(len(p)), key=lambda place: p[place])
    adjusted, reached = [0.0] * len(p), 0.0
    for rank, place in enumerate(order):
        reached = max(reached, min(1.0, (len(p) - rank) * p[place]))
        adjusted[place] = reached
    return adjusted
