"""Read a sweep's folder into a table: one row a job, or one row a configuration with its seeds averaged.

Contract: pure functions of the folder. A job that could not begin has its values from its overrides.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from mer import run_files
from mer.errors import DamagedFileError
from mer.evaluation.caveats import score_flags
from mer.evaluation.results import total_seconds
from mer.utils.atomic_files import read_json

SCORES = ("uf1", "uar", "accuracy")
#: Those of runs on action units.
UNIT_SCORES = ("auc", "f1")
SEED = "seed"
#: What a job's marks (`mer.evaluation.caveats.score_flags`) are in a run that needs no word on them.
ORDINARY = {"selection": ("", "fixed", "inner"), "null": ("none",), "waived": ("",)}


def sweep_table(folder: Path) -> pd.DataFrame:
    """Return one row a job: number, varied keys, status, scores with intervals, parameters, seconds, or the error."""
    jobs = sorted((path for path in folder.iterdir() if _is_job(path)), key=_job_order)
    errors = {job.name: _error(job) for job in jobs}
    configs = {job.name: _config(job, errors[job.name]) for job in jobs}
    # a key that only some jobs have, as those of a stage, varies where those jobs differ
    keys = sorted({key for config in configs.values() for key in config})
    varied = [key for key in keys if len({_same(config[key]) for config in configs.values() if key in config}) > 1]
    return pd.DataFrame(
        [_row(job, {key: configs[job.name].get(key) for key in varied}, errors[job.name]) for job in jobs]
    )


def varied_keys(table: pd.DataFrame) -> list[str]:
    """Return the columns of a table of this module that hold what was varied."""
    columns = list(table.columns)
    return columns[1 : columns.index("status")]


def mean_over_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row a configuration: jobs, keys other than `seed`, status, mean and deviation of each score.

    Only finished jobs enter the scores; `<score>_deviation` is the standard deviation over seeds (n - 1), None for one.

    Args:
        table: of `sweep_table`; `seed` is among its varied keys.
    """
    keys = [key for key in varied_keys(table) if key != SEED]
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in table.to_dict("records"):
        groups.setdefault(json.dumps([_same(row[key]) for key in keys]), []).append({str(k): v for k, v in row.items()})
    return pd.DataFrame([_mean_row(rows, keys, table) for rows in groups.values()])


def _mean_row(rows: list[dict[str, Any]], keys: list[str], table: pd.DataFrame) -> dict[str, Any]:
    states = [row["status"] for row in rows]
    row: dict[str, Any] = {
        "jobs": " ".join(str(one["job"]) for one in rows),
        **{key: rows[0][key] for key in keys},
        "status": ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states)),
    }
    for mark in (mark for mark in ORDINARY if mark in table):
        row[mark] = " ".join(dict.fromkeys(str(one[mark]) for one in rows if _known(one[mark]))) or None
    done = [one for one in rows if one["status"] == "done"]
    for score in UNIT_SCORES if "auc" in table else SCORES:
        values = [one[score] for one in done if _known(one[score])]
        row[score] = float(np.mean(values)) if values else None
        row[f"{score}_deviation"] = float(np.std(values, ddof=1)) if len(values) > 1 else None
    if done:
        row["parameters"] = done[0]["parameters"]
        row["seconds"] = round(sum(one["seconds"] for one in done), 3)
        row["synthetic"] = any(one["synthetic"] for one in done)
    return row


def _row(job: Path, values: dict[str, Any], error: dict[str, Any] | None) -> dict[str, Any]:
    row: dict[str, Any] = {"job": job.name, **{key: _text(value) for key, value in values.items()}}
    if error is not None:
        message = " ".join(error.get("error", "").split()) or "ended without results and without a reason"
        return {**row, "status": "failed", "overrides": " ".join(error.get("overrides", [])), "error": message}
    results = read_json(job / run_files.RESULTS)
    absent = [key for key in ("failed_folds", "scores", "parameters", "synthetic") if key not in results]
    if absent:
        raise DamagedFileError(
            f"{job / run_files.RESULTS} lacks {', '.join(absent)}: it was edited or is of another version; delete it "
            "and run the same again, which writes it"
        )
    row["status"] = "incomplete" if results["failed_folds"] else "done"
    row |= {mark: value for mark, value in score_flags(results).items() if value not in ORDINARY[mark]}
    for score in UNIT_SCORES if results.get("task") == "action_units" else SCORES:
        found = results["scores"]["all"][score]
        row |= {score: found["value"], f"{score}_low": found["low"], f"{score}_high": found["high"]}
    return {
        **row,
        "parameters": results["parameters"],
        "seconds": total_seconds(results),
        "synthetic": results["synthetic"],
    }


def _error(job: Path) -> dict[str, Any] | None:
    """Return why a job has no results; None where it has. Results beside an error are those of an earlier sweep."""
    if (job / run_files.ERROR).is_file():
        return read_json(job / run_files.ERROR)
    return None if (job / run_files.RESULTS).is_file() else {"error": "ended without results"}


def _config(job: Path, error: dict[str, Any] | None) -> dict[str, Any]:
    """Return what decided a job's numbers by dotted keys; of a job that could not begin, what its overrides say."""
    manifest = job / run_files.MANIFEST
    if error is not None and "overrides" in error:  # a manifest beside it may be of an earlier sweep
        asked = [line.lstrip("+").partition("=") for line in error["overrides"] if "=" in line]
        return (read_json(manifest)["config"] if manifest.is_file() else {}) | {k: _value(text) for k, _, text in asked}
    return read_json(manifest)["config"] if manifest.is_file() else {}


def _value(text: str) -> Any:
    """Return the value of an override as a configuration would hold it."""
    try:
        return OmegaConf.to_container(OmegaConf.from_dotlist([f"value={text}"]))["value"]  # type: ignore[call-overload,index]
    except (OmegaConfBaseException, yaml.YAMLError, ValueError):  # Hydra quotes otherwise than YAML: 'it\'s'
        return text


def _same(value: Any) -> str:
    """Return a text that is equal for values that a run does not tell apart, as 1 and 1.0."""
    if not _known(value):
        return "null"
    return json.dumps(float(value) if isinstance(value, int) and not isinstance(value, bool) else value)


def _known(value: Any) -> bool:
    return value is not None and value == value


def _text(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (list, dict)) else value


def _is_job(path: Path) -> bool:
    return (path / run_files.MANIFEST).is_file() or (path / run_files.ERROR).is_file()


def _job_order(path: Path) -> tuple[int, str]:
    return (int(path.name), "") if path.name.isdigit() else (10**9, path.name)
