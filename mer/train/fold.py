"""Training of one fold: a pure function of (study, fold) that leaves one complete folder, or none.

Contract: the files are written into a temporary folder that is renamed into place when all are there; a fold's numbers
depend on the configuration and the fold's name, not on which folds ran before, beside or on how many processes.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from mer.evaluation import files
from mer.evaluation.predictions import write_predictions
from mer.models import checkpoint
from mer.models.network import RecognitionNetwork
from mer.protocols.folds import Fold
from mer.provenance import config_hash, environment, seed_from, write_json
from mer.train import selection
from mer.train.callbacks import Curves
from mer.train.nested import best_recipe
from mer.train.predict import attention_samples, predict_fold
from mer.train.study import Study
from mer.train.training import datamodule, fit


def run_fold(study: Study, fold: Fold, run: Path) -> Path:
    """Train and test one fold; returns its finished folder (with several devices: on every rank, written by rank 0)."""
    start = time.perf_counter()
    config = study.config
    study, search = best_recipe(study, fold, _train_and_test)
    trained = fit(study, selection.seen(fold, config.protocol), **_seeds(study, fold))
    target = files.fold_folder(run, fold.name)
    if trained.main:
        record = {
            "fold": fold.name,
            "train": len(fold.train),
            "validation": len(fold.validation),
            "test": len(fold.test),
            **selection.of_record({**trained.record, **search}, config.protocol),
            "config_hash": config_hash(config),
            "environment": environment(),
        }
        predictions = _test(study, fold, trained.network)
        record["accuracy"] = float((predictions["label"] == predictions["predicted"]).mean())
        _write_folder(study, fold, trained.network, predictions, trained.curves, record, target, start)
    trained.wait()
    return target


def _train_and_test(study: Study, fold: Fold) -> pd.DataFrame:
    """Predictions of the fold's test part after training; on every rank, for each has to make the same choice."""
    return _test(study, fold, fit(study, fold, **_seeds(study, fold)).network)


def _test(study: Study, fold: Fold, network: RecognitionNetwork) -> pd.DataFrame:
    data = datamodule(study, fold, seed=_seeds(study, fold)["data_seed"])
    data.setup("test")
    return predict_fold(study, fold, network, data.test_dataloader())


def _seeds(study: Study, fold: Fold) -> dict[str, int]:
    """Seeds of a training, by the run's seed and the fold's name alone."""
    seed = study.config.seed
    return {"seed": seed_from(seed, "fold", fold.name), "data_seed": seed_from(seed, "data", fold.name)}


def _write_folder(
    study: Study,
    fold: Fold,
    network: RecognitionNetwork,
    predictions: pd.DataFrame,
    curves: Curves,
    record: dict,
    target: Path,
    start: float,
) -> None:
    """Write all files of a fold into a hidden folder, then rename it into place."""
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
    try:
        protocol = study.config.protocol
        write_predictions(work / files.PREDICTIONS, selection.marked(predictions, protocol))
        selection.marked(curves.table(), protocol).to_csv(work / files.CURVES, index=False)
        maps = attention_samples(study, fold, network)
        if maps:
            np.savez_compressed(work / files.ATTENTION, selection=record["selection"], **maps)  # type: ignore[arg-type]
        card = {
            "classes": list(study.table.classes),
            "input": asdict(study.config.input),
            "trained_on": {"data": study.table.name, "synthetic": study.table.synthetic, "held_out": fold.name},
            "selection": record["selection"],
            "config_hash": record["config_hash"],
        }
        checkpoint.save(work / files.CHECKPOINT, network, model=study.config.model, card=card)
        write_json(work / files.FOLD, {**record, "seconds": time.perf_counter() - start})
        work.chmod(0o755)  # a temporary folder is private to its maker
        shutil.rmtree(target, ignore_errors=True)  # only a folder without its record can stand here: no finished fold
        work.replace(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
