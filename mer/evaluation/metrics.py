"""Scores of the field as functions of confusion matrices: UF1, UAR, accuracy (WAR), weighted F1, values per class.

Contract: a confusion matrix is (..., K, K), rows truth, columns prediction, over the fixed class set of the protocol;
leading axes are draws or subjects. F1 of a class = 2TP / (2TP + FP + FN). A class without samples has no recall and no
F1, so UF1 and UAR are not defined: an error, or NaN where asked for, never a mean over the other classes.
Source: definitions of MEGC2019 (See et al., FG 2019).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from mer.errors import MerError

Counts = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]
#: Takes (..., K, K) counts and returns (...) scores.
Metric = Callable[[npt.NDArray], Scores]


class MetricError(MerError):
    """The score is not defined for these counts, or the counts are not a confusion matrix."""


def confusion_matrix(targets: npt.ArrayLike, predicted: npt.ArrayLike, *, classes: int) -> Counts:
    """Counts (K, K): entry (i, j) is the number of samples of class i predicted as j.

    Args:
        targets: class indices (N,), 0..classes-1.
        predicted: class indices (N,), in the same order of samples.
        classes: K, the size of the fixed class set.

    Raises:
        MetricError: lengths differ, or an index is outside 0..classes-1.
    """
    truth, guess = np.asarray(targets, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
    if truth.ndim != 1 or truth.shape != guess.shape:
        raise MetricError(
            f"expected targets and predictions as two rows of equal length, got shapes {truth.shape} and {guess.shape}"
        )
    for name, values in (("targets", truth), ("predictions", guess)):
        if values.size and not (values.min() >= 0 and values.max() < classes):
            raise MetricError(
                f"expected {name} in 0..{classes - 1}, got {values.min()}..{values.max()}: "
                "were they encoded with another class set?"
            )
    return np.bincount(truth * classes + guess, minlength=classes * classes).reshape(classes, classes)


def support(confusion: npt.NDArray) -> npt.NDArray:
    """Return the number of samples (..., K) of each class."""
    return confusion.sum(axis=-1)


def recall(confusion: npt.NDArray) -> Scores:
    """Return the recall (..., K) of each class; NaN for a class without samples."""
    return _divide(_hits(confusion), support(confusion))


def precision(confusion: npt.NDArray) -> Scores:
    """Return the precision (..., K) of each class; 0 for a class never predicted, NaN for one without samples."""
    raw = _divide(_hits(confusion), confusion.sum(axis=-2))
    return np.where(support(confusion) > 0, np.nan_to_num(raw), np.nan)


def f1(confusion: npt.NDArray) -> Scores:
    """Return the F1 (..., K) of each class, 2TP / (2TP + FP + FN); NaN for a class without samples."""
    raw = _divide(2 * _hits(confusion), support(confusion) + confusion.sum(axis=-2))
    return np.where(support(confusion) > 0, raw, np.nan)


def uf1(confusion: npt.NDArray, *, allow_absent: bool = False) -> Scores:
    """Unweighted F1 (...): the mean of F1 over all K classes, 0..1.

    Args:
        confusion: counts (..., K, K).
        allow_absent: return NaN instead of raising where a class has no samples.

    Raises:
        MetricError: a class has no samples.
    """
    return _mean_over_classes(f1(confusion), "UF1", allow_absent)


def uar(confusion: npt.NDArray, *, allow_absent: bool = False) -> Scores:
    """Return unweighted average recall (...), the mean of recall over all K classes, 0..1; otherwise as `uf1`."""
    return _mean_over_classes(recall(confusion), "UAR", allow_absent)


def accuracy(confusion: npt.NDArray) -> Scores:
    """Return accuracy (...), also called WAR, 0..1; NaN without samples."""
    return _divide(_hits(confusion).sum(axis=-1), confusion.sum(axis=(-2, -1)))


def weighted_f1(confusion: npt.NDArray) -> Scores:
    """Return the mean F1 over classes weighted by their samples (...), 0..1; NaN without samples."""
    weighted = np.where(support(confusion) > 0, f1(confusion) * support(confusion), 0.0)
    return _divide(weighted.sum(axis=-1), confusion.sum(axis=(-2, -1)))


#: The scores of a run, in the order in which they are shown; NaN where one is not defined.
METRICS: dict[str, Metric] = {
    "uf1": partial(uf1, allow_absent=True),
    "uar": partial(uar, allow_absent=True),
    "accuracy": accuracy,
    "weighted_f1": weighted_f1,
}


def absent_classes(confusion: npt.NDArray, classes: Sequence[str]) -> list[str]:
    """Return the names of classes without samples in one confusion matrix (K, K), in class order."""
    return [name for name, count in zip(classes, support(confusion), strict=True) if count == 0]


def per_class(confusion: npt.NDArray, classes: Sequence[str]) -> dict[str, dict[str, float | int]]:
    """Precision, recall, F1 and support of each class of one confusion matrix (K, K), by class name.

    The three scores are NaN for a class without samples.
    """
    columns = zip(classes, precision(confusion), recall(confusion), f1(confusion), support(confusion), strict=True)
    return {
        name: {"precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)}
        for name, p, r, f, n in columns
    }


def rounded(value: float | None) -> float | int | None:
    """Return a score with six decimals for JSON, which has no NaN: None for NaN and None, whole numbers unchanged."""
    if value is None or math.isnan(value):
        return None
    return value if isinstance(value, int) else round(float(value), 6)


def _hits(confusion: npt.NDArray) -> npt.NDArray:
    """Return the true positives (..., K)."""
    return np.diagonal(confusion, axis1=-2, axis2=-1)


def _divide(above: npt.NDArray, below: npt.NDArray) -> Scores:
    """Return the quotient as float64, NaN if the divisor is 0."""
    shape = np.broadcast_shapes(np.shape(above), np.shape(below))
    return np.divide(above, below, out=np.full(shape, np.nan), where=np.asarray(below) > 0)


def _mean_over_classes(values: Scores, name: str, allow_absent: bool) -> Scores:
    absent = np.isnan(values)
    if not allow_absent and absent.any():
        where = sorted({int(index) for index in np.nonzero(absent)[-1]})
        raise MetricError(
            f"{name} is a mean over all {values.shape[-1]} classes, but the class with index "
            f"{', '.join(map(str, where))} has no samples. Pool the predictions of all folds before scoring, "
            "or score over a class set in which every class occurs"
        )
    return values.mean(axis=-1)
