"""Predict the action units of clips, and decide which are present: thresholds of inner parts of a fold, or of drawings.

Contract: as of `predict`; truths of held-out clips are read here for the first time, after the thresholds are chosen.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from mer.config import MotionPriorData
from mer.data.facs.unit_targets import unit_name
from mer.evaluation.metric_modules import MeanUnitF1
from mer.evaluation.predictions import PROBABILITY_PREFIX
from mer.evaluation.units.table import (
    HALF,
    apply_thresholds,
    make_table,
    predicted_of,
    probabilities_of,
    truth_of,
)
from mer.evaluation.units.thresholds import best_threshold
from mer.inputs import pipeline
from mer.inputs.prepared_samples import PreparedSamples
from mer.protocols.registry import Fold, inner_folds
from mer.train.experiment import task
from mer.train.experiment.experiment import Experiment
from mer.train.fold.predict import Batches, predicted_rows
from mer.utils.seeding import seed_from

Thresholds = dict[str, float]
#: Maps that are drawn to choose thresholds; the rarest of the 12 units stands in a hundred of them.
DRAWN_MAPS = 4000


def predict_units(
    network: torch.nn.Module,
    loader: Batches,
    samples: PreparedSamples,
    *,
    fold: str = "",
    mirror: Sequence[int] | None = None,
) -> pd.DataFrame:
    """Return predictions of a loader's clips, one row each, decided at a threshold of one half.

    Args:
        network: put into evaluation mode; its outputs are the units of `samples`, in their order.
        loader: such as `FoldDataModule.test_dataloader()`.
        samples: hold every clip of the loader, with its code.
        fold: written into the column of that name.
        mirror: as of `predict`.

    Raises:
        FloatingPointError, SampleError, MerError: as of `predict`.
    """
    rows, probabilities = predicted_rows(network, loader, samples.table, mirror=mirror, units=True)
    frame, truth = samples.table.frame.loc[rows], samples.targets[rows]
    return make_table(frame, samples.units, fold=fold, truth=truth, probabilities=probabilities)


def choose_thresholds(
    experiment: Experiment, fold: Fold, test: Callable[[Experiment, Fold], pd.DataFrame]
) -> tuple[Thresholds, dict[str, Any]]:
    """Return the threshold of each unit for one fold, and what its record says of the choice.

    Args:
        experiment: with `task.threshold` and `protocol.inner`; with `drawn`, newly drawn maps are tested in place of
            its clips.
        fold: whose training subjects are divided; its test part is not looked at.
        test: trains on a fold's training part and returns predictions of its test part.
    """
    names = [unit_name(unit) for unit in experiment.samples.units]
    if task.draws_thresholds(experiment.config):
        return _thresholds(test(*_drawn(experiment)), experiment.samples.units, by=task.DRAWN)
    if not task.chooses_thresholds(experiment.config) or not fold.train:
        fixed = dict.fromkeys(names, HALF)
        return fixed, {"thresholds": fixed, "thresholds_by": "fixed"}
    start = time.perf_counter()
    parts = inner_folds(fold, experiment.table, experiment.config.protocol.inner)
    inner = pd.concat([test(experiment, part) for part in parts])
    found, record = _thresholds(inner, experiment.samples.units, by="inner")
    return found, {**record, "threshold_seconds": time.perf_counter() - start}


def _thresholds(table: pd.DataFrame, units: Sequence[int], *, by: str) -> tuple[Thresholds, dict[str, Any]]:
    """Return the thresholds with the best F1 on predictions, and their record."""
    truth, values = truth_of(table, units), probabilities_of(table, units)
    found = {unit_name(unit): best_threshold(truth[:, k], values[:, k]) for k, unit in enumerate(units)}
    return found, {"thresholds": found, "thresholds_by": by}


def _drawn(experiment: Experiment) -> tuple[Experiment, Fold]:
    """Return newly drawn maps in place of the run's clips, as the last stage draws them but of other faces, and a fold
    that tests them all.
    """
    config = experiment.config
    data = list(config.stages.values())[-1].data
    assert isinstance(data, MotionPriorData)
    data = replace(data, maps=DRAWN_MAPS, seed=seed_from(data.seed, "thresholds"))
    table = pipeline.load_samples(data, config)
    inputs = pipeline.load_inputs(table, data, config)
    return replace(experiment, table=table, inputs=inputs), Fold("drawn", (), (), tuple(table.frame["sample_id"]))


def mean_unit_predictions(frames: Sequence[pd.DataFrame], thresholds: Thresholds) -> pd.DataFrame:
    """Return the mean of the members' probabilities, decided at these thresholds.

    Args:
        frames: one table a member, of the same clips in the same order.
        thresholds: by the unit's name.
    """
    columns = [f"{PROBABILITY_PREFIX}{name}" for name in thresholds]
    mean = np.mean([frame[columns].to_numpy() for frame in frames], axis=0)
    table = frames[0].copy()
    table[columns] = mean
    return apply_thresholds(table, thresholds)


def unit_accuracy(table: pd.DataFrame, units: Sequence[int]) -> float:
    """Return the share of right answers among the units that are known; 0 where none is."""
    truth = truth_of(table, units)
    known = truth >= 0
    return float(((predicted_of(table, units) == truth) & known).sum() / max(known.sum(), 1))


def inner_unit_score(table: pd.DataFrame, units: Sequence[int]) -> float:
    """Return the mean F1 over the units that the clips show, which chooses recipes."""
    score = MeanUnitF1(len(units))
    score.update(torch.from_numpy(predicted_of(table, units) == 1), torch.from_numpy(truth_of(table, units)))
    return float(score.compute())
