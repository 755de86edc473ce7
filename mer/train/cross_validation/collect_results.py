"""Write the results and the report of a run with `collect_results`.

Contract: the files depend only on the folder and the experiment; calling it again gives the same files.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from mer import finished_folders, run_files
from mer.config import ARGMAX
from mer.errors import AllFoldsFailedError, DamagedFileError
from mer.evaluation.predictions import pool_folds, read_predictions
from mer.evaluation.report.html_report import write_report
from mer.evaluation.report.plots import confusion_png
from mer.evaluation.report.unit_report import write_unit_report
from mer.evaluation.results import summarise
from mer.evaluation.units.results import summarise_units
from mer.evaluation.units.table import pool_units
from mer.inputs.registration import NONE
from mer.models import build, count_parameters, freeze
from mer.provenance import flatten
from mer.train.cross_validation import sanity_checks, stage_notes
from mer.train.cross_validation.finished_folds import is_finished
from mer.train.cross_validation.registration_picture import write_picture
from mer.train.cross_validation.run_folder import refuse_foreign_folds
from mer.train.experiment import task
from mer.train.experiment.experiment import Experiment
from mer.train.experiment.picture_consent import may_show_inputs
from mer.train.experiment.selection import ResultFiles
from mer.train.fold import fold_registration
from mer.train.leaks import audit as leaks
from mer.utils.atomic_files import read_json, write_json
from mer.utils.hashing import stream_sha256


def collect_results(experiment: Experiment, run: Path) -> dict[str, Any]:
    """Return the results of the finished folds; write predictions, folds, results, confusion matrix and report.

    Raises:
        AllFoldsFailedError: if no fold is finished.
        MerError: if data or a plugin's code changed during the run, so that folds do not belong together.
    """
    refuse_foreign_folds(experiment, run)
    folds = fold_table(experiment, run)
    config = experiment.config
    files = ResultFiles(run, config)
    files.table(run_files.FOLDS, folds)
    frames = [read_predictions(run_files.fold_folder(run, name) / run_files.PREDICTIONS) for name in _done(folds)]
    if not frames:
        raise AllFoldsFailedError(
            f"no fold of the run in {run} succeeded; its {run_files.FOLDS} and {run_files.FAILURES_FOLDER}/ say why"
        )
    units, likeliest = experiment.samples.units, config.decision.rule == ARGMAX
    predictions = (
        pool_units(frames, experiment.samples)
        if units
        else pool_folds(frames, experiment.table, allow_missing=True, likeliest=likeliest)
    )
    files.predictions(run_files.PREDICTIONS, predictions)
    network = build(config.model, in_channels=experiment.inputs.shape[1], classes=len(experiment.samples.classes))
    facts: dict[str, Any] = {
        "splits": experiment.folds,
        "config": config,
        "parameters": count_parameters(network),
        "data_hash": experiment.data_hash,
    }
    if units:
        thresholds = [
            read_json(run_files.fold_folder(run, name) / run_files.FOLD)["thresholds"] for name in _done(folds)
        ]
        results = summarise_units(predictions, experiment.samples, folds, thresholds=thresholds, **facts)
    else:
        members = _member_tables(folds, run) if config.members > 1 else ()
        results = summarise(predictions, experiment.table, folds, members=members, **facts)
    freeze(network, config.optim.freeze)
    results["trained_parameters"] = count_parameters(network)
    results["notes"] += [
        *task.code_notes(experiment.table)[: len(units)],
        *stage_notes.notes(experiment),
        *stage_notes.outcomes(experiment, run),
        *environment_notes(run),
    ]
    if config.input.register != NONE:
        records = [read_json(folder / run_files.FOLD) for folder in finished_folders.completed_folds(run)]
        results["registration"] = fold_registration.summary(records)
        results["notes"] += fold_registration.notes(results["registration"])
        if any(one["after"] is not None for one in results["registration"].values()):
            write_picture(run / run_files.REGISTRATION, experiment, results["registration"])
    results["stages"] = stage_notes.records(experiment, run)
    results["leaks"] = leaks.read(run)
    results["sanity"] = sanity_checks.read(run, again=config.sanity)
    results["predictions_sha256"] = stream_sha256(run / run_files.PREDICTIONS)
    write_json(run / run_files.RESULTS, results)
    shown = may_show_inputs(experiment, asked=config.evaluation.pictures)
    if units:
        write_unit_report(run)
    else:
        confusion_png(run)
        write_report(run, inputs=shown)
    return results


def _done(folds: pd.DataFrame) -> list[str]:
    """Return the names of the finished folds."""
    return list(folds["fold"][folds["status"] == "done"])


def _member_tables(folds: pd.DataFrame, run: Path) -> Iterator[pd.DataFrame]:
    """Yield the predictions of all members, one table per finished fold."""
    for name in _done(folds):
        yield read_predictions(run_files.fold_folder(run, name) / run_files.MEMBERS)


def fold_table(experiment: Experiment, run: Path) -> pd.DataFrame:
    """Return one row per fold: status `done`, `failed` or `missing`, counts, epochs, seconds, accuracy, error."""
    rows = []
    for fold in experiment.folds:
        counts = {"train": len(fold.train), "validation": len(fold.validation), "test": len(fold.test)}
        done = run_files.fold_folder(run, fold.name) / run_files.FOLD
        failed = run_files.failure_file(run, fold.name)
        record: dict[str, Any] = {"error": ""}
        status = "missing"
        if is_finished(fold, run):
            status, record = "done", {"error": "", **read_json(done)}
        elif failed.is_file():
            status, record = "failed", _failure(failed)
        columns = ("epochs", "chosen_epoch", "validation_uf1", "steps", "seconds", "train_seconds", "accuracy", "error")
        search = ("candidate",) if experiment.config.protocol.candidates else ()
        corrected = experiment.config.decision.rule != ARGMAX and not experiment.samples.units
        decided = ("strength",) if corrected else ()
        known = {key: record.get(key) for key in (*search, *decided, *columns)}
        rows.append({"fold": fold.name, "status": status, **counts, **known})
    return pd.DataFrame(rows)


def _failure(path: Path) -> dict[str, Any]:
    """Return the record of a failed fold; if the file is damaged, a record with that error."""
    try:
        return read_json(path)
    except DamagedFileError as error:
        return {"error": str(error)}


def environment_notes(run: Path) -> list[str]:
    """Return one sentence per difference in code, packages or hardware between folds, as after an update."""
    found = [read_json(folder / run_files.FOLD)["environment"] for folder in finished_folders.completed_folds(run)]
    flat = [flatten(environment) for environment in found]
    differing = {key: {str(one.get(key)) for one in flat} for key in sorted({key for one in flat for key in one})}
    return [
        f"The folds were not all computed alike: {key} was {' and '.join(sorted(values))}."
        for key, values in differing.items()
        if len(values) > 1
    ]
