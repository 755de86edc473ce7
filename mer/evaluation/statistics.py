"""How far a score can be trusted: intervals by bootstrap over subjects.

Contract: samples of one person are not independent, so whole subjects are drawn with replacement and their confusion
matrices summed. Draws depend on the seed alone: scores of one run share them, and so do runs on the same subjects.
A draw that lacks a class has no UF1 and no UAR: it is set aside and its share reported, not scored over fewer classes.
Source: Efron & Tibshirani (1993), chapters 13-14; cluster bootstrap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mer.evaluation.metrics import Metric, Scores
from mer.provenance import seed_from

#: Above this share of draws without a defined score the rest no longer stand for the whole: no interval is given.
MAX_UNDEFINED = 0.5


@dataclass(frozen=True)
class Interval:
    """A bootstrap interval of one score.

    Attributes:
        low, high: bounds, or None where no interval can be given (fewer than two subjects, too many undefined draws).
        undefined: share of draws in which the score was not defined, 0..1.
    """

    low: float | None
    high: float | None
    undefined: float


def resample_subjects(confusions: npt.NDArray, *, draws: int, seed: int) -> npt.NDArray:
    """Summed counts (draws, K, K) of `draws` samples of S subjects with replacement from (S, K, K)."""
    subjects, classes, _ = confusions.shape
    generator = np.random.default_rng(seed_from(seed, "bootstrap"))
    times = generator.multinomial(subjects, np.full(subjects, 1 / subjects), size=draws)
    # float64 sums of counts are exact and use the fast matrix product
    summed = times.astype(np.float64) @ confusions.reshape(subjects, -1).astype(np.float64)
    return summed.reshape(draws, classes, classes)


def percentile_interval(values: Scores, level: float = 0.95) -> Interval:
    """Interval between the two tail quantiles of draws (D,), NaN marking draws without a score."""
    defined = values[~np.isnan(values)]
    undefined = 1 - defined.size / values.size
    if defined.size == 0 or undefined > MAX_UNDEFINED:
        return Interval(None, None, undefined)
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), undefined)


def subject_bootstrap(
    confusions: npt.NDArray, metric: Metric, *, draws: int, seed: int, level: float = 0.95
) -> Interval:
    """Percentile interval of a score over subjects.

    Args:
        confusions: counts (S, K, K), one matrix a subject.
        metric: a function of `metrics.METRICS`: (D, K, K) counts to (D,) scores, NaN where not defined.
        draws: number of bootstrap samples.
        seed: seed of the run.
        level: nominal coverage, 0..1.
    """
    if len(confusions) < 2:
        return Interval(None, None, 0.0)
    return percentile_interval(metric(resample_subjects(confusions, draws=draws, seed=seed)), level)
