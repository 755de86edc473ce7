"""Scores of the networks behind an average: each one's, their mean and deviation, beside those of the average.

Contract: a long table holds every member's predictions of the same samples, the member's number in the column `member`,
the others as in `mer.evaluation.predictions`. What the members spread is what another seed would change.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any

import pandas as pd

from mer.data.samples.table import SampleTable
from mer.evaluation.metrics import METRICS, rounded
from mer.evaluation.predictions import confusion, pool_folds

#: Column with a member's number, 0..M-1, as text where it comes from a CSV.
MEMBER = "member"


def member_scores(
    frames: Iterable[pd.DataFrame], table: SampleTable, *, likeliest: bool = True
) -> dict[str, Any] | None:
    """Return the pooled scores of every member, with mean and deviation; None without tables.

    Args:
        frames: one long table a fold.
        table: the samples of the run; those of failed folds may miss.
        likeliest: as in `pool_folds`.

    Returns:
        `scores` by number, `mean` and `deviation` (of a sample: divisor M - 1); each holds the metrics by name, null
        where one is not defined.

    Raises:
        PredictionError: a member's predictions do not fit the samples.
    """
    parts = list(frames)
    if not parts:
        return None
    long = pd.concat(parts, ignore_index=True)
    numbers = sorted(long[MEMBER].astype(int).unique())
    each = {}
    for number in numbers:
        own = long[long[MEMBER].astype(int) == number].drop(columns=MEMBER)
        pooled = pool_folds([own], table, allow_missing=True, likeliest=likeliest)
        counts = confusion(pooled, table.classes)
        each[str(number)] = {name: float(metric(counts)) for name, metric in METRICS.items()}
    columns = {name: [scores[name] for scores in each.values()] for name in METRICS}
    return {
        "scores": {number: {name: rounded(value) for name, value in scores.items()} for number, scores in each.items()},
        "mean": {name: rounded(statistics.fmean(values)) for name, values in columns.items()},
        "deviation": {name: rounded(_deviation(values)) for name, values in columns.items()},
    }


def _deviation(values: list[float]) -> float:
    return statistics.stdev(values) if len(values) > 1 and all(value == value for value in values) else float("nan")
