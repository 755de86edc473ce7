"""Choose from which probability on a unit counts as present: `best_threshold`.

Contract: a pure function of truths and probabilities; who calls it decides whose. A run gives it predictions of people
whom a fold trains on, made by networks that did not see them.
"""

from __future__ import annotations

import numpy as np

from mer.evaluation.units.table import HALF

#: Clips that must show a unit before its threshold is moved; fewer say too little.
LEAST = 5


def best_threshold(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the threshold (0..1) with the best F1; of equals the one nearest to one half.

    Thresholds that are compared lie midway between neighbouring probabilities, and at one half, which is also the
    answer where fewer than `LEAST` clips show the unit or none lacks it.

    Args:
        truth: (N,), 1, 0 or -1 (not known, not looked at).
        probabilities: (N,), 0..1.
    """
    known = truth >= 0
    shown, values = truth[known] == 1, probabilities[known]
    if shown.sum() < LEAST or shown.all():
        return HALF
    order = np.sort(values)
    between = np.flatnonzero(np.diff(order)) + 1
    candidates = np.concatenate([[HALF], (order[between] + order[between - 1]) / 2])
    # clips from each candidate on, of all and of those that show the unit
    said = len(order) - np.searchsorted(order, candidates)
    hits = shown.sum() - np.searchsorted(np.sort(values[shown]), candidates)
    f1 = 2 * hits / (said + shown.sum())
    best = candidates[f1 >= f1.max() - 1e-12]
    return float(best[np.argmin(np.abs(best - HALF))])
