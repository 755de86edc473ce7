"""Write the files of a finished fold."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mer import run_files
from mer.models import checkpoint
from mer.protocols.registry import Fold
from mer.train.experiment.experiment import Experiment
from mer.train.experiment.selection import ResultFiles
from mer.train.fold import checkpoint_card
from mer.train.fold.ensemble import stack_members
from mer.train.fold.fit import Trained
from mer.train.fold.predict import attention_samples
from mer.train.fold.train_stage import StageResult
from mer.utils.atomic_files import write_folder_atomically


@dataclass(frozen=True)
class FoldResult:
    """The results of one fold before they are written.

    Attributes:
        fold: the fold as training saw it.
        trained: the trained network of each member.
        frames: the predictions of each member.
        predictions: the predictions of all members together, as decided.
        stages: stages trained for this fold only.
        record: content of `fold.json` without the seconds.
        began: `time.perf_counter()` at the start of the fold.
    """

    fold: Fold
    trained: Sequence[Trained]
    frames: Sequence[pd.DataFrame]
    predictions: pd.DataFrame
    stages: Sequence[StageResult]
    record: dict[str, Any]
    began: float


def write_fold(experiment: Experiment, result: FoldResult, target: Path) -> None:
    """Write all files of a fold into a hidden folder, then rename it into place."""
    with write_folder_atomically(target) as work:  # only a damaged fold can stand there
        for stage in result.stages:
            folder = run_files.stage_folder(work, stage.stage.name, stage.record["member"])
            folder.mkdir(parents=True)
            stage.write(folder, weights=keeps_networks(experiment, result.fold))
        _write_files(experiment, result, ResultFiles(work, experiment.config))


def keeps_networks(experiment: Experiment, fold: Fold) -> bool:
    """Return whether the networks trained for a fold stay in its folder (`trainer.keep_checkpoints`)."""
    kept = experiment.config.trainer.keep_checkpoints
    return kept == "all" or (kept == "first" and fold.name == experiment.folds[0].name)


def _write_files(experiment: Experiment, result: FoldResult, files: ResultFiles) -> None:
    """Write predictions, curves, attention maps, checkpoints where they are kept, and at last the record."""
    config, predictions = experiment.config, result.predictions
    files.predictions(run_files.PREDICTIONS, predictions)
    if len(result.frames) > 1:
        files.predictions(run_files.MEMBERS, stack_members(result.frames))
    network, kept = result.trained[0].network, config.evaluation.attention_samples
    maps = attention_samples(network, experiment.samples, result.fold, kept=kept)
    if maps:
        files.arrays(run_files.ATTENTION, maps)
    card = checkpoint_card.of_fold(experiment, result.fold, predictions)
    card |= {"selection": files.mode, "config_hash": result.record["config_hash"]}
    if "thresholds" in result.record:
        card["thresholds"] = result.record["thresholds"]
    for member, one in enumerate(result.trained):
        if one.curves.rows:  # none where nothing was trained
            files.table(run_files.member_file(run_files.CURVES, member), one.curves.table())
        if keeps_networks(experiment, result.fold):
            path = files.folder / run_files.member_file(run_files.CHECKPOINT, member)
            checkpoint.save(path, one.network, model=config.model, card=card)
    files.record(run_files.FOLD, {**result.record, "seconds": time.perf_counter() - result.began})
