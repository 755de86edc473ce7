"""Read finished runs back from their folders and check that their scores may be compared.

Contract: runs whose samples, subjects, labels or classes differ are refused with every reason, never compared over
what they share. Pure functions of the folders.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mer import run_files
from mer.errors import MerError
from mer.evaluation.predictions import TRUE_PREFIX, read_predictions
from mer.utils.atomic_files import read_json
from mer.utils.hashing import stream_sha256

#: Samples or keys named in one sentence before the rest is only counted.
SHOWN = 3


class ComparisonError(MerError):
    """The runs cannot be compared; the text says why."""


@dataclass(frozen=True)
class FinishedRun:
    """A finished run, read from its folder.

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


def run_folders(path: str | Path) -> list[Path]:
    """Return the run folders at `path`: itself, or the runs inside it if it holds no results (a sweep)."""
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
    """Read the run in `folder`; raise ComparisonError if a file is missing."""
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
        truth = [name for name in table if str(name).startswith(TRUE_PREFIX)] or ["label"]
        for column in (*truth, "dataset", "subject"):
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


def _some(ids: pd.Index) -> str:
    rest = len(ids) - SHOWN
    return ", ".join(map(str, ids[:SHOWN])) + (f" and {rest} more" if rest > 0 else "")
