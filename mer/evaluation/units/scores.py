"""Scores of predicted action units: F1 of the answers and AUC of the probabilities, for each unit and on average.

Contract: only clips whose truth is known (1 or 0) count. F1 is that of the unit's presence; a unit without a clip that
shows it has no F1, one without both kinds has no AUC. Pure functions of arrays.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mer.evaluation.statistics.bootstrap import draw_subjects

Values = npt.NDArray[np.float64]
#: Weightings whose sums are held at a time: 200 of 10,000 clips take 32 MB.
DRAWS_AT_ONCE = 200


def weighted_f1(truth: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> Values:
    """Return F1 (D, K) of each unit under D weightings of the clips; NaN without any weight on a clip that shows it.

    Args:
        truth: (N, K), 1, 0 or -1 (not known).
        predicted: (N, K), 1 or 0.
        weights: (D, N), how often each clip counts.
    """
    weights = np.asarray(weights, dtype=np.float64)
    hits, shown, said = (
        weights @ part.astype(np.float64)
        for part in ((truth == 1) & (predicted == 1), truth == 1, (truth >= 0) & (predicted == 1))
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(shown > 0, 2 * hits / (shown + said), np.nan)


def weighted_auc(truth: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> Values:
    """Return the area under the ROC curve (D, K) of each unit under D weightings of the clips; NaN without both kinds.

    The chance that a clip with the unit has a higher score than one without; equal scores count one half.
    Arguments as of `weighted_f1`; `scores` (N, K) in place of answers.
    """
    weights = np.asarray(weights, dtype=np.float64)
    if len(weights) > DRAWS_AT_ONCE:
        parts = [weights[start : start + DRAWS_AT_ONCE] for start in range(0, len(weights), DRAWS_AT_ONCE)]
        return np.concatenate([weighted_auc(truth, scores, part) for part in parts])
    found = np.full((len(weights), truth.shape[1]), np.nan)
    for k in range(truth.shape[1]):
        known = truth[:, k] >= 0
        if not known.any():
            continue
        values, place = np.unique(scores[known, k], return_inverse=True)
        sums = np.zeros((2, len(values), len(weights)))
        for kind in (0, 1):
            rows = truth[known, k] == kind
            np.add.at(sums[kind], place[rows], weights[:, known].T[rows])
        absent, present = sums
        below = np.cumsum(absent, axis=0) - absent / 2
        pairs = absent.sum(axis=0) * present.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            found[:, k] = np.where(pairs > 0, (below * present).sum(axis=0) / pairs, np.nan)
    return found


def subject_weights(subjects: Sequence[str] | np.ndarray, *, draws: int, seed: int) -> np.ndarray:
    """Return how often each of N clips is in each bootstrap sample of whole subjects, (draws, N)."""
    names, place = np.unique(np.asarray(subjects, dtype=object).astype(str), return_inverse=True)
    return draw_subjects(len(names), draws=draws, seed=seed)[:, place]


def supported(truth: np.ndarray, subjects: np.ndarray, *, support: int) -> np.ndarray:
    """Return which units (K,) bool enter means: shown by `support` clips of two people or more, absent in one or more.

    What a single person shows cannot be learned from others.
    """
    shown = truth == 1
    people = np.array([len(set(subjects[rows])) for rows in shown.T], dtype=int)
    return (shown.sum(axis=0) >= support) & (people >= 2) & (truth == 0).any(axis=0)


def mean_over_units(values: Values, units: np.ndarray) -> Values:
    """Return the mean (D,) over the units (K,) bool; units without a value in a draw are left out of it."""
    chosen = values[:, units]
    defined = ~np.isnan(chosen)
    with np.errstate(invalid="ignore"):
        return np.where(defined.any(axis=1), np.nansum(chosen, axis=1) / defined.sum(axis=1), np.nan)
