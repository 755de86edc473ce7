"""All folds of a run: what is finished stays, what is missing is trained, what fails is recorded and the others go on.

Contract: the state of a run is its folder. A fold is finished when its folder stands in `folds/`; a failed one leaves
`failures/<fold>.json` with its traceback until it succeeds. Folds may be trained in this process or in several.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.utilities import rank_zero_only

from mer import run_files
from mer.config import Config
from mer.errors import DiskFullError
from mer.protocols.registry import Fold
from mer.provenance import available_cores
from mer.train.cross_validation.finished_folds import is_finished
from mer.train.cross_validation.fold_processes import WorkerEndedError, in_processes
from mer.train.experiment.experiment import Experiment
from mer.train.fold.run_fold import run_fold
from mer.utils.atomic_files import write_json


def missing_folds(experiment: Experiment, run: Path) -> list[Fold]:
    """Folds of the experiment without a finished and sound folder in the run, in protocol order."""
    return [fold for fold in experiment.folds if not is_finished(fold, run)]


def train_folds(
    experiment: Experiment, folds: Sequence[Fold], run: Path, *, say: Callable[[str], None] = lambda line: None
) -> Generator[tuple[Fold, str | None], None, None]:
    """Train the folds; yields each with None, or with the last line of its error, as it ends.

    The order is the protocol's with one process and the order of finishing with several; the numbers are the same.
    Where the caller stops listening, an interrupt say, the processes end with what they were doing.

    Args:
        experiment: of the run.
        folds: those to train.
        run: its folder.
        say: told what happens beside that: a worker process that was ended from outside.

    Raises:
        MerError: a worker process cannot load the experiment; says why.
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
    """Processes that train folds side by side: `trainer.parallel_folds`; where that is 0, what the hardware allows."""
    hardware = config.trainer
    if hardware.parallel_folds:
        return hardware.parallel_folds
    on_gpu = hardware.accelerator != "cpu" and torch.cuda.is_available()
    if hardware.devices > 1 or on_gpu:
        return 1
    return max(1, available_cores() // hardware.threads)


def is_main_process(config: Config) -> bool:
    """Whether this process decides and writes: the only one, or rank 0 of a run over several devices.

    With one device every process is a run of its own, also as one of many tasks that a cluster started side by side.
    """
    return config.trainer.devices == 1 or int(getattr(rank_zero_only, "rank", 0)) == 0


def work(experiment: Experiment, name: str, run: Path) -> str | None:
    """Train the fold of that name, as `attempt` does, in a worker process."""
    return attempt(experiment, experiment.fold(name), run)


def attempt(experiment: Experiment, fold: Fold, run: Path) -> str | None:
    """Train one fold; returns None, or the error's last line after its record is written."""
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
    """The record of a failed fold: counts, the error's line and its traceback."""
    return {
        "fold": fold.name,
        "train": len(fold.train),
        "validation": len(fold.validation),
        "test": len(fold.test),
        "error": line,
        "traceback": traceback.format_exc(),
    }
