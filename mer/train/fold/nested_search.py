"""Nested search: select in each fold the candidate that is best inside its own training part.

Contract: candidates are compared by UF1 over the pooled predictions of inner folds of the training subjects. The
fold's test samples are not used, so the outer score includes the search.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from mer.config import with_overrides
from mer.evaluation.metrics import f1
from mer.evaluation.predictions import confusion
from mer.inputs.prepared_samples import PreparedSamples
from mer.protocols.registry import Fold, inner_folds
from mer.train.experiment.experiment import Experiment
from mer.train.fold.unit_predictions import inner_unit_score


def select_candidate(
    experiment: Experiment, fold: Fold, test: Callable[[Experiment, Fold], pd.DataFrame]
) -> tuple[Experiment, dict[str, Any]]:
    """Return the experiment with the recipe chosen for this fold, and the record of the search.

    Args:
        experiment: with `protocol.candidates` and `protocol.inner`.
        fold: its training part is split into inner folds.
        test: trains on a fold's training part and returns predictions of its test part.

    Returns:
        The experiment whose configuration holds the best candidate (the first of equals), and candidate, candidates
        (each with its inner score), validation_uf1 (of the best), search_seconds; without candidates the experiment as
        it is and {}.
    """
    lines = experiment.config.protocol.candidates
    if not lines:
        return experiment, {}
    start = time.perf_counter()
    parts = inner_folds(fold, experiment.table, experiment.config.protocol.inner)
    recipes = {line: replace(experiment, config=with_overrides(experiment.config, line)) for line in lines}
    scores = {
        line: inner_score(pd.concat([test(recipe, part) for part in parts]), experiment.samples)
        for line, recipe in recipes.items()
    }
    best = max(scores, key=lambda line: scores[line])
    return recipes[best], {
        "candidate": best,
        "candidates": [{"overrides": line, "validation_uf1": score} for line, score in scores.items()],
        "validation_uf1": scores[best],
        "search_seconds": time.perf_counter() - start,
    }


def inner_score(predictions: pd.DataFrame, samples: PreparedSamples) -> float:
    """Return UF1 over the classes, or the mean F1 over the units, present in the samples: few subjects show not all."""
    if samples.units:
        return inner_unit_score(predictions, samples.units)
    return float(np.nanmean(f1(confusion(predictions, samples.classes))))
