"""Compare runs on the same samples with `compare`: scores per configuration, and a test of every pair.

Contract: pure functions of the runs; plain JSON values, None where a number is not defined. What is tested is stated
in `paired`, what may be compared in `comparable`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mer.evaluation.comparison.groups import RunGroup, differing, ensemble, group_by_config, group_facts
from mer.evaluation.comparison.notes import no_result, notes
from mer.evaluation.comparison.runs import FinishedRun, require_comparable
from mer.evaluation.metrics import METRICS, Metric, rounded
from mer.evaluation.predictions import confusions_by_subject, global_subjects
from mer.evaluation.report import published_results
from mer.evaluation.results import LEVEL
from mer.evaluation.statistics.bootstrap import resample_subjects, score_interval
from mer.evaluation.statistics.paired_tests import effect_size, holm, mcnemar, permutation_test

#: Scores whose differences are tested; the first decides, the others stand beside it.
TESTED = ("uf1", "uar", "accuracy")


def compare(runs: Sequence[FinishedRun], *, draws: int = 10_000, seed: int = 0) -> dict[str, Any]:
    """Return scores, tests and notes of runs on the same samples.

    Args:
        runs: two or more.
        draws: most swaps of a permutation test; a fifth of them are bootstrap draws.
        seed: of both.

    Raises:
        ComparisonError: fewer than two runs, or samples, subjects, labels or classes differ.
    """
    require_comparable(runs)
    groups = group_by_config(runs)
    classes = runs[0].results["classes"]
    counts = {one.name: [confusions_by_subject(run.predictions, classes)[1] for run in one.runs] for one in groups}
    ensembles = {one.name: ensemble(one, classes) for one in groups}
    bootstrap = max(draws // 5, 1)
    rows = [_row(one, counts[one.name], ensembles[one.name], classes, draws=bootstrap, seed=seed) for one in groups]
    pairs: list[dict[str, Any]] = []
    for first, second in combinations(groups, 2):
        means = [np.mean(counts[one.name], axis=0) for one in (first, second)]
        right = [
            (ensembles[one.name]["predicted"] == ensembles[one.name]["label"]).to_numpy() for one in (first, second)
        ]
        pairs.append(
            {
                "first": first.name,
                "second": second.name,
                **{key: _test(means, METRICS[key], draws=draws, seed=seed) for key in TESTED},
                "mcnemar": _rounded(asdict(mcnemar(*right))),
            }
        )
    for key in TESTED:
        defined = [pair[key] for pair in pairs if pair[key]["p"] is not None]
        for test, adjusted in zip(defined, holm([test["p"] for test in defined]), strict=True):
            test["p_holm"] = round(adjusted, 6)
    first_run = runs[0].results
    return {
        "classes": classes,
        "samples": len(runs[0].predictions),
        "subjects": int(global_subjects(runs[0].predictions).nunique()),
        "data": sorted({run.results["data"]["name"] for run in runs}),
        "synthetic": any(run.results["synthetic"] for run in runs),
        "no_result": no_result(rows),
        "interval": {**first_run["interval"], "level": LEVEL, "draws": bootstrap},
        "rows": rows,
        "pairs": pairs,
        "differing": differing(groups),
        # published numbers stand beside runs of one protocol only
        "match": published_results.comparison_key(first_run)
        if len({run.results["protocol"]["name"] for run in runs}) == 1
        else None,
        "notes": notes(groups, pairs),
    }


def _row(
    one: RunGroup,
    counts: Sequence[npt.NDArray],
    together: pd.DataFrame,
    classes: Sequence[str],
    *,
    draws: int,
    seed: int,
) -> dict[str, Any]:
    """Return one configuration: scores over its seeds with intervals, and scores of the seeds together."""
    many = len(counts) > 1
    pooled = confusions_by_subject(together, classes)[1]
    return {
        **group_facts(one),
        "scores": {key: _scores(counts, metric, draws=draws, seed=seed) for key, metric in METRICS.items()},
        "ensemble": {key: _scores([pooled], metric, draws=draws, seed=seed) for key, metric in METRICS.items()}
        if many
        else None,
    }


def _scores(counts: Sequence[npt.NDArray], metric: Metric, *, draws: int, seed: int) -> dict[str, Any]:
    """Return the mean over seeds, its interval over subjects, the deviation (n - 1; None for one seed), all values."""
    values = [float(metric(one.sum(axis=0))) for one in counts]
    # every seed's draws take the same subjects, so their mean is the draw of the mean
    drawn = np.mean([metric(resample_subjects(one, draws=draws, seed=seed)) for one in counts], axis=0)
    mean = float(np.mean(values))
    interval = score_interval(mean, drawn, subjects=len(counts[0]), level=LEVEL)
    return _rounded(
        {
            "value": mean,
            "low": interval.low,
            "high": interval.high,
            "deviation": float(np.std(values, ddof=1)) if len(values) > 1 else None,
            "values": values,
        }
    )


def _test(means: Sequence[npt.NDArray], metric: Metric, *, draws: int, seed: int) -> dict[str, Any]:
    """Return permutation test, interval and power for one score of one pair."""
    tested = permutation_test(means[0], means[1], metric, draws=draws, seed=seed)
    size = effect_size(means[0], means[1], metric, draws=max(draws // 5, 1), seed=seed, level=LEVEL)
    return _rounded({**asdict(tested), "p_holm": None, **asdict(size)})


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    """Return `values` with rounded floats, in lists too."""

    def one(value: Any) -> Any:
        if isinstance(value, list):
            return [one(part) for part in value]
        return rounded(value) if isinstance(value, float) else value

    return {key: one(value) for key, value in values.items()}
