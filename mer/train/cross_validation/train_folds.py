"""All folds of a run: what is finished stays, what is missing is trained, what fails is recorded and the others go on.

Contract: the state of a run is its folder. A fold is finished when its folder stands in `folds/`; a failed one leaves
`failures/<fold>.json` with its traceback until it succeeds. Folds may be trained in this process or in several.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import threading
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.utilities import rank_zero_only

from mer import run_files
from mer.config import Config
from mer.protocols.registry import Fold
from mer.provenance import available_cores
from mer.train.experiment import null_runs
from mer.train.experiment.experiment import Experiment, load_experiment
from mer.train.fold.run_fold import run_fold
from mer.utils.atomic_files import write_json


def missing_folds(experiment: Experiment, run: Path) -> list[Fold]:
    """Folds of the study without a finished folder in the run, in protocol order."""
    finished = set(run_files.completed_folds(run))
    return [fold for fold in experiment.folds if run_files.fold_folder(run, fold.name) not in finished]


def train_folds(experiment: Experiment, folds: Sequence[Fold], run: Path) -> Iterator[tuple[Fold, str | None]]:
    """Train the folds; yields each with None, or with the last line of its error, as it ends.

    The order is the protocol's with one process and the order of finishing with several; the numbers are the same.
    """
    workers = min(parallel_folds(experiment.config), len(folds))
    if workers <= 1:
        for fold in folds:
            yield fold, _attempt(experiment, fold, run)
        return
    left = {fold.name: fold for fold in folds}
    for name, error in _in_pool(experiment, list(left), run, workers):
        yield left.pop(name), error
    # a worker process died and took the pool along: each fold that is left gets a process of its own, once
    for fold in left.values():
        ended = dict(_in_pool(experiment, [fold.name], run, 1))
        if fold.name not in ended:
            line = "its process died, killed by the system (out of memory?)"
            write_json(run_files.failure_file(run, fold.name), failure_record(experiment, fold, line))
            ended[fold.name] = line
        yield fold, ended[fold.name]


def _in_pool(experiment: Experiment, names: Sequence[str], run: Path, workers: int) -> Iterator[tuple[str, str | None]]:
    """Train folds in worker processes; yields name and error line of each that ended; none where a worker died."""
    context = multiprocessing.get_context("spawn")  # fork would copy torch's and OpenCV's threads in an unknown state
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=(experiment.config,))
    try:
        for future in as_completed([pool.submit(_work, name, str(run)) for name in names]):
            # after a worker's death the futures of folds that had ended well still hold their results
            with contextlib.suppress(BrokenProcessPool):
                yield future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


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


_WORKER: dict[str, Experiment] = {}


def _start_worker(config: Config) -> None:
    """Load the study once in each process; its pixels are a memory map, shared by all."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _WORKER["study"] = load_experiment(config)


def _end_with_parent() -> None:
    """End this process when the run's main process is gone, killed with -9 say, instead of training on for nobody."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


def _work(name: str, run: str) -> tuple[str, str | None]:
    experiment = _WORKER["study"]
    return name, _attempt(experiment, experiment.fold(name), Path(run))


def _attempt(experiment: Experiment, fold: Fold, run: Path) -> str | None:
    """Train one fold; None, or the error's last line after its record is written."""
    record = run_files.failure_file(run, fold.name)
    try:
        run_fold(
            replace(experiment, table=null_runs.permute_fold_labels(experiment.table, experiment.config, fold)),
            fold,
            run,
        )
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
