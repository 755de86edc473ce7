"""Train and test one fold with `run_fold`; it leaves one complete folder, or none.

Contract: the files are written into a temporary folder, which is renamed when it is complete. A fold's numbers depend
on the configuration and the fold's name, not on other folds or the number of processes.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd

from mer import run_files
from mer.inputs.datamodule.fold_datamodule import FoldDataModule
from mer.models.network import RecognitionNetwork
from mer.protocols.registry import Fold
from mer.provenance import config_hash, environment
from mer.train.experiment import null_runs, selection
from mer.train.experiment.experiment import Experiment
from mer.train.fold.ensemble import mean_predictions, merge_records
from mer.train.fold.fit import fit
from mer.train.fold.fold_cotraining import cotraining_samples
from mer.train.fold.fold_decision import learn_decision
from mer.train.fold.fold_files import FoldResult, write_fold
from mer.train.fold.fold_log import end_fold_log, tracked_run
from mer.train.fold.fold_registration import register_fold
from mer.train.fold.initial_weights import InitialWeights
from mer.train.fold.nested_search import select_candidate
from mer.train.fold.predict import mirror_signs, predict
from mer.train.fold.pretraining import pretrain_for_fold
from mer.train.fold.unit_predictions import choose_thresholds, mean_unit_predictions, predict_units, unit_accuracy
from mer.train.loggers.tracked_run import fold_part
from mer.train.loggers.training_log import open_log


def run_fold(experiment: Experiment, fold: Fold, run: Path) -> Path:
    """Train and test one fold; return its folder. With several devices call it on every rank; rank 0 writes."""
    with ExitStack() as logs:  # closed behind the fold's files: a logger that waits for a network holds nothing up
        return _run_fold(experiment, fold, run, logs)


def _run_fold(experiment: Experiment, fold: Fold, run: Path, logs: ExitStack) -> Path:
    """Train and test one fold; `logs` keeps the loggers of its trainings open until its files are written."""
    began = time.perf_counter()
    config, hashes, tracked = experiment.config, experiment.hashes, tracked_run(experiment, run)
    # labels shuffled for this fold would give each fold a hash of its own
    experiment = replace(experiment, table=null_runs.permute_fold_labels(experiment.table, config, fold))
    experiment, registered = register_fold(experiment, fold)
    pretrained = [pretrain_for_fold(experiment, fold, run, member=member) for member in range(config.members)]
    starts = [start for start, _ in pretrained]
    experiment, search = select_candidate(experiment, fold, partial(_train_and_test, start=starts[0]))
    thresholds, choice = (
        ({}, {})
        if not experiment.samples.units
        else choose_thresholds(experiment, fold, partial(_train_and_test, start=starts[0]))
    )
    seen = selection.training_view(fold, config.protocol)
    joined = cotraining_samples(experiment, seen)
    opened = [logs.enter_context(open_log(tracked, fold_part(fold.name, m))) for m in range(config.members)]
    trained = [
        fit(
            experiment.samples,
            seen,
            experiment.config,
            member=member,
            start=starts[member],
            cotraining=joined,
            logger=opened[member].loggers,
        )
        for member in range(config.members)
    ]
    target = run_files.fold_folder(run, fold.name)
    decision = learn_decision(experiment, fold, partial(_train_and_test, start=starts[0]))
    if trained[0].main:
        tested, units = [_test(experiment, fold, one.network) for one in trained], experiment.samples.units
        frames = tested if units else [decision.apply(one) for one in tested]
        predictions = mean_unit_predictions(tested, thresholds) if units else decision.apply(mean_predictions(tested))
        record = {
            "fold": fold.name,
            "train": len(fold.train),
            "validation": len(fold.validation),
            "test": len(fold.test),
            **merge_records([one.record for one in trained]),
            **search,
            **choice,
            **decision.record(),
            **registered,
            "config_hash": config_hash(config),
            **hashes,
            "environment": environment(),
            "accuracy": unit_accuracy(predictions, units)
            if units
            else float((predictions["label"] == predictions["predicted"]).mean()),
        }
        stages = [result for _, results in pretrained for result in results]
        write_fold(experiment, FoldResult(seen, trained, frames, predictions, stages, record, began), target)
        for log in opened:
            end_fold_log(log, target)
    trained[0].wait()
    return target


def _train_and_test(experiment: Experiment, fold: Fold, *, start: InitialWeights | None) -> pd.DataFrame:
    """Train and return the predictions of the test part; on every rank, since all must select the same candidate."""
    joined = cotraining_samples(experiment, fold)
    return _test(
        experiment, fold, fit(experiment.samples, fold, experiment.config, start=start, cotraining=joined).network
    )


def _test(experiment: Experiment, fold: Fold, network: RecognitionNetwork) -> pd.DataFrame:
    """Return the predictions of the fold's test part."""
    samples, config = experiment.samples, experiment.config
    loader = FoldDataModule(samples, fold, config).test_dataloader()
    mirror = mirror_signs(samples, config)
    if samples.units:
        return predict_units(network, loader, samples, fold=fold.name, mirror=mirror)
    return predict(network, loader, samples.table, fold=fold.name, mirror=mirror)
