"""Fit class-balanced multinomial logistic regression: the linear baseline on pixels and the probe of features.

Contract: fitted on what it is given and nothing else, without chance; inputs are centred and scaled by their own
training part, the penalty is fixed in advance. scikit-learn does the work and is loaded at the first fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

#: Inverse strength of the L2 penalty on inputs of mean squared length 1; fixed, never chosen on scores.
INVERSE_PENALTY = 1.0


@dataclass(frozen=True)
class LinearModel:
    """A fitted model.

    Attributes:
        present: classes with a training sample, sorted.
        classes: how many there are in all, K.
        pipeline: of scikit-learn, over `present`; None where only one class was present.
    """

    present: Indices
    classes: int
    pipeline: Any

    def probabilities(self, inputs: npt.NDArray) -> Floats:
        """Return class probabilities (N, K) of inputs (N, D); 0 for a class without a training sample."""
        found = np.zeros((len(inputs), self.classes))
        found[:, self.present] = 1.0 if self.pipeline is None else self.pipeline.predict_proba(inputs)
        return found

    def predict(self, inputs: npt.NDArray) -> Indices:
        """Return the likeliest class (N,) of inputs (N, D)."""
        return self.probabilities(inputs).argmax(axis=1)


def fit(
    inputs: npt.NDArray,
    targets: Indices,
    *,
    classes: int,
    inverse_penalty: float = INVERSE_PENALTY,
    standardise: bool = True,
) -> LinearModel:
    """Return the model that minimises class-balanced cross-entropy plus an L2 penalty.

    Args:
        inputs: (N, D).
        targets: (N,), 0..classes-1.
        classes: K.
        inverse_penalty: C of scikit-learn: the larger, the weaker the penalty.
        standardise: divide each input by its deviation and by sqrt(D), so that C means the same at any size.
    """
    present = np.unique(targets)
    if len(present) == 1:
        return LinearModel(present, classes, None)
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    # inputs divided by sqrt(D) under C are inputs as they are under C / D
    strength = inverse_penalty / inputs.shape[1] if standardise else inverse_penalty
    # scikit-learn has one weight vector for two classes, where one a class pays half the penalty
    strength *= 2 if len(present) == 2 else 1
    scaler = StandardScaler() if standardise else "passthrough"
    model = LogisticRegression(C=strength, class_weight="balanced", max_iter=5000, tol=1e-6)
    pipeline = make_pipeline(scaler, model).fit(np.asarray(inputs, dtype=np.float64), targets)
    return LinearModel(present, classes, pipeline)
