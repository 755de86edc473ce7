"""Train the missing folds of a run with `train_folds`; a fold that fails is recorded and the others continue.

Contract: the state of a run is its folder. A finished fold has a folder in `folds/`; a failed fold leaves
`failures/<fold>.json` with its traceback until it succeeds. Folds are trained in this process or in several.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import torch

from mer import run_files
from mer.config import Config
from mer.errors import DiskFullError
from mer.protocols.registry import Fold
from mer.provenance import available_cores
from mer.train.cross_validation.finished_folds import is_finished
from mer.train.cross_validation.fold_processes import WorkerEndedError, in_processes
from mer.train.experiment.experiment import Experiment
from mer.train.fold.run_fold import run_fold
from mer.train.lightning.main_process import is_main_process
from mer.utils.atomic_files import write_json


def missing_folds(experiment: Experiment, run: Path) -> list[Fold]:
    """Return the folds without a finished, undamaged folder in the run, in protocol order."""
    return [fold for fold in experiment.folds if not is_finished(fold, run)]


def train_folds(
    experiment: Experiment, folds: Sequence[Fold], run: Path, *, say: Callable[[str], None] = lambda line: None
) -> Generator[tuple[Fold, str | None], None, None]:
    """Train the folds; yield (fold, None), or (fold, last line of its error), when a fold ends.

    One process trains in protocol order; several yield folds as they finish, with the same numbers. If the caller
    closes the generator, for example at Ctrl-C, the processes end.

    Args:
        experiment: the experiment of the run.
        folds: the folds to train.
        run: the run's folder.
        say: called with a message if a worker process was ended from outside.

    Raises:
        MerError: if a worker process cannot load the experiment.
    """
    workers = min(parallel_folds(experiment.config), len(folds))
    if workers <= 1:
        for fold in folds:
            yield fold, attempt(experiment, fold, run)
        return
    left = {fold.name: fold for fold in folds}
    try:
        for name, error in in_processes(experiment, list(left), run, workers, work):
            yield left.pop(name), error
    except WorkerEndedError as ended:
        say(f"{ended}; {len(left)} folds are left, each gets a process of its own, once")
    for fold in list(left.values()):
        try:
            for _, error in in_processes(experiment, [fold.name], run, 1, work):
                yield fold, error
        except WorkerEndedError as ended:
            record = failure_record(experiment, fold, str(ended))
            write_json(run_files.failure_file(run, fold.name), record)
            yield fold, str(ended)


def parallel_folds(config: Config) -> int:
    """Return how many folds to train in parallel: `trainer.parallel_folds`, or if 0 what the hardware allows."""
    hardware = config.trainer
    if hardware.parallel_folds:
        return hardware.parallel_folds
    on_gpu = hardware.accelerator != "cpu" and torch.cuda.is_available()
    if hardware.devices > 1 or on_gpu:
        return 1
    return max(1, available_cores() // hardware.threads)


def work(experiment: Experiment, name: str, run: Path) -> str | None:
    """Train the fold with this name in a worker process, see `attempt`."""
    return attempt(experiment, experiment.fold(name), run)


def attempt(experiment: Experiment, fold: Fold, run: Path) -> str | None:
    """Train one fold; return None, or write a failure record and return the last line of the error."""
    record = run_files.failure_file(run, fold.name)
    try:
        run_fold(experiment, fold, run)
    except DiskFullError:
        raise  # every other fold would be trained and lost as well
    except Exception as error:
        line = f"{type(error).__name__}: {error}"
        if is_main_process(experiment.config):
            write_json(record, failure_record(experiment, fold, line))
        if experiment.config.trainer.devices > 1:
            raise  # the other ranks wait inside a collective: going on with the next fold would hang them
        return line
    if is_main_process(experiment.config):
        record.unlink(missing_ok=True)
    return None


def failure_record(experiment: Experiment, fold: Fold, line: str) -> dict[str, Any]:
    """Return the record of a failed fold: counts, error line and traceback."""
    return {
        "fold": fold.name,
        "train": len(fold.train),
        "validation": len(fold.validation),
        "test": len(fold.test),
        "error": line,
        "traceback": traceback.format_exc(),
    }
