"""The claims of a run: `results.json` as one dict, every number computed from the pooled predictions.

Contract: plain JSON values; a number that is not defined is null and the reason stands beside it. A run of which folds
failed is `complete: false` and says of how many samples its scores are. Synthetic results say that they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy.typing as npt
import pandas as pd

from mer.config import ARGMAX, Config
from mer.data.samples.table import SampleTable
from mer.evaluation.baselines.chance import Baseline, FoldLabels, all_baselines
from mer.evaluation.diagnostics.action_units import by_action_unit
from mer.evaluation.diagnostics.calibration import calibration
from mer.evaluation.diagnostics.challenge_scores import challenge_scores
from mer.evaluation.diagnostics.ensemble_scores import member_scores
from mer.evaluation.fold_facts import data_facts, error_line, run_facts
from mer.evaluation.metrics import METRICS, MetricError, absent_classes, per_class, rounded
from mer.evaluation.predictions import confusions_by_subject, encode_labels
from mer.evaluation.statistics.bootstrap import METHOD, subject_bootstrap
from mer.protocols.registry import Fold, is_learned, selection_mode

__all__ = ["LEVEL", "error_line", "scores", "summarise"]

#: Nominal coverage of every interval.
LEVEL = 0.95


def summarise(
    predictions: pd.DataFrame,
    table: SampleTable,
    folds: pd.DataFrame,
    *,
    splits: Sequence[Fold],
    config: Config,
    parameters: int,
    data_hash: str,
    members: Iterable[pd.DataFrame] = (),
) -> dict[str, Any]:
    """The results of a run, ready for `write_json(run / run_files.RESULTS, ...)`.

    Args:
        predictions: as returned by `predictions.pool_folds`.
        table: the samples of the run.
        folds: the table of `folds.csv`: fold, status (`done` or not), error, seconds, train_seconds of every fold;
            where it has a column validation_uf1 (of the inner split), its mean is the objective of sweeps
            (which all test subjects enter through the inner splits of other folds).
        splits: all folds of the protocol; baselines are fitted on their training parts.
        config: the configuration of the run.
        parameters: trainable parameters of the network.
        data_hash: `table.content_hash()`.
        members: the long tables of the folds (`ensemble_scores`) where several networks are averaged.

    Raises:
        MetricError: every sample is predicted, yet a class of the protocol has none.
    """
    classes = list(table.classes)
    complete = len(predictions) == sum(len(fold.test) for fold in splits)
    draws, seed = config.evaluation.bootstrap, config.seed
    everything = scores(predictions, classes, draws=draws, seed=seed)
    if complete and "not_defined" in everything:
        raise MetricError(f"the pooled predictions cannot be scored: {everything['not_defined']}")
    parts = predictions.groupby("dataset", sort=True)
    return {
        **run_facts(table, folds, splits=splits, config=config, parameters=parameters, data_hash=data_hash),
        "complete": complete,
        "selection": selection_mode(config.protocol, config.decision),
        "data": data_facts(table, predictions),
        "classes": classes,
        "scores": {
            "all": everything,
            "by_dataset": {str(name): scores(part, classes, draws=draws, seed=seed) for name, part in parts},
        },
        "members": member_scores(members, table, likeliest=config.decision.rule == ARGMAX),
        "action_units": by_action_unit(predictions, table, classes),
        "interval": {"level": LEVEL, "draws": draws, "unit": "subject", "method": METHOD},
        "baselines": _baselines(predictions, table, splits, config),
        "calibration": calibration(predictions, classes),
        "challenge": challenge_scores(predictions, classes, config.protocol.name),
        **_decision(folds, config),
    }


def total_seconds(results: dict[str, Any]) -> float:
    """Return the computing seconds of a run: stages and folds, summed over processes."""
    return round(results["seconds"] + sum(stage["seconds"] for stage in results.get("stages", ())), 3)


def scores(predictions: pd.DataFrame, classes: Sequence[str], *, draws: int, seed: int) -> dict[str, Any]:
    """Scores of pooled predictions: each metric's value and interval, values per class, confusion matrix, n.

    Where a class has no samples, what is a mean over classes is null and `not_defined` holds the reason.
    """
    subjects, by_subject = confusions_by_subject(predictions, classes)
    pooled = by_subject.sum(axis=0)
    found: dict[str, Any] = {"samples": len(predictions), "subjects": len(subjects)}
    for name, metric in METRICS.items():
        interval = subject_bootstrap(by_subject, metric, draws=draws, seed=seed, level=LEVEL)
        value = rounded(float(metric(pooled)))
        found[name] = {
            "value": value,
            "low": rounded(interval.low) if value is not None else None,
            "high": rounded(interval.high) if value is not None else None,
            "undefined_draws": round(interval.undefined, 4),
        }
    found["per_class"] = {
        name: {key: rounded(value) for key, value in row.items()} for name, row in per_class(pooled, classes).items()
    }
    found["confusion"] = pooled.tolist()
    absent = absent_classes(pooled, classes)
    if absent:
        found["not_defined"] = f"no samples of {', '.join(absent)}, so no mean over the {len(classes)} classes exists"
    return found


def _decision(folds: pd.DataFrame, config: Config) -> dict[str, Any]:
    """The entry `decision`: the rule, and how many folds took each strength; nothing for `argmax`."""
    if config.decision.rule == ARGMAX:
        return {}
    counts = pd.to_numeric(folds["strength"]).value_counts().sort_index()
    return {
        "decision": {
            "rule": config.decision.rule,
            "chosen": is_learned(config.decision),
            "strengths": {f"{strength:g}": int(count) for strength, count in counts.items()},
        }
    }


def _baselines(
    predictions: pd.DataFrame, table: SampleTable, splits: Sequence[Fold], config: Config
) -> dict[str, dict[str, Any]]:
    """Return the baselines on the scored samples, fitted on the training part of each fold."""
    targets = pd.Series(encode_labels(table.frame["label"], table.classes), index=table.frame["sample_id"])
    scored = set(predictions["sample_id"])
    labels = []
    for fold in splits:
        test = [name for name in fold.test if name in scored]
        if test:
            labels.append(FoldLabels(_select(targets, fold.train), _select(targets, test)))
    draws = config.evaluation.random_draws
    found = all_baselines(labels, table.classes, draws=draws, seed=config.seed) if labels else {}
    return {name: _baseline(row) for name, row in found.items()}


def _select(targets: pd.Series, ids: Sequence[str]) -> npt.NDArray:
    return targets.loc[list(ids)].to_numpy()


def _baseline(row: Baseline) -> dict[str, Any]:
    bounds = {
        name: {"value": rounded(row.value[name]), "low": rounded(row.low[name]), "high": rounded(row.high[name])}
        for name in METRICS
    }
    return {"description": row.description, **bounds}
