"""Training of one fold: a pure function of (study, fold) that leaves one complete folder, or none.

Contract: the files are written into a temporary folder that is renamed into place when all are there; a fold's numbers
depend on the configuration and the fold's name, not on which folds ran before, beside or on how many processes.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from mer import run_files
from mer.models.network import RecognitionNetwork
from mer.protocols.registry import Fold
from mer.provenance import config_hash, environment
from mer.train.experiment import selection
from mer.train.experiment.experiment import Experiment
from mer.train.fold.ensemble import mean_predictions, member_seed, merge_records
from mer.train.fold.fit import datamodule, fit
from mer.train.fold.fold_files import write_fold
from mer.train.fold.initial_weights import InitialWeights
from mer.train.fold.nested_search import select_candidate
from mer.train.fold.predict import predict_fold
from mer.train.fold.pretraining import pretrain_for_fold
from mer.utils.seeding import seed_from


def run_fold(experiment: Experiment, fold: Fold, run: Path) -> Path:
    """Train and test one fold; returns its finished folder (with several devices: on every rank, written by rank 0)."""
    start = time.perf_counter()
    config = experiment.config
    handed = [pretrain_for_fold(experiment, fold, run, member=member) for member in range(config.members)]
    begin = [start for start, _ in handed]
    experiment, search = select_candidate(experiment, fold, partial(_train_and_test, start=begin[0]))
    seen = selection.training_view(fold, config.protocol)
    trained = [
        fit(experiment, seen, **_seeds(experiment, fold, member), start=begin[member])
        for member in range(config.members)
    ]
    target = run_files.fold_folder(run, fold.name)
    if trained[0].main:
        records = [selection.mark_record(one.record, config.protocol) for one in trained]
        record = {
            "fold": fold.name,
            "train": len(fold.train),
            "validation": len(fold.validation),
            "test": len(fold.test),
            **selection.mark_record({**merge_records(records), **search}, config.protocol),
            "config_hash": config_hash(config),
            "environment": environment(),
        }
        frames = [_test(experiment, fold, one.network) for one in trained]
        predictions = mean_predictions(frames)
        record["accuracy"] = float((predictions["label"] == predictions["predicted"]).mean())
        stages = [result for _, results in handed for result in results]
        write_fold(experiment, fold, trained, frames, record, stages, target, start)
    trained[0].wait()
    return target


def _train_and_test(experiment: Experiment, fold: Fold, *, start: InitialWeights | None) -> pd.DataFrame:
    """Predictions of the fold's test part after training; on every rank, for each has to make the same choice."""
    return _test(experiment, fold, fit(experiment, fold, **_seeds(experiment, fold), start=start).network)


def _test(experiment: Experiment, fold: Fold, network: RecognitionNetwork) -> pd.DataFrame:
    data = datamodule(experiment, fold, seed=_seeds(experiment, fold)["data_seed"])
    data.setup("test")
    return predict_fold(experiment, fold, network, data.test_dataloader())


def _seeds(experiment: Experiment, fold: Fold, member: int = 0) -> dict[str, Any]:
    """Seeds of a training, by the run's seed, the member's number and the fold's name alone."""
    seed = member_seed(experiment.config.seed, member)
    return {"seed": seed_from(seed, "fold", fold.name), "data_seed": seed_from(seed, "data", fold.name)}
