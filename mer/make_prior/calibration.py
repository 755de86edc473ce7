"""Fit what corrects the probabilities of a recogniser, and from which value on they are believed.

Contract: pure functions of a recogniser and of inputs with truth that did not train it. The fit goes through the very
function that answers later (`calibrated`), mirror image included. Sources: temperature, Guo et al., On calibration of
modern neural networks, ICML 2017; slope and offset of each unit, Platt, Probabilistic outputs for support vector
machines, 1999.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit

from mer.evaluation.units.thresholds import best_threshold
from mer.video.answers.recognisers import Recogniser, Values, calibrated

#: Temperatures that are looked at.
TEMPERATURES = (0.2, 5.0)
#: Share of answers from `uncertain_below` on that must be right, and the values that are tried.
RIGHT, TRIED = 0.85, np.arange(0.34, 0.91, 0.02)
#: Weight of the distance from slope 1 and offset 0 in the fit of a unit, in clips: rare units stay near.
TRUST = 0.1

Inputs = npt.NDArray[np.float32]


def calibrate_classes(one: Recogniser, inputs: Inputs, targets: npt.NDArray[np.int64]) -> dict[str, Any]:
    """Return the entry `calibration` of a card: the temperature with the least log loss, and `uncertain_below`.

    Args:
        one: recognises K classes.
        inputs: (N, C, S, S).
        targets: (N,), index of the class, -1 where the clip shows none of them: such clips have no right answer.
    """
    count, both, known = len(one.names), one.logits(inputs), targets >= 0

    def at(temperature: float) -> Values:
        return calibrated(both, {"slope": [1 / temperature], "offset": [0.0]}, units=False)

    def loss(log_temperature: float) -> float:
        found = at(float(np.exp(log_temperature)))[known]
        return float(-np.log(np.maximum(found[np.arange(len(found)), targets[known]], 1e-12)).mean())

    low, high = np.log(TEMPERATURES)
    temperature = float(np.exp(minimize_scalar(loss, bounds=(low, high), method="bounded").x))
    return {
        "temperature": round(temperature, 4),
        "slope": [round(1 / temperature, 6)] * count,
        "offset": [0.0] * count,
        "uncertain_below": uncertain_below(at(temperature), targets),
    }


def uncertain_below(probabilities: Values, targets: npt.NDArray[np.int64]) -> float:
    """Return the lowest probability of the answer from which on the share `RIGHT` of the answers is right."""
    sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == targets
    for value in TRIED:
        kept = sure >= value
        if kept.any() and right[kept].mean() >= RIGHT:
            return round(float(value), 2)
    return round(float(TRIED[-1]), 2)


def calibrate_units(one: Recogniser, inputs: Inputs, targets: npt.NDArray[np.int8]) -> dict[str, Any]:
    """Return the entry `calibration` of a card: slope, offset and the threshold with the best F1 of each unit.

    Args:
        one: recognises K units.
        inputs: (N, C, S, S).
        targets: (N, K), 1 shown, 0 not.
    """
    both = one.logits(inputs)
    found: dict[str, list[float]] = {"slope": [], "offset": [], "threshold": []}
    for k in range(len(one.names)):
        slope, offset = _platt(both[..., k], targets[:, k] == 1)
        found["slope"].append(round(slope, 6))
        found["offset"].append(round(offset, 6))
        probabilities = calibrated(both[..., [k]], {"slope": [slope], "offset": [offset]}, units=True)[:, 0]
        found["threshold"].append(round(best_threshold(targets[:, k], probabilities), 4))
    return dict(found)


def _platt(logits: Values, shown: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Return slope and offset for the logits (2, N) of inputs and their mirror images."""

    def loss(values: Values) -> float:
        probabilities = expit(values[0] * logits + values[1]).mean(axis=0)
        right = np.where(shown, probabilities, 1 - probabilities)
        fit = -np.log(np.maximum(right, 1e-12)).sum()
        return float(fit + TRUST * ((values[0] - 1) ** 2 + values[1] ** 2))

    found = minimize(loss, np.array([1.0, 0.0]), method="BFGS", jac="3-point")
    return float(found.x[0]), float(found.x[1])
