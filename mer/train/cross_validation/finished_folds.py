"""Check which folds of a run are finished: their files are unchanged and predict every test sample.

Contract: a damaged fold counts as missing and is trained again; the same seed gives the same predictions. `damages`
lists the damaged folds before that.
"""

from __future__ import annotations

from pathlib import Path

from mer import finished_folders, run_files
from mer.evaluation.predictions import PredictionError, read_predictions
from mer.protocols.registry import Fold
from mer.train.experiment.experiment import Experiment


def is_finished(fold: Fold, run: Path) -> bool:
    """Return whether the run holds the fold's folder, undamaged."""
    folder = run_files.fold_folder(run, fold.name)
    return (folder / run_files.FOLD).is_file() and fold_damage(fold, folder) is None


def fold_damage(fold: Fold, folder: Path) -> str | None:
    """Return what is wrong with a finished fold's files, naming the file; None where nothing is."""
    fault = finished_folders.damage(folder, run_files.FOLD)
    if fault is not None:
        return fault
    path = folder / run_files.PREDICTIONS
    try:
        table = read_predictions(path)
    except (PredictionError, OSError):
        return f"{path} was cut or edited"
    if sorted(table["sample_id"]) != sorted(fold.test) or set(table["fold"]) - {fold.name}:
        return f"{path} does not hold one prediction for each of the {len(fold.test)} clips that the fold tests"
    return None


def damages(experiment: Experiment, run: Path) -> list[str]:
    """Return one sentence per damaged fold; unfinished folds are not damaged."""
    folders = {fold: run_files.fold_folder(run, fold.name) for fold in experiment.folds}
    faults = [fold_damage(fold, folder) for fold, folder in folders.items() if folder.is_dir()]
    return [f"{fault}, so its fold is made again" for fault in faults if fault is not None]
