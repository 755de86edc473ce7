"""Write the files of a finished fold."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mer import run_files
from mer.evaluation.predictions import write_predictions
from mer.models import checkpoint
from mer.protocols.registry import Fold
from mer.train.experiment import selection
from mer.train.experiment.experiment import Experiment
from mer.train.fold import checkpoint_card
from mer.train.fold.ensemble import mean_predictions, stack_members
from mer.train.fold.fit import Trained
from mer.train.fold.predict import attention_samples
from mer.train.fold.pretraining import StageResult
from mer.utils.atomic_files import write_json


def write_fold(
    experiment: Experiment,
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
            folder = run_files.stage_folder(work, stage.stage.name, stage.record["member"])
            folder.mkdir(parents=True)
            stage.write(folder)
        protocol = experiment.config.protocol
        write_predictions(work / run_files.PREDICTIONS, selection.mark_table(mean_predictions(frames), protocol))
        if len(frames) > 1:
            write_predictions(work / run_files.MEMBERS, selection.mark_table(stack_members(frames), protocol))
        maps = attention_samples(experiment, fold, trained[0].network)
        if maps:
            np.savez_compressed(work / run_files.ATTENTION, selection=record["selection"], **maps)  # type: ignore[arg-type]
        own = checkpoint_card.of_fold(experiment, fold, mean_predictions(frames))
        own |= {"selection": record["selection"], "config_hash": record["config_hash"]}
        for member, one in enumerate(trained):
            if one.curves.rows:  # none where nothing was trained
                curves = selection.mark_table(one.curves.table(), protocol)
                curves.to_csv(work / run_files.member_file(run_files.CURVES, member), index=False)
            path = work / run_files.member_file(run_files.CHECKPOINT, member)
            checkpoint.save(path, one.network, model=experiment.config.model, card=own)
        write_json(work / run_files.FOLD, {**record, "seconds": time.perf_counter() - start})
        work.chmod(0o755)  # a temporary folder is private to its maker
        shutil.rmtree(target, ignore_errors=True)  # only a folder without its record can stand here: no finished fold
        work.replace(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
