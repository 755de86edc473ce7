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
from mer.train.experiment.experiment import Study
from mer.train.fold.ensemble import joint_record, mean_predictions, member_seed
from mer.train.fold.fit import datamodule, fit
from mer.train.fold.fold_files import write_fold
from mer.train.fold.initial_weights import Start
from mer.train.fold.nested_search import best_recipe
from mer.train.fold.predict import predict_fold
from mer.train.fold.pretraining import handed_on
from mer.utils.seeding import seed_from


def run_fold(study: Study, fold: Fold, run: Path) -> Path:
    """Train and test one fold; returns its finished folder (with several devices: on every rank, written by rank 0)."""
    start = time.perf_counter()
    config = study.config
    handed = [handed_on(study, fold, run, member=member) for member in range(config.members)]
    begin = [start for start, _ in handed]
    study, search = best_recipe(study, fold, partial(_train_and_test, start=begin[0]))
    seen = selection.seen(fold, config.protocol)
    trained = [fit(study, seen, **_seeds(study, fold, member), start=begin[member]) for member in range(config.members)]
    target = run_files.fold_folder(run, fold.name)
    if trained[0].main:
        records = [selection.of_record(one.record, config.protocol) for one in trained]
        record = {
            "fold": fold.name,
            "train": len(fold.train),
            "validation": len(fold.validation),
            "test": len(fold.test),
            **selection.of_record({**joint_record(records), **search}, config.protocol),
            "config_hash": config_hash(config),
            "environment": environment(),
        }
        frames = [_test(study, fold, one.network) for one in trained]
        predictions = mean_predictions(frames)
        record["accuracy"] = float((predictions["label"] == predictions["predicted"]).mean())
        stages = [result for _, results in handed for result in results]
        write_fold(study, fold, trained, frames, record, stages, target, start)
    trained[0].wait()
    return target


def _train_and_test(study: Study, fold: Fold, *, start: Start | None) -> pd.DataFrame:
    """Predictions of the fold's test part after training; on every rank, for each has to make the same choice."""
    return _test(study, fold, fit(study, fold, **_seeds(study, fold), start=start).network)


def _test(study: Study, fold: Fold, network: RecognitionNetwork) -> pd.DataFrame:
    data = datamodule(study, fold, seed=_seeds(study, fold)["data_seed"])
    data.setup("test")
    return predict_fold(study, fold, network, data.test_dataloader())


def _seeds(study: Study, fold: Fold, member: int = 0) -> dict[str, Any]:
    """Seeds of a training, by the run's seed, the member's number and the fold's name alone."""
    seed = member_seed(study.config.seed, member)
    return {"seed": seed_from(seed, "fold", fold.name), "data_seed": seed_from(seed, "data", fold.name)}
