"""Runs read back from their folders: which may stand beside each other, and which are seeds of one configuration.

Contract: runs whose samples, subjects, labels or classes differ are refused with every reason, never compared over
what they share. Pure functions of the folders.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mer import run_files
from mer.errors import MerError
from mer.evaluation import caveats
from mer.evaluation.predictions import PROBABILITY_PREFIX, read_predictions
from mer.utils.atomic_files import read_json
from mer.utils.hashing import stream_sha256

#: Samples or keys named in one sentence before the rest is only counted.
SHOWN = 3

#: Keys that tell configurations apart before any others do, and what they are called: the stages in their order, the
#: network, the source of co-training, people in training.
FIRST = {
    "stage_order": "pretraining",
    "model.backbone": "backbone",
    "cotrain.data.name": "beside",
    "protocol.train_subjects": "people",
}


class ComparisonError(MerError):
    """The runs cannot be compared; says why."""


@dataclass(frozen=True)
class FinishedRun:
    """A finished run as its folder tells it.

    Attributes:
        folder: where it lies.
        results: content of `results.json`.
        config: what decided its numbers, dotted keys, from `manifest.json`.
        predictions: pooled predictions, sorted by sample_id.
    """

    folder: Path
    results: dict[str, Any]
    config: dict[str, Any]
    predictions: pd.DataFrame


@dataclass(frozen=True)
class RunGroup:
    """Runs that differ in their seed only, in the order of their seeds."""

    name: str
    runs: tuple[FinishedRun, ...]


def run_folders(path: str | Path) -> list[Path]:
    """Folders of runs that `path` names: itself, or where it holds no results (a sweep's folder), those inside it."""
    path = Path(path)
    if (path / run_files.RESULTS).is_file():
        return [path]
    inside = sorted(
        (one.parent for one in path.glob(f"*/{run_files.RESULTS}")), key=lambda one: (len(one.name), one.name)
    )
    if not inside:
        raise ComparisonError(
            f"{path}: expected the folder of a run (with {run_files.RESULTS}) or of a sweep, got none; python -m"
            " mer.run writes one and prints its place"
        )
    return inside


def read_run(folder: Path) -> FinishedRun:
    """The run in `folder`; ComparisonError where a file is missing."""
    absent = [
        name for name in (run_files.RESULTS, run_files.PREDICTIONS, run_files.MANIFEST) if not (folder / name).is_file()
    ]
    if absent:
        raise ComparisonError(f"{folder}: expected a finished run, got none of {', '.join(absent)}")
    results, manifest = (read_json(folder / name) for name in (run_files.RESULTS, run_files.MANIFEST))
    absent = [key for key in ("data_hash", "classes", "complete", "experiment", "scores") if key not in results]
    if absent or not isinstance(manifest.get("config"), dict):
        raise ComparisonError(
            f"{folder}: {run_files.RESULTS if absent else run_files.MANIFEST} lacks {', '.join(absent) or 'config'}: "
            "it was edited or is of another version; give the run's command again to write it"
        )
    path = folder / run_files.PREDICTIONS
    written = results.get("predictions_sha256")  # of newer versions only
    if written is not None and stream_sha256(path) != written:
        raise ComparisonError(
            f"{path} is not what {run_files.RESULTS} was computed from; give the run's command again to write both"
        )
    predictions = read_predictions(path).sort_values("sample_id", ignore_index=True)
    return FinishedRun(folder, results, manifest["config"], predictions)


def require_comparable(runs: Sequence[FinishedRun]) -> None:
    """Raise a ComparisonError that lists every way in which a run cannot stand beside the first one."""
    if len(runs) < 2:
        raise ComparisonError(f"expected two runs or more to compare, got {len(runs)}")
    places = [run.folder.resolve() for run in runs]
    reasons = [
        f"{run.folder} was given twice" for run, place in zip(runs, places, strict=True) if places.count(place) > 1
    ]
    known: dict[str, FinishedRun] = {}
    for run, place in zip(runs, places, strict=True):
        twin = known.setdefault(json.dumps([run.results["data_hash"], run.config], sort_keys=True), run)
        if twin.folder.resolve() != place:
            reasons.append(
                f"{run.folder} has the configuration, data and seed of {twin.folder}: a copy or a repeat is no second "
                "seed; give one of them"
            )
    first, table = runs[0], runs[0].predictions.set_index("sample_id")
    for run in runs[1:]:
        here = f"{run.folder} against {first.folder}"
        if run.results["classes"] != first.results["classes"]:
            theirs, ours = (", ".join(one.results["classes"]) for one in (run, first))
            reasons.append(f"{here}: the classes differ: {theirs} there, {ours} here")
            continue
        other = run.predictions.set_index("sample_id")
        more, fewer = other.index.difference(table.index), table.index.difference(other.index)
        if len(more) or len(fewer):
            only = [
                f"{len(ids)} only {where} ({_some(ids)})"
                for ids, where in ((more, "there"), (fewer, "here"))
                if len(ids)
            ]
            why = (
                ""
                if run.results["complete"] and first.results["complete"]
                else "; a run is incomplete, finish it first"
            )
            reasons.append(f"{here}: the samples differ: {len(other)} there, {len(table)} here, {', '.join(only)}{why}")
            continue
        for column in ("label", "dataset", "subject"):
            unlike = table.index[(other.loc[table.index, column] != table[column]).to_numpy()]
            if len(unlike):
                one = unlike[0]
                reasons.append(
                    f"{here}: the {column} of {len(unlike)} samples differs, e.g. {one}: "
                    f"{other.loc[one, column]} there, {table.loc[one, column]} here"
                )
    if reasons:
        listed = "\n".join(f"  {reason}" for reason in dict.fromkeys(reasons))
        raise ComparisonError(f"these runs cannot be compared, for their scores are not of one test:\n{listed}")


def group_by_config(runs: Sequence[FinishedRun]) -> list[RunGroup]:
    """The runs by configuration, those that differ in seed only together; names are unique and say what differs.

    A name begins with LEAKY or NULL where its scores are no result (`reading.name_prefix`).
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
    """What tells configurations apart by the first few of these keys, `pretraining=prior, lr=0.001`; `FIRST` before all
    others, for what learns, and from what, says most of it."""
    first = sorted(keys, key=lambda key: list(FIRST).index(key) if key in FIRST else len(FIRST))[:SHOWN]
    titles = {key: FIRST.get(key, key.rpartition(".")[2]) for key in first}
    return [", ".join(f"{titles[key]}={_text(config.get(key))}" for key in first) for config in configs]


def _text(value: Any) -> str:
    return ("+".join(map(str, value)) or "none") if isinstance(value, list) else str(value)


def ensemble(one: RunGroup, classes: Sequence[str]) -> pd.DataFrame:
    """Predictions of the group's seeds together: probabilities averaged, the likeliest class predicted."""
    columns = [f"{PROBABILITY_PREFIX}{name}" for name in classes]
    table = one.runs[0].predictions.copy()
    if len(one.runs) == 1:
        return table  # the class as it was predicted, also where two are equally likely
    mean = np.mean([run.predictions[columns].to_numpy() for run in one.runs], axis=0)
    table[columns] = mean
    table["predicted"] = [classes[k] for k in mean.argmax(axis=1)]
    return table


def differing(groups: Sequence[RunGroup]) -> dict[str, list[Any]]:
    """Values by key of the configuration for each group, for the keys in which the groups differ."""
    configs = [one.runs[0].config for one in groups]
    return {key: [config.get(key) for config in configs] for key in _differing_keys(configs)}


def _differing_keys(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    keys = sorted({key for config in configs for key in config} - {"seed"})
    return [key for key in keys if len({json.dumps(config.get(key), sort_keys=True) for config in configs}) > 1]


def _some(ids: pd.Index) -> str:
    rest = len(ids) - SHOWN
    return ", ".join(map(str, ids[:SHOWN])) + (f" and {rest} more" if rest > 0 else "")
