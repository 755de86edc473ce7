"""Measure calibration: reliability, expected calibration error, Brier score.

Contract: pure functions of pooled predictions; a sample's confidence is the probability of its predicted class. Small
sets make these numbers optimistic or pessimistic by chance, so counts stand beside every bin.
Source: Brier (1950), the sum over classes, 0..2; Guo et al. (ICML 2017) for reliability in bins of equal width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from mer.evaluation.predictions import PROBABILITY_PREFIX, encode_labels

#: Bins of equal width over 0..1, as is usual.
BINS = 10


def calibration(predictions: pd.DataFrame, classes: Sequence[str], *, bins: int = BINS) -> dict[str, Any]:
    """Return the calibration of pooled predictions as plain values; scores are None without samples.

    Returns:
        `ece`: mean over samples of |accuracy - confidence| of their bin, 0..1; `brier`: mean squared distance of the
        probabilities from the truth, summed over classes, 0..2; `brier_shares`: the same for always answering with the
        classes' own shares, which knows the labels and no face; `confidence`: mean confidence; `bins`: low, high,
        samples, confidence, accuracy of each bin (low, high], the last two None where it is empty.
    """
    if not len(predictions):
        return {"ece": None, "brier": None, "brier_shares": None, "confidence": None, "bins": []}
    probabilities = predictions[[f"{PROBABILITY_PREFIX}{name}" for name in classes]].to_numpy(dtype=np.float64)
    truth, guess = encode_labels(predictions["label"], classes), encode_labels(predictions["predicted"], classes)
    confidence = probabilities[np.arange(len(guess)), guess]
    targets = np.eye(len(classes))[truth]
    right = truth == guess
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    rows, error = [], 0.0
    for index in range(bins):
        inside = place == index
        row: dict[str, Any] = {"low": round(edges[index], 6), "high": round(edges[index + 1], 6)}
        row |= {"samples": int(inside.sum()), "confidence": None, "accuracy": None}
        if inside.any():
            sure, hit = float(confidence[inside].mean()), float(right[inside].mean())
            error += abs(sure - hit) * inside.mean()
            row |= {"confidence": round(sure, 6), "accuracy": round(hit, 6)}
        rows.append(row)
    shares = targets.mean(axis=0)
    return {
        "ece": round(float(error), 6),
        "brier": round(float(((probabilities - targets) ** 2).sum(axis=1).mean()), 6),
        "brier_shares": round(float(1 - (shares**2).sum()), 6),
        "confidence": round(float(confidence.mean()), 6),
        "bins": rows,
    }
