from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from mer.evaluation.baselines.logistic_regression import fit


def data(samples: int, size: int, *, seed: int = 0, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (N, D) and uneven classes (N,) that depend on them."""
    generator = np.random.default_rng(seed)
    shares = np.array([0.6, 0.3, 0.1])[:classes]
    targets = generator.choice(classes, samples, p=shares / shares.sum())
    inputs = generator.normal(0, 1, (samples, size)) * generator.uniform(0.1, 5, size) + 3
    inputs[:, :classes] += 2 * np.eye(classes)[targets]
    return inputs, targets


def by_definition(inputs: np.ndarray, targets: np.ndarray, fresh: np.ndarray, inverse_penalty: float) -> np.ndarray:
    """Probabilities of fresh inputs: one weight vector a class, every class weighs alike, (|W|^2) / 2C is added."""
    truth = np.eye(targets.max() + 1)[targets]
    weight = (len(targets) / (truth.shape[1] * truth.sum(axis=0)))[targets][:, None]
    shape = (inputs.shape[1] + 1, truth.shape[1])

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights, bias = flat.reshape(shape)[:-1], flat.reshape(shape)[-1]
        logs = log_softmax(inputs @ weights + bias, axis=1)
        error = weight * (np.exp(logs) - truth)
        slope = np.vstack([inputs.T @ error + weights / inverse_penalty, error.sum(axis=0)])
        return -(weight * truth * logs).sum() + (weights**2).sum() / (2 * inverse_penalty), slope.ravel()

    options = {"maxiter": 20_000, "ftol": 1e-14, "gtol": 1e-8}
    found = minimize(loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options=options).x.reshape(shape)
    return softmax(fresh @ found[:-1] + found[-1], axis=1)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(("samples", "size"), [(120, 10), (60, 300)])
def test_probabilities_are_those_of_the_definition(samples: int, size: int, classes: int) -> None:
    inputs, targets = data(samples, size, classes=classes)
    fresh, _ = data(50, size, seed=1, classes=classes)
    centre, scale = inputs.mean(axis=0), inputs.std(axis=0) * np.sqrt(size)
    model = fit(inputs, targets, classes=classes, inverse_penalty=0.7)
    expected = by_definition((inputs - centre) / scale, targets, (fresh - centre) / scale, 0.7)
    np.testing.assert_allclose(model.probabilities(fresh), expected, atol=1e-3)
    assert (model.predict(fresh) == expected.argmax(axis=1)).mean() > 0.97


def test_inputs_as_they_are() -> None:
    inputs, targets = data(100, 8)
    model = fit(inputs, targets, classes=3, inverse_penalty=2.0, standardise=False)
    np.testing.assert_allclose(model.probabilities(inputs), by_definition(inputs, targets, inputs, 2.0), atol=1e-3)


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
