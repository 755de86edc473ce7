"""Compute intervals of scores by bootstrap over subjects.

Contract: samples of one person are not independent, so whole subjects are drawn with replacement and their confusion
matrices summed. Draws depend on the seed alone: scores of one run share them, and so do runs on the same subjects.
A draw that lacks a class has no UF1 and no UAR: it is set aside and its share reported, not scored over fewer classes.
Source: Efron & Tibshirani (1993), chapters 6, 12 and 13; Cameron, Gelbach & Miller (2008) on resampling clusters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit, stdtrit

from mer.evaluation.metrics import Metric, Scores
from mer.utils.seeding import seed_from

#: Above this share of draws without a defined score the rest no longer stand for the whole: no interval is given.
MAX_UNDEFINED = 0.5
#: How `score_interval` works, for results and reports.
METHOD = "bootstrap over subjects, logit scale, Student t"


@dataclass(frozen=True)
class Interval:
    """An interval of one score.

    Attributes:
        low, high: bounds, or None where none can be given: fewer than two subjects, draws that do not vary (a score of
            0 or 1: that nobody erred does not say that nobody will), more than half of the draws undefined.
        undefined: share of draws in which the score was not defined, 0..1.
    """

    low: float | None
    high: float | None
    undefined: float


def draw_subjects(subjects: int, *, draws: int, seed: int) -> npt.NDArray[np.int64]:
    """Return how often each of S subjects is in each of `draws` samples of S with replacement: (draws, S)."""
    generator = np.random.default_rng(seed_from(seed, "bootstrap"))
    return generator.multinomial(subjects, np.full(subjects, 1 / subjects), size=draws)


def resample_subjects(confusions: npt.NDArray, *, draws: int, seed: int) -> npt.NDArray:
    """Return summed counts (draws, K, K) of `draws` samples of S subjects with replacement from (S, K, K)."""
    subjects, classes, _ = confusions.shape
    times = draw_subjects(subjects, draws=draws, seed=seed)
    # float64 sums of counts are exact and use the fast matrix product
    summed = times.astype(np.float64) @ confusions.reshape(subjects, -1).astype(np.float64)
    return summed.reshape(draws, classes, classes)


def score_interval(value: float, draws: Scores, *, subjects: int, level: float = 0.95) -> Interval:
    """Interval around a score, from its bootstrap draws (D,), NaN marking draws without a score.

    The standard error is the deviation of the draws. It is carried to the logit scale, where scores near 1 are not
    crowded against their bound, and widened by Student's t with S - 1 degrees of freedom, since few subjects tell
    little about the spread. In simulations with 16 to 68 people this covered the truth in 93 to 96% of 700 to 800
    data sets at a nominal 95%, percentiles of the draws in 88 to 95% and BCa in 90 to 95%; the percentile interval was
    too short exactly where scores are good and subjects few.

    Args:
        value: score of the whole, 0..1.
        draws: score of each bootstrap draw (D,).
        subjects: S, number of subjects drawn from.
        level: nominal coverage, 0..1.
    """
    defined = draws[~np.isnan(draws)]
    undefined = 1 - defined.size / draws.size
    if subjects < 2 or not 0 < value < 1 or defined.size == 0 or undefined > MAX_UNDEFINED or np.ptp(defined) < 1e-9:
        return Interval(None, None, undefined)
    # the derivative of the logit is 1 / (value (1 - value))
    error = defined.std() / (value * (1 - value))
    reach = stdtrit(subjects - 1, (1 + level) / 2) * error
    low, high = expit(logit(value) + np.array([-reach, reach]))
    return Interval(float(low), float(high), undefined)


def subject_bootstrap(
    confusions: npt.NDArray, metric: Metric, *, draws: int, seed: int, level: float = 0.95
) -> Interval:
    """Interval of a score over subjects.

    Args:
        confusions: counts (S, K, K), one matrix a subject.
        metric: a function of `metrics.METRICS`: (D, K, K) counts to (D,) scores, NaN where not defined.
        draws: number of bootstrap samples.
        seed: seed of the run.
        level: nominal coverage, 0..1.
    """
    if len(confusions) < 2:
        return Interval(None, None, 0.0)
    values = metric(resample_subjects(confusions, draws=draws, seed=seed))
    return score_interval(float(metric(confusions.sum(axis=0))), values, subjects=len(confusions), level=level)
