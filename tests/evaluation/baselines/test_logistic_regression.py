from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from mer.evaluation.baselines.logistic_regression import fit


def data(samples: int, size: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (N, D) and uneven classes (N,) that depend on them."""
    generator = np.random.default_rng(seed)
    targets = generator.choice(3, samples, p=(0.6, 0.3, 0.1))
    inputs = generator.normal(0, 1, (samples, size)) * generator.uniform(0.1, 5, size) + 3
    inputs[:, :3] += 2 * np.eye(3)[targets]
    return inputs, targets


@pytest.mark.parametrize(("samples", "size"), [(120, 10), (60, 300)])
def test_probabilities_equal_scikit_learn(samples: int, size: int) -> None:
    inputs, targets = data(samples, size)
    fresh, _ = data(50, size, seed=1)
    scaler = StandardScaler().fit(inputs)
    # the same penalty: inputs divided by sqrt(D)
    reference = LogisticRegression(class_weight="balanced", C=0.7, max_iter=5000, tol=1e-8)
    reference.fit(scaler.transform(inputs) / np.sqrt(size), targets)
    model = fit(inputs, targets, classes=3, inverse_penalty=0.7)
    expected = reference.predict_proba(scaler.transform(fresh) / np.sqrt(size))
    np.testing.assert_allclose(model.probabilities(fresh), expected, atol=2e-3)
    assert (model.predict(fresh) == expected.argmax(axis=1)).mean() > 0.97


def test_inputs_as_they_are() -> None:
    inputs, targets = data(100, 8)
    reference = LogisticRegression(class_weight="balanced", C=2.0, max_iter=5000, tol=1e-8).fit(inputs, targets)
    model = fit(inputs, targets, classes=3, inverse_penalty=2.0, standardise=False)
    np.testing.assert_allclose(model.probabilities(inputs), reference.predict_proba(inputs), atol=2e-3)


def test_a_class_without_a_sample_is_never_predicted_and_a_constant_input_is_no_trouble() -> None:
    inputs, targets = data(80, 6)
    inputs[:, 4] = 7.0
    model = fit(inputs[targets != 1], targets[targets != 1], classes=3)
    probabilities = model.probabilities(inputs)
    assert (probabilities[:, 1] == 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_one_class_is_the_answer_to_everything() -> None:
    inputs, _ = data(10, 4)
    assert (fit(inputs, np.full(10, 2), classes=3).predict(inputs) == 2).all()
