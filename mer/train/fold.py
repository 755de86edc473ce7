"""Training of one fold: a pure function of (study, fold) that leaves one complete folder, or none.

Contract: the files are written into a temporary folder that is renamed into place when all are there; a fold's numbers
depend on the configuration and the fold's name, not on which folds ran before, beside or on how many processes.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mer.evaluation import files
from mer.evaluation.predictions import write_predictions
from mer.models import checkpoint
from mer.models.network import RecognitionNetwork
from mer.protocols.folds import Fold
from mer.provenance import config_hash, environment, seed_from, write_json
from mer.train import card, selection
from mer.train.members import joint_record, long_table, mean_predictions, member_seed
from mer.train.nested import best_recipe
from mer.train.predict import attention_samples, predict_fold
from mer.train.stages import StageResult, handed_on
from mer.train.study import Study
from mer.train.training import Start, Trained, datamodule, fit


def run_fold(study: Study, fold: Fold, run: Path) -> Path:
    """Train and test one fold; returns its finished folder (with several devices: on every rank, written by rank 0)."""
    start = time.perf_counter()
    config = study.config
    handed = [handed_on(study, fold, run, member=member) for member in range(config.members)]
    begin = [start for start, _ in handed]
    study, search = best_recipe(study, fold, partial(_train_and_test, start=begin[0]))
    seen = selection.seen(fold, config.protocol)
    trained = [fit(study, seen, **_seeds(study, fold, member), start=begin[member]) for member in range(config.members)]
    target = files.fold_folder(run, fold.name)
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
        _write_folder(study, fold, trained, frames, record, stages, target, start)
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


def _write_folder(
    study: Study,
    fold: Fold,
    trained: list[Trained],
    frames: list[pd.DataFrame],
    record: dict,
    stages: Sequence[StageResult],
    target: Path,
    start: float,
) -> None:
    """Write all files of a fold into a hidden folder, then rename it into place."""
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
    try:
        for stage in stages:
            folder = files.stage_folder(work, stage.stage.name, stage.record["member"])
            folder.mkdir(parents=True)
            stage.write(folder)
        protocol = study.config.protocol
        write_predictions(work / files.PREDICTIONS, selection.marked(mean_predictions(frames), protocol))
        if len(frames) > 1:
            write_predictions(work / files.MEMBERS, selection.marked(long_table(frames), protocol))
        maps = attention_samples(study, fold, trained[0].network)
        if maps:
            np.savez_compressed(work / files.ATTENTION, selection=record["selection"], **maps)  # type: ignore[arg-type]
        own = card.of_fold(study, fold, mean_predictions(frames))
        own |= {"selection": record["selection"], "config_hash": record["config_hash"]}
        for member, one in enumerate(trained):
            if one.curves.rows:  # none where nothing was trained
                curves = selection.marked(one.curves.table(), protocol)
                curves.to_csv(work / files.of_member(files.CURVES, member), index=False)
            path = work / files.of_member(files.CHECKPOINT, member)
            checkpoint.save(path, one.network, model=study.config.model, card=own)
        write_json(work / files.FOLD, {**record, "seconds": time.perf_counter() - start})
        work.chmod(0o755)  # a temporary folder is private to its maker
        shutil.rmtree(target, ignore_errors=True)  # only a folder without its record can stand here: no finished fold
        work.replace(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
