"""Group compared runs: seeds of one configuration together, each group named by what differs.

Contract: pure functions of the runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mer.config import ARGMAX
from mer.evaluation import caveats
from mer.evaluation.comparison.runs import SHOWN, FinishedRun
from mer.evaluation.predictions import PROBABILITY_PREFIX
from mer.evaluation.results import total_seconds

#: Keys that tell configurations apart before any others do, and what they are called: the stages in their order, the
#: network, the source of co-training, people in training.
FIRST = {
    "stage_order": "pretraining",
    "model.backbone": "backbone",
    "cotrain.data.name": "beside",
    "protocol.train_subjects": "people",
}


@dataclass(frozen=True)
class RunGroup:
    """Runs that differ only in the seed, in the order of their seeds."""

    name: str
    runs: tuple[FinishedRun, ...]


def group_facts(group: RunGroup) -> dict[str, Any]:
    """Return what a comparison says of a group whatever its task: name, flags, folders, seeds, parameters, seconds."""
    results = [run.results for run in group.runs]
    return {
        "name": group.name,
        **caveats.score_flags(*results),
        "folders": [str(run.folder) for run in group.runs],
        "seeds": [run.config["seed"] for run in group.runs],
        "parameters": results[0]["parameters"],
        "seconds": round(sum(total_seconds(row) for row in results), 3),
    }


def group_by_config(runs: Sequence[FinishedRun]) -> list[RunGroup]:
    """Return the runs by configuration; runs that differ only in the seed form one group. Names are unique.

    A name begins with LEAKY or NULL where its scores are no result (`caveats.name_prefix`).
    """
    members: dict[str, list[FinishedRun]] = {}
    for run in runs:
        rest = {key: value for key, value in run.config.items() if key != "seed"}
        members.setdefault(json.dumps([run.results["data_hash"], rest], sort_keys=True), []).append(run)
    found = [sorted(part, key=lambda run: run.config["seed"]) for part in members.values()]
    names = [part[0].results["experiment"] for part in found]
    if len(set(names)) < len(names):
        configs = [part[0].config for part in found]
        what = config_labels(configs, _differing_keys(configs))
        names = [", ".join(filter(None, pair)) for pair in zip(names, what, strict=True)]
    if len(set(names)) < len(names):
        names = [f"{name} ({part[0].folder.name})" for name, part in zip(names, found, strict=True)]
    if len(set(names)) < len(names):
        names = [f"{place}. {name}" for place, name in enumerate(names, 1)]
    return [
        RunGroup(caveats.name_prefix(part[0].results) + name, tuple(part))
        for name, part in zip(names, found, strict=True)
    ]


def config_labels(configs: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> list[str]:
    """Name configurations by the first few keys that differ, as `pretraining=prior, lr=0.001`; `FIRST` come first."""
    first = sorted(keys, key=lambda key: list(FIRST).index(key) if key in FIRST else len(FIRST))[:SHOWN]
    titles = {key: FIRST.get(key, key.rpartition(".")[2]) for key in first}
    return [", ".join(f"{titles[key]}={_text(config.get(key))}" for key in first) for config in configs]


def _text(value: Any) -> str:
    return ("+".join(map(str, value)) or "none") if isinstance(value, list) else str(value)


def ensemble(one: RunGroup, classes: Sequence[str]) -> pd.DataFrame:
    """Predictions of the group's seeds together: probabilities averaged, the likeliest class predicted.

    Where another rule than `argmax` decided, the class that most seeds predict, the likeliest of equals.
    """
    columns = [f"{PROBABILITY_PREFIX}{name}" for name in classes]
    table = one.runs[0].predictions.copy()
    if len(one.runs) == 1:
        return table  # the class as it was predicted, also where two are equally likely
    mean = np.mean([run.predictions[columns].to_numpy() for run in one.runs], axis=0)
    table[columns] = mean
    if one.runs[0].config.get("decision.rule", ARGMAX) != ARGMAX:
        votes = sum((run.predictions["predicted"].to_numpy()[:, None] == np.array(classes)) for run in one.runs)
        mean = votes + 0.5 * mean
    table["predicted"] = [classes[k] for k in mean.argmax(axis=1)]
    return table


def differing(groups: Sequence[RunGroup]) -> dict[str, list[Any]]:
    """Return the configuration values of each group, for the keys in which the groups differ."""
    configs = [one.runs[0].config for one in groups]
    return {key: [config.get(key) for config in configs] for key in _differing_keys(configs)}


def _differing_keys(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    keys = sorted({key for config in configs for key in config} - {"seed"})
    return [key for key in keys if len({json.dumps(config.get(key), sort_keys=True) for config in configs}) > 1]
