"""Turn class probabilities into classes: the likeliest one, corrected for class shares, or for the best expected UF1.

Contract: pure functions of arrays; K classes, N samples, shares (K,) that sum to 1. A network that was trained on
balanced classes gives probabilities for even shares. `correct_shares` gives those for the shares that are expected
(Saerens, Latinne and Decaestecker, Neural Computation 14, 2002). `uf1_costs` finds the rule with the highest expected
UF1: UF1 is a sum of quotients of counts, so at an optimum each sample goes to the class with the largest
w_k (p_k - F_k / 2), with w_k = 2 / (expected + predicted count) and F_k = the expected F1 of class k (for the F1 of one
class, Lipton, Elkan and Narayanaswamy, ECML 2014; for several, Narasimhan et al., ICML 2015).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

#: Strengths that an inner split may choose from: 0 = no correction, 1 = the whole one.
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
#: The shares of a data set lean on those of all training clips as if it had so many more clips in these shares.
PSEUDO_CLIPS = 10.0
#: Temperatures that a calibration may choose from, evenly spaced logarithms (Guo et al., ICML 2017).
TEMPERATURES = np.exp(np.linspace(np.log(0.2), np.log(5.0), 65))


@dataclass(frozen=True)
class Costs:
    """Each class' weight (K,) and offset (K,): a sample goes to the class with the largest weight * (p - offset)."""

    weight: Array
    offset: Array


def class_shares(targets: Indices, classes: int) -> Array:
    """Return the shares (K,) of classes among samples (n,), each class counted once more so that none has share 0."""
    counts = np.bincount(targets, minlength=classes) + 1.0
    return counts / counts.sum()


def shares_by_group(targets: Indices, groups: npt.ArrayLike, classes: int) -> dict[str, Array]:
    """Return the class shares (K,) of each group of samples, e.g. data set, drawn to those of all; key "" for all.

    Args:
        targets: class of each sample (n,).
        groups: its group (n,).
        classes: K.
    """
    names, everyone = np.asarray(groups, dtype=str), class_shares(targets, classes)
    found = {"": everyone}
    for name in np.unique(names):
        counts = np.bincount(targets[names == name], minlength=classes) + PSEUDO_CLIPS * everyone
        found[str(name)] = counts / counts.sum()
    return found


def correct_shares(probabilities: Array, trained: Array, expected: Array, strength: float = 1.0) -> Array:
    """Return probabilities (N, K) for expected shares in place of those that the classes had in training.

    Args:
        probabilities: (N, K), rows sum to 1.
        trained: shares (K,) of the classes in the batches of the training, above 0.
        expected: shares (K,), or (N, K) of each sample.
        strength: power of the quotient of both, 0..1; 0 changes nothing.
    """
    found = probabilities * (np.asarray(expected) / trained) ** strength
    return found / found.sum(axis=1, keepdims=True)


def expected_rows(shares: Mapping[str, Array], groups: npt.ArrayLike, otherwise: Array) -> Array:
    """Return the shares (N, K) of each sample's group, `otherwise` (K,) where the group is not known."""
    return np.stack([shares.get(str(name), otherwise) for name in np.asarray(groups, dtype=str)])


def with_temperature(probabilities: Array, temperature: float) -> Array:
    """Return p^(1/T), normalised, (N, K); above 1 the probabilities become more alike."""
    found = np.maximum(probabilities, 1e-12) ** (1 / temperature)
    return found / found.sum(axis=1, keepdims=True)


def expected_uf1(probabilities: Array, decided: Indices) -> float:
    """Return UF1 with each count replaced by its expectation; a class neither expected nor predicted counts as 0.

    Args:
        probabilities: calibrated (N, K).
        decided: class index of each sample (N,).
    """
    hits, predicted = _counts(probabilities, decided)
    return float(np.mean(2 * hits / np.maximum(probabilities.sum(axis=0) + predicted, 1e-12)))


def maximise_expected_uf1(probabilities: Array) -> Indices:
    """Return the class indices (N,) with the highest `expected_uf1` found: fixed points, then single changes.

    Each start favours rare classes by another power. From it, samples go to the class with the largest gain until
    nothing changes; then the best single change is made as long as one raises the score.
    """
    shares = np.maximum(probabilities.mean(axis=0), 1e-12)
    starts = [(probabilities / shares**power).argmax(axis=1) for power in np.linspace(0, 1.5, 7)]
    ends = [_fixed_point(probabilities, start) for start in starts]
    return _climb(probabilities, max(ends, key=lambda one: expected_uf1(probabilities, one)))


def uf1_costs(probabilities: Array) -> Costs:
    """Return the costs by which single samples are decided so that UF1 over samples like these is highest.

    Args:
        probabilities: calibrated (N, K), of samples like those to be decided.
    """
    return _costs(probabilities, maximise_expected_uf1(probabilities))


def decide(probabilities: Array, costs: Costs | None = None) -> Indices:
    """Return the class (N,) of each sample: the likeliest, or with costs the one with the largest gain."""
    return (probabilities if costs is None else costs.weight * (probabilities - costs.offset)).argmax(axis=1)


def _counts(probabilities: Array, decided: Indices) -> tuple[Array, Array]:
    """Expected true positives (K,) and predicted samples (K,)."""
    chosen = np.eye(probabilities.shape[1])[decided]
    return (probabilities * chosen).sum(axis=0), chosen.sum(axis=0)


def _costs(probabilities: Array, decided: Indices) -> Costs:
    """Costs that are the derivative of the expected UF1 at these decisions."""
    hits, predicted = _counts(probabilities, decided)
    below = np.maximum(probabilities.sum(axis=0) + predicted, 1e-12)
    return Costs(2 / below, hits / below)


def _fixed_point(probabilities: Array, decided: Indices, rounds: int = 50) -> Indices:
    """Decide anew by the costs of the last decisions as long as the expected UF1 rises."""
    score = expected_uf1(probabilities, decided)
    for _ in range(rounds):
        following = decide(probabilities, _costs(probabilities, decided))
        found = expected_uf1(probabilities, following)
        if found <= score:
            break
        decided, score = following, found
    return decided


def _climb(probabilities: Array, decided: Indices) -> Indices:
    """Make the best change of a single sample as long as one raises the expected UF1."""
    decided, rows = decided.copy(), np.arange(len(probabilities))
    mass, classes = probabilities.sum(axis=0), range(probabilities.shape[1])
    while True:
        hits, predicted = _counts(probabilities, decided)
        own = probabilities[rows, decided]
        now = 2 * hits / np.maximum(mass + predicted, 1e-12)
        less = 2 * (hits[decided] - own) / np.maximum(mass[decided] + predicted[decided] - 1, 1e-12) - now[decided]
        more = [2 * (hits[k] + probabilities[:, k]) / (mass[k] + predicted[k] + 1) - now[k] for k in classes]
        gains = np.stack(more, axis=1) + less[:, None]
        gains[rows, decided] = 0.0
        row, other = np.unravel_index(gains.argmax(), gains.shape)
        if gains[row, other] <= 1e-12:
            return decided
        decided[row] = other
