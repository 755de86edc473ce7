"""Test whether features identify people, and whether the emotion score depends on this.

Contract: pure functions of features (N, D); linear models, fixed in advance. Identity is measured on clips that the
probe was not fitted on. What explains a score is asked as amnesic probing asks it: take the directions in which people
differ out of the features, and as many random ones for comparison, and see what is left of the emotion.
Source: Elazar et al., Amnesic probing, TACL 2021.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mer.evaluation.baselines.logistic_regression import fit
from mer.utils.seeding import seed_from

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

#: Share of the variance between people that the removed directions hold; at most half of all directions go.
REMOVED = 0.9


@dataclass(frozen=True)
class Identity:
    """Accuracy of a linear probe that identifies the person of unseen clips.

    Attributes:
        accuracy: share named right, 0..1.
        chance: share reached by always naming the person with the most clips.
        samples, subjects: clips tested, people told apart.
    """

    accuracy: float
    chance: float
    samples: int
    subjects: int


def identity(features: npt.NDArray, subjects: npt.NDArray, *, seed: int) -> Identity | None:
    """Fit a probe of identity on half of each person's clips, and test it on the other half.

    People with one clip are left out; None where fewer than two people are left.
    """
    generator = np.random.default_rng(seed_from(seed, "identity"))
    train, test = [], []
    for name in sorted(set(subjects.tolist())):
        rows = generator.permutation(np.flatnonzero(subjects == name))
        if len(rows) > 1:
            train.append(rows[: (len(rows) + 1) // 2])
            test.append(rows[(len(rows) + 1) // 2 :])
    if len(train) < 2:
        return None
    targets, truth = (np.repeat(np.arange(len(part)), [len(rows) for rows in part]) for part in (train, test))
    model = fit(features[np.concatenate(train)], targets, classes=len(train))
    right = model.predict(features[np.concatenate(test)]) == truth
    return Identity(float(right.mean()), float(np.bincount(truth).max() / len(truth)), len(truth), len(train))


def identity_directions(features: npt.NDArray, subjects: npt.NDArray, targets: Indices) -> Floats:
    """Return orthonormal directions (D, Q) with `REMOVED` of the variance between people, at most D / 2.

    Means of classes are taken off first: a person who shows one emotion more often than others differs from them in
    that emotion, which is not identity.
    """
    residual = np.asarray(features, dtype=np.float64).copy()
    for label in np.unique(targets):
        residual[targets == label] -= residual[targets == label].mean(axis=0)
    names = np.unique(subjects)
    means = np.stack([residual[subjects == name].mean(axis=0) for name in names])
    weights = np.sqrt([(subjects == name).sum() for name in names])
    _, sizes, rows = np.linalg.svd(weights[:, None] * means, full_matrices=False)
    if not sizes.any():
        return np.zeros((residual.shape[1], 0))
    share = np.cumsum(sizes**2) / (sizes**2).sum()
    count = int(min(np.searchsorted(share, REMOVED) + 1, residual.shape[1] // 2))
    return rows[:count].T


def random_directions(size: int, count: int, *, seed: int) -> Floats:
    """Return random orthonormal directions (D, Q), uniform."""
    drawn = np.random.default_rng(seed_from(seed, "directions")).normal(size=(size, count))
    return np.linalg.qr(drawn)[0]


def project_out(features: npt.NDArray, directions: Floats) -> Floats:
    """Return features (N, D) without their components along orthonormal directions (D, Q)."""
    return features - (features @ directions) @ directions.T
