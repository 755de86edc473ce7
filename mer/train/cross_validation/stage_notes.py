"""Describe pretraining stages and co-training in notes, results and report.

Contract: `notes` depends only on the experiment, before any training; `records` and `outcomes` read the run's folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mer import finished_folders, run_files
from mer.inputs import pipeline
from mer.train.experiment.experiment import Experiment, PretrainingStage
from mer.utils.atomic_files import read_json
from mer.utils.hashing import file_hash

#: Most tested subjects of a stage that a note names.
NAMED = 3


def notes(experiment: Experiment) -> list[str]:
    """Return one sentence per stage and for co-training: its samples, and which of its subjects are tested."""
    found = []
    for stage in experiment.stages:
        table = stage.samples.table
        who = f"{len(table)} samples of {table.subjects.nunique()} subjects ({table.name})"
        found.append(f"Stage {stage.name}: {who}; {_sharing(stage)}.")
        found += [f"Stage {stage.name}: {note}" for note in table.notes]
    if experiment.cotraining is not None:
        table = experiment.cotraining.table
        clips, share = experiment.config.cotrain.clips, experiment.config.cotrain.share
        who = f"samples of {table.name} ({len(table)} samples of {table.subjects.nunique()} subjects)"
        without = "in each fold without the people it tests"
        found.append(
            f"Co-training: {share:.0%} of each training batch are {who}, {without}."
            if clips is None
            else f"Co-training: beside a fold's own clips, {who} count as {clips} clips, {without}."
        )
        found += [f"Co-training: {note}" for note in table.notes]
    return found


def data_hashes(experiment: Experiment) -> dict[str, str | None]:
    """Return the content hashes of stages, co-training, initial weights and further frames, by key."""
    config = experiment.config
    tables = {f"stages.{stage.name}": (stage.samples.table, stage.config.data) for stage in experiment.stages}
    if experiment.cotraining is not None and config.cotrain.data is not None:
        tables["cotrain"] = experiment.cotraining.table, config.cotrain.data
    hashes = {key: table.content_hash() for key, (table, _) in tables.items()}
    frames = {key: pipeline.frames_hash(table, data, config) for key, (table, data) in tables.items()}
    frames["data"] = experiment.hashes.get("frames_hash")
    more = {f"{key}.frames": found for key, found in frames.items() if found is not None}
    return {**hashes, "init": file_hash(config.init.path), **more}


def records(experiment: Experiment, run: Path) -> list[dict[str, Any]]:
    """Return one record per stage: name, data, samples, classes, shared or not, trainings, total steps and seconds."""
    found = []
    for stage in experiment.stages:
        parts = _parts(stage, run)
        table = stage.samples.table
        found.append(
            {
                "stage": stage.name,
                "data": table.name,
                "synthetic": table.synthetic,
                "data_hash": table.content_hash(),
                "samples": len(table),
                "subjects": int(table.subjects.nunique()),
                "tested_subjects": len(stage.people),
                "classes": list(stage.samples.classes),
                "shared": stage.shared,
                "trainings": len(parts),
                "steps": sum(part["steps"] for part in parts),
                "seconds": round(sum(part["seconds"] for part in parts), 3),
                "validation_uf1": [part["validation_uf1"] for part in parts],
            }
        )
    return found


def outcomes(experiment: Experiment, run: Path) -> list[str]:
    """Return sentences on what the stages trained, and on the initial weights of stages and folds."""
    found = []
    for stage, record in zip(experiment.stages, records(experiment, run), strict=True):
        times = "1 training" if record["trainings"] == 1 else f"{record['trainings']} trainings"
        found.append(f"Stage {stage.name}: {times}, {record['steps']} steps, {record['seconds']:.0f} s.")
        found += _origins(f"Stage {stage.name} began so", _parts(stage, run))
    if experiment.stages or experiment.config.init.name != "random":
        found += _origins(
            "The folds began so",
            [read_json(folder / run_files.FOLD) for folder in finished_folders.completed_folds(run)],
        )
    return found


def _sharing(stage: PretrainingStage) -> str:
    """Say whether a stage is trained once or for each fold, and why."""
    if stage.shared:
        return "nobody in them is tested (subjects, samples, pictures were compared), so one training serves all folds"
    if not stage.people:
        return "none of its subjects is tested, but an earlier stage is trained per fold, so this stage is too"
    named = ", ".join(f"{who} ({why})" for who, why in list(stage.people.items())[:NAMED])
    more = f" and {len(stage.people) - NAMED} more" if len(stage.people) > NAMED else ""
    count = len(stage.people)
    return f"{count} of them are tested here: {named}{more}; so each fold trains its own, without its people"


def _parts(stage: PretrainingStage, run: Path) -> list[dict[str, Any]]:
    """Return the records of all trainings of a stage in the run's folder."""
    parents = [run] if stage.shared else finished_folders.completed_folds(run)
    folders = [
        folder for parent in parents for folder in sorted((parent / run_files.STAGES_FOLDER).glob(f"{stage.name}*"))
    ]
    found = [read_json(folder / run_files.STAGE) for folder in folders if (folder / run_files.STAGE).is_file()]
    return [record for record in found if record["stage"] == stage.name]


def _origins(title: str, parts: list[dict[str, Any]]) -> list[str]:
    sentences = [". ".join(part["origin"]) for part in parts]
    return [f"{title}: {text}." for text in dict.fromkeys(sentences)]
