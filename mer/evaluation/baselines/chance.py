"""Score guesses made without looking at a face, constant and random, for comparison with every result.

Contract: a baseline is fitted like a model, on the training part of each fold, and scored like one, pooled over folds.
Nothing but labels enters. Random baselines are drawn many times: mean and central 95% range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mer.evaluation.metrics import METRICS, Counts, confusion_matrix
from mer.utils.seeding import seed_from

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class FoldLabels:
    """The part of a fold that a baseline may use.

    Attributes:
        train: class indices of the training samples (N,).
        test: class indices of the test samples (M,).
    """

    train: Indices
    test: Indices


@dataclass(frozen=True)
class Baseline:
    """Scores of one baseline by metric name.

    Attributes:
        description: what it does, one sentence.
        value: mean over draws (the score itself for a baseline without chance), NaN where not defined.
        low, high: central 95% range over draws; NaN for a baseline without chance.
    """

    description: str
    value: dict[str, float]
    low: dict[str, float]
    high: dict[str, float]


def constant(folds: Sequence[FoldLabels], classes: Sequence[str]) -> Baseline:
    """Scores of predicting each fold's most frequent training class (the first in class order on a tie)."""
    size = len(classes)
    chosen = [int(np.bincount(fold.train, minlength=size).argmax()) for fold in folds]
    counts = np.zeros((size, size), dtype=np.int64)
    for fold, guess in zip(folds, chosen, strict=True):
        counts += confusion_matrix(fold.test, np.full(fold.test.shape, guess), classes=size)
    names = [classes[index] for index in sorted(set(chosen), key=lambda index: (-chosen.count(index), index))]
    value = {name: float(metric(counts)) for name, metric in METRICS.items()}
    none = dict.fromkeys(METRICS, float("nan"))
    return Baseline(f"Always the training fold's most frequent class ({', '.join(names)}).", value, none, none)


def stratified(folds: Sequence[FoldLabels], classes: Sequence[str], *, draws: int, seed: int) -> Baseline:
    """Scores of drawing each label with the class frequencies of the training fold."""
    shares = [np.bincount(fold.train, minlength=len(classes)) / max(len(fold.train), 1) for fold in folds]
    counts = _random_counts(folds, shares, draws=draws, seed=seed_from(seed, "baseline", "stratified"))
    return _over_draws("Labels drawn at random with the class frequencies of the training fold.", counts)


def uniform(folds: Sequence[FoldLabels], classes: Sequence[str], *, draws: int, seed: int) -> Baseline:
    """Scores of drawing each label with equal probabilities."""
    shares = [np.full(len(classes), 1 / len(classes))] * len(folds)
    counts = _random_counts(folds, shares, draws=draws, seed=seed_from(seed, "baseline", "uniform"))
    return _over_draws("Labels drawn at random, every class equally likely.", counts)


def all_baselines(folds: Sequence[FoldLabels], classes: Sequence[str], *, draws: int, seed: int) -> dict[str, Baseline]:
    """Return every baseline by name; if a fold has no training samples, only the uniform one."""
    if not all(len(fold.train) for fold in folds):
        return {"uniform": uniform(folds, classes, draws=draws, seed=seed)}
    return {
        "constant": constant(folds, classes),
        "stratified": stratified(folds, classes, draws=draws, seed=seed),
        "uniform": uniform(folds, classes, draws=draws, seed=seed),
    }


def _random_counts(
    folds: Sequence[FoldLabels], shares: Sequence[npt.NDArray[np.float64]], *, draws: int, seed: int
) -> Counts:
    """Return pooled confusion matrices (D, K, K) of labels drawn with `shares` (K,), one vector per fold."""
    size = len(shares[0]) if shares else 0
    generator = np.random.default_rng(seed)
    counts = np.zeros(draws * size * size, dtype=np.int64)
    first = np.arange(draws)[:, None] * size * size
    for fold, share in zip(folds, shares, strict=True):
        # the last bound is left out, so that rounding of the sum cannot yield an index of K
        bounds = np.cumsum(share)[:-1]
        guess = np.searchsorted(bounds, generator.random((draws, len(fold.test))), side="right")
        counts += np.bincount((first + fold.test * size + guess).ravel(), minlength=counts.size)
    return counts.reshape(draws, size, size)


def _over_draws(description: str, counts: Counts) -> Baseline:
    """Return mean and central 95% range over draws; a score is undefined if a class has no samples."""
    scores = {name: metric(counts) for name, metric in METRICS.items()}
    bounds = {name: np.quantile(values, [0.025, 0.975]) for name, values in scores.items()}
    return Baseline(
        description,
        {name: float(values.mean()) for name, values in scores.items()},
        {name: float(low) for name, (low, _) in bounds.items()},
        {name: float(high) for name, (_, high) in bounds.items()},
    )
