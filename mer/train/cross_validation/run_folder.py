"""Open a run's folder with `open_run_folder`, which refuses results of another configuration or of other data.

`mer.run_files` lists the names of all files.
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import yaml

from mer import finished_folders, run_files
from mer.errors import DamagedFileError, MerError
from mer.provenance import config_hash, environment, flatten, result_config
from mer.train.cross_validation import stage_notes
from mer.train.experiment.experiment import Experiment
from mer.utils.atomic_files import read_json, write_atomically, write_json


def check_run_folder(experiment: Experiment, run: Path) -> str | None:
    """Return when the run in this folder began, None for a new folder.

    Raises:
        MerError: if the folder holds results of another configuration or of other data.
    """
    obstacle = run_files.obstacle(run)
    if obstacle is not None:
        what = "a folder, got a file" if obstacle.is_file() else "a file, got a folder"
        raise MerError(f"{obstacle}: expected {what}: move it away, or give another hydra.run.dir")
    wanted = flatten(result_config(experiment.config))
    recorded = _recorded(run / run_files.MANIFEST)
    if recorded is not None:
        _refuse_other(wanted, recorded["config"], run)
        data_hash, others = experiment.data_hash, stage_notes.data_hashes(experiment)
        if recorded["data_hash"] != data_hash:
            raise MerError(
                f"the data changed since the run in {run} began (hash {recorded['data_hash']} there, {data_hash} now): "
                "its folds would not belong together. Restore the data, or start a new run with another hydra.run.dir."
            )
        before = recorded.get("other_data", others)  # older versions recorded less
        if any(others.get(key) != value for key, value in before.items()):
            raise MerError(
                "the data of stages or co-training, the file of init, or frames between onset and apex, changed since "
                f"the run in {run} began ({before} there, {others} now). Restore them, or start a new run with another "
                "hydra.run.dir."
            )
    refuse_foreign_folds(experiment, run)
    return None if recorded is None else recorded["started"]


def open_run_folder(experiment: Experiment, run: Path, whole_config: dict[str, Any]) -> None:
    """Write `config.yaml` (all options) and `manifest.json` (the options and data that decide the numbers, hardware).

    Makes the folder if needed, and removes incomplete files that killed processes left.

    Raises:
        MerError: if the folder holds results of another configuration or of other data.
    """
    started = check_run_folder(experiment, run) or datetime.now(timezone.utc).isoformat(timespec="seconds")
    run.mkdir(parents=True, exist_ok=True)
    run_files.remove_leftovers(run)
    with write_atomically(run / run_files.CONFIG) as temporary:
        temporary.write_text(yaml.safe_dump(whole_config, sort_keys=False), encoding="utf-8")
    write_json(
        run / run_files.MANIFEST,
        {
            "config_hash": config_hash(experiment.config),
            "data_hash": experiment.data_hash,
            "other_data": stage_notes.data_hashes(experiment),
            "config": flatten(result_config(experiment.config)),
            "started": started,
            **environment(),
        },
    )


def _recorded(manifest: Path) -> dict[str, Any] | None:
    """Return a manifest; None if it is missing or damaged, since each fold records its configuration too."""
    try:
        content = read_json(manifest)
    except (FileNotFoundError, DamagedFileError):
        return None
    known = isinstance(content.get("config"), dict) and {"data_hash", "started"} <= content.keys()
    return content if known else None


def refuse_foreign_folds(experiment: Experiment, run: Path) -> None:
    """Raise MerError if a finished fold has another configuration; works without a manifest too."""
    wanted = {"config_hash": config_hash(experiment.config), **experiment.hashes}
    # older versions did not record the data of a fold
    foreign = [
        folder.name
        for folder in finished_folders.completed_folds(run)
        if any(read_json(folder / run_files.FOLD).get(key, value) != value for key, value in wanted.items())
    ]
    if foreign:
        raise MerError(
            f"the run folder {run} holds folds of another configuration or of other data ({', '.join(foreign[:5])}): "
            "give the overrides and data of that run to finish it, or another hydra.run.dir to start a new one"
        )


def _refuse_other(wanted: dict[str, Any], recorded: dict[str, Any], run: Path) -> None:
    """Raise MerError that lists the options in which two configurations differ, if there are any."""
    absent = "(absent)"
    differing = [
        f"  {key}: {recorded.get(key, absent)} there, {wanted.get(key, absent)} asked for"
        for key in sorted(set(wanted) | set(recorded))
        if recorded.get(key, absent) != wanted.get(key, absent)
    ]
    if differing:
        raise MerError(
            f"the run folder {run} holds results of another configuration:\n" + "\n".join(differing) + "\n"
            "Give the same overrides, to the version of mer that began it, to finish that run, or another "
            "hydra.run.dir to start a new one."
        )
