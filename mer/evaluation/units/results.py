"""The claims of a run on action units: `results.json` as one dict, every number computed from the pooled predictions.

Contract: as of `mer.evaluation.results`; `task` is `action_units`. Scores have `f1` and `auc`, means over the units
with enough support, each with an interval over subjects, and `per_unit`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mer.config import Config
from mer.data.facs import ACTION_UNITS
from mer.data.facs.unit_targets import BOTH, NONE, unit_name, unit_sides
from mer.evaluation.fold_facts import data_facts, run_facts
from mer.evaluation.metrics import rounded
from mer.evaluation.predictions import global_subjects
from mer.evaluation.results import LEVEL
from mer.evaluation.statistics.bootstrap import METHOD, score_interval
from mer.evaluation.units.baselines import FoldUnits, unit_baselines
from mer.evaluation.units.objective import objective_reading
from mer.evaluation.units.scores import mean_over_units, subject_weights, supported, weighted_auc, weighted_f1
from mer.evaluation.units.table import UnitSamples, predicted_of, probabilities_of, truth_of
from mer.protocols.registry import Fold, selection_mode

ACTION_UNITS_TASK = "action_units"


def summarise_units(
    predictions: pd.DataFrame,
    samples: UnitSamples,
    folds: pd.DataFrame,
    *,
    splits: Sequence[Fold],
    config: Config,
    parameters: int,
    data_hash: str,
    thresholds: Sequence[Mapping[str, float]],
) -> dict[str, Any]:
    """Return the results of a run on action units.

    Args:
        predictions: as returned by `table.pool_units`.
        samples: table, units and targets of the run, as `PreparedSamples` has them.
        folds: the table of `folds.csv`.
        splits: all folds of the protocol; baselines are fitted on their training parts.
        config: the configuration of the run.
        parameters: trainable parameters of the network.
        data_hash: `table.content_hash()`.
        thresholds: of each finished fold, by the unit's name.
    """
    table, units = samples.table, samples.units
    complete = len(predictions) == sum(len(fold.test) for fold in splits)
    draws, seed, support = config.evaluation.bootstrap, config.seed, config.task.support
    parts = predictions.groupby("dataset", sort=True)
    known = truth_of(predictions, units) >= 0
    whole = unit_scores(predictions, units, draws=draws, seed=seed, support=support)
    return {
        **run_facts(table, folds, splits=splits, config=config, parameters=parameters, data_hash=data_hash),
        "task": ACTION_UNITS_TASK,
        "complete": complete,
        "selection": unit_selection(config),
        "data": {**data_facts(table, predictions), "coded": int(known.any(axis=1).sum())},
        "classes": [unit_name(unit) for unit in units],
        "support": support,
        "scores": {
            "all": whole,
            "by_dataset": {
                str(name): unit_scores(part, units, draws=draws, seed=seed, support=support) for name, part in parts
            },
        },
        "units": _rows(predictions, samples, thresholds),
        "threshold": config.task.threshold,
        "objective": objective_reading(predictions, table, units),
        "interval": {"level": LEVEL, "draws": draws, "unit": "subject", "method": METHOD},
        "baselines": _baselines(predictions, samples, splits, config, np.array(whole["counted"])),
    }


def unit_selection(config: Config) -> str:
    """Return what chose something: `leaky`, `inner` (also where only thresholds were chosen) or `fixed`."""
    mode = selection_mode(config.protocol)
    return "inner" if mode == "fixed" and config.task.threshold == "inner" else mode


def unit_scores(
    predictions: pd.DataFrame, units: Sequence[int], *, draws: int, seed: int, support: int
) -> dict[str, Any]:
    """Return the scores of pooled predictions.

    Returns:
        samples, subjects; `f1` and `auc`, means over the units that are `supported`, each value, low, high and
        undefined_draws; `counted`, which units these are (K,); `per_unit` by name: support, absent, unknown, f1 and auc
        with their intervals. None where a number is not defined.
    """
    truth, subjects = truth_of(predictions, units), global_subjects(predictions).to_numpy()
    counted = supported(truth, subjects, support=support)
    people = len(set(subjects))
    once = np.ones((1, len(predictions)))
    times = subject_weights(subjects, draws=draws, seed=seed)
    values = {
        "f1": (truth, predicted_of(predictions, units), weighted_f1),
        "auc": (truth, probabilities_of(predictions, units), weighted_auc),
    }
    means: dict[str, Any] = {}
    per_unit: dict[str, dict[str, Any]] = {
        unit_name(unit): {
            "support": int((truth[:, k] == 1).sum()),
            "absent": int((truth[:, k] == 0).sum()),
            "unknown": int((truth[:, k] < 0).sum()),
        }
        for k, unit in enumerate(units)
    }
    for key, (of, answers, score) in values.items():
        value, drawn = score(of, answers, once)[0], score(of, answers, times)
        mean = mean_over_units(value[None], counted)[0]
        means[key] = _with_interval(mean, mean_over_units(drawn, counted), people)
        for k, name in enumerate(per_unit):
            per_unit[name][key] = _with_interval(value[k], drawn[:, k], people)
    return {
        "samples": len(predictions),
        "subjects": people,
        **means,
        "counted": counted.tolist(),
        "per_unit": per_unit,
    }


def _with_interval(value: float, drawn: np.ndarray, people: int) -> dict[str, Any]:
    interval = score_interval(float(value), drawn, subjects=people, level=LEVEL)
    return {
        "value": rounded(float(value)),
        "low": rounded(interval.low),
        "high": rounded(interval.high),
        "undefined_draws": round(interval.undefined, 4),
    }


def _rows(
    predictions: pd.DataFrame, samples: UnitSamples, thresholds: Sequence[Mapping[str, float]]
) -> list[dict[str, Any]]:
    """Return what else is known of each unit: name, range of thresholds over folds, sides and recall on each kind."""
    codes = samples.table.frame.set_index("sample_id")["aus"].loc[predictions["sample_id"]]
    sides, found = unit_sides(codes, samples.units), predicted_of(predictions, samples.units) == 1
    rows = []
    for k, unit in enumerate(samples.units):
        one = ~np.isin(sides[:, k], (NONE, BOTH))
        both = sides[:, k] == BOTH
        used = [fold[unit_name(unit)] for fold in thresholds]
        rows.append(
            {
                "unit": unit,
                "name": ACTION_UNITS[unit].name if unit in ACTION_UNITS else "",
                "thresholds": [rounded(min(used)), rounded(max(used))] if used else None,
                "one_sided": int(one.sum()),
                "recall_one_sided": rounded(float(found[one, k].mean())) if one.any() else None,
                "recall_both": rounded(float(found[both, k].mean())) if both.any() else None,
            }
        )
    return rows


def _baselines(
    predictions: pd.DataFrame, samples: UnitSamples, splits: Sequence[Fold], config: Config, counted: np.ndarray
) -> dict[str, Any]:
    """Return guesses over the very clips that were scored, fitted on the training part of their folds."""
    place = {name: row for row, name in enumerate(samples.table.frame["sample_id"])}
    scored = set(predictions["sample_id"])
    parts = []
    for fold in splits:
        test = [place[name] for name in fold.test if name in scored]
        if test:
            train = [place[name] for name in fold.train]
            parts.append(FoldUnits(samples.targets[train], samples.targets[test]))
    return unit_baselines(parts, counted, draws=config.evaluation.random_draws, seed=config.seed) if parts else {}
