"""Multinomial logistic regression, class-balanced: the linear baseline on pixels and the probe of features.

Contract: fitted on what it is given and nothing else, without chance; inputs are centred and scaled by their own
training part, the penalty is fixed in advance. The loss is that of scikit-learn's `LogisticRegression` (lbfgs).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

#: Inverse strength of the L2 penalty on inputs of mean squared length 1; fixed, never chosen on scores.
INVERSE_PENALTY = 1.0


@dataclass(frozen=True)
class LinearModel:
    """A fitted model.

    Attributes:
        centre, scale: of the inputs (D,); a constant input has scale 1.
        weights: (D, K).
        bias: (K,).
    """

    centre: Floats
    scale: Floats
    weights: Floats
    bias: Floats

    def probabilities(self, inputs: npt.NDArray) -> Floats:
        """Class probabilities (N, K) of inputs (N, D)."""
        return softmax((inputs - self.centre) / self.scale @ self.weights + self.bias, axis=1)

    def predict(self, inputs: npt.NDArray) -> Indices:
        """Likeliest class (N,) of inputs (N, D)."""
        return self.probabilities(inputs).argmax(axis=1)


def fit(
    inputs: npt.NDArray,
    targets: Indices,
    *,
    classes: int,
    inverse_penalty: float = INVERSE_PENALTY,
    standardise: bool = True,
) -> LinearModel:
    """The model of inputs (N, D) and class indices (N,) that minimises balanced loss plus penalty.

    Every class weighs alike, whatever its samples; one without any is never predicted. Where inputs have more
    dimensions than samples, the same minimum is found in the span of the samples, which holds it.

    Args:
        inputs: (N, D).
        targets: (N,), 0..classes-1.
        classes: K.
        inverse_penalty: C of scikit-learn: the larger, the weaker the penalty.
        standardise: divide each input by its deviation and by sqrt(D), so that C means the same at any size.
    """
    inputs = np.asarray(inputs, dtype=np.float64)
    centre = inputs.mean(axis=0)
    deviation = inputs.std(axis=0)
    scale = (
        np.where(deviation > 1e-12, deviation, 1.0) * np.sqrt(inputs.shape[1]) if standardise else np.ones_like(centre)
    )
    if not standardise:
        centre = np.zeros_like(centre)
    scaled = (inputs - centre) / scale
    basis = None
    if scaled.shape[1] > len(scaled):
        basis, triangle = np.linalg.qr(scaled.T)
        scaled = triangle.T
    counts = np.bincount(targets, minlength=classes)
    shown = np.flatnonzero(counts)
    sample_weights = (len(targets) / (len(shown) * counts[targets]))[:, None]
    truth = (targets[:, None] == shown).astype(np.float64)
    size = (scaled.shape[1], len(shown))

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights, bias = flat[: size[0] * size[1]].reshape(size), flat[size[0] * size[1] :]
        logs = log_softmax(scaled @ weights + bias, axis=1)
        error = sample_weights * (np.exp(logs) - truth)
        value = -(sample_weights * truth * logs).sum() + (weights**2).sum() / (2 * inverse_penalty)
        slope = scaled.T @ error + weights / inverse_penalty
        return float(value), np.concatenate([slope.ravel(), error.sum(axis=0)])

    found = minimize(loss, np.zeros((size[0] + 1) * size[1]), jac=True, method="L-BFGS-B", options={"maxiter": 1000})
    weights, bias = found.x[: size[0] * size[1]].reshape(size), found.x[size[0] * size[1] :]
    if basis is not None:
        weights = basis @ weights
    everything = np.zeros((inputs.shape[1], classes))
    everything[:, shown] = weights
    offsets = np.full(classes, -np.inf)
    offsets[shown] = bias
    return LinearModel(centre, scale, everything, offsets)
