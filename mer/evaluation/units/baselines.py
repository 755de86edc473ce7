"""Guesses of action units made without a look at a face: never, always, by frequency.

Contract: fitted on the training part of each fold, scored like a run, pooled over folds. AUC of a guess without
probabilities is one half by definition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mer.evaluation.metrics import rounded
from mer.evaluation.units.scores import mean_over_units, weighted_f1
from mer.utils.seeding import seed_from


@dataclass(frozen=True)
class FoldUnits:
    """All that a guess may see of a fold: truths (n, K) of its training part and (m, K) of its test part."""

    train: np.ndarray
    test: np.ndarray


def unit_baselines(folds: Sequence[FoldUnits], units: np.ndarray, *, draws: int, seed: int) -> dict[str, Any]:
    """Return each guess by name: description, mean F1 over the units (K,) bool with its range, AUC, F1 of each unit.

    Where a fold trains on nothing, its frequency is not known and that guess is left out.
    """
    test = np.concatenate([fold.test for fold in folds])
    found = {
        "never": _guess("Never any unit.", test, np.zeros((1, *test.shape)), units),
        "always": _guess("Always every unit.", test, np.ones((1, *test.shape)), units),
    }
    if all(len(fold.train) for fold in folds):
        generator = np.random.default_rng(seed_from(seed, "baseline", "frequency"))
        shares = np.concatenate([np.broadcast_to(_frequency(fold.train), fold.test.shape) for fold in folds])
        guesses = generator.random((draws, *test.shape)) < shares
        found["frequency"] = _guess(
            "Each unit drawn at random, as often as the training part of the fold shows it.", test, guesses, units
        )
    return found


def _frequency(truth: np.ndarray) -> np.ndarray:
    """Share (K,) of the clips that show each unit, among those where it is known."""
    return (truth == 1).sum(axis=0) / np.maximum((truth >= 0).sum(axis=0), 1)


def _guess(description: str, truth: np.ndarray, guesses: np.ndarray, units: np.ndarray) -> dict[str, Any]:
    """Return scores of guesses (D, N, K)."""
    once = np.ones((1, len(truth)))
    f1 = np.concatenate([weighted_f1(truth, guess, once) for guess in guesses])
    mean = mean_over_units(f1, units)
    low, high = np.quantile(mean, [0.025, 0.975]) if len(mean) > 1 else (float("nan"), float("nan"))
    return {
        "description": description,
        "f1": {"value": rounded(float(mean.mean())), "low": rounded(float(low)), "high": rounded(float(high))},
        "auc": {"value": 0.5, "low": None, "high": None},
        "per_unit_f1": [rounded(float(value)) for value in f1.mean(axis=0)],
    }
