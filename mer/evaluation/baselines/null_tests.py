"""Compute the linear baseline and turn null tests into verdicts.

Contract: pure functions. A verdict is a sentence with the numbers in it; a test that could not be made says why. The
random baseline of a run is what chance reaches on its very samples and folds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from mer.data.samples.table import SampleTable
from mer.evaluation.baselines.logistic_regression import fit
from mer.evaluation.predictions import PROBABILITY_PREFIX
from mer.protocols.registry import Fold

#: Longest side in pixels of what the linear baseline sees; larger inputs are averaged down.
LINEAR_SIDE = 28


def linear_inputs(inputs: npt.NDArray) -> npt.NDArray[np.float64]:
    """Return inputs (N, C, S, S) as rows (N, D), with sides above `LINEAR_SIDE` averaged down to it."""
    count, channels, height, width = inputs.shape
    if max(height, width) <= LINEAR_SIDE:
        return np.asarray(inputs, dtype=np.float64).reshape(count, -1)
    size = (LINEAR_SIDE, LINEAR_SIDE)
    small = np.empty((count, channels, *size))
    for row, image in enumerate(inputs):
        for channel, plane in enumerate(image):
            small[row, channel] = cv2.resize(plane.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return small.reshape(count, -1)


def linear_predictions(inputs: npt.NDArray, table: SampleTable, folds: Sequence[Fold]) -> list[pd.DataFrame]:
    """Return the predictions of each fold by class-balanced logistic regression on inputs.

    It is fitted on the fold's training part; the inner split is not used. Every fold must have a training part.
    """
    rows, frame, targets = linear_inputs(inputs), table.frame, table.targets
    place = {sample: row for row, sample in enumerate(frame["sample_id"])}
    found = []
    for fold in folds:
        train, test = ([place[sample] for sample in part] for part in (fold.train, fold.test))
        model = fit(rows[train], targets[train], classes=len(table.classes))
        probabilities = model.probabilities(rows[test])
        part = frame.iloc[test][["sample_id", "dataset", "subject", "label"]].reset_index(drop=True)
        part.insert(3, "fold", fold.name)
        part["predicted"] = [table.classes[k] for k in probabilities.argmax(axis=1)]
        for k, name in enumerate(table.classes):
            part[f"{PROBABILITY_PREFIX}{name}"] = probabilities[:, k]
        found.append(part)
    return found


def chance_verdict(results: Mapping[str, Any], metric: str = "uf1") -> dict[str, Any]:
    """A null run's score beside chance on the same samples, and whether it fell to it.

    Returns:
        `value`, `low`, `high` (interval over subjects) of the score; `chance`, `chance_low`, `chance_high` of drawing
        labels with the training shares; `constant`: of the constant guess; `passed`: the score is no higher than
        chance's central range or the constant guess, or None where a number is not defined or where it is higher and
        the weights may know the task (`may_know`); `verdict` in words.
    """
    score, drawn = results["scores"]["all"][metric], results["baselines"].get("stratified", {}).get(metric, {})
    fixed = results["baselines"].get("constant", {}).get(metric, {}).get("value")
    row = {
        "value": score["value"],
        "low": score["low"],
        "high": score["high"],
        "chance": drawn.get("value"),
        "chance_low": drawn.get("low"),
        "chance_high": drawn.get("high"),
        "constant": fixed,
    }
    if score["value"] is None or drawn.get("high") is None:
        return {**row, "passed": None, "verdict": "The score or chance is not defined."}
    most = max(drawn["high"], fixed or 0.0)
    passed: bool | None = score["value"] <= most
    known = ""
    if not passed and may_know(results):
        passed, known = None, " No fault of the machinery by that: the file of init.path was trained on true labels."
    side = "no higher than" if score["value"] <= most else "HIGHER than"
    return {
        **row,
        "passed": passed,
        "verdict": f"UF1 {score['value']:.3f}, {side} chance reaches ({drawn['value']:.3f}, central 95% "
        f"{drawn['low']:.3f} to {drawn['high']:.3f}; constant guess {fixed or 0:.3f}).{known}",
    }


def may_know(results: Mapping[str, Any]) -> bool:
    """Return whether a run on shuffled labels begins with weights that may have been trained on true labels.

    What such weights know of the task survives a training on shuffled labels in part, so that a score above chance is
    no fault of the machinery.
    """
    begun = (results.get("leaks") or {}).get("weights")
    return results.get("null") == "permuted_labels" and begun in ("known", "unknown")


def linear_verdict(linear: Mapping[str, Any], score: float | None) -> str:
    """Compare the network with the linear baseline, in one sentence."""
    value = linear["uf1"]["value"]
    if value is None or score is None:
        return "UF1 of the network or of the baseline is not defined."
    if score > value:
        return f"The network's UF1 {score:.3f} lies {score - value:.3f} above that of a linear model, {value:.3f}."
    return f"The network's UF1 {score:.3f} does NOT exceed that of a linear model on the same pixels, {value:.3f}."


def probe_verdict(probe: Mapping[str, Any]) -> str:
    """Say what the identity probe found, in two sentences."""
    told = (
        f"A linear probe names the person in {probe['features']:.0%} of clips from the features and in "
        f"{probe['pixels']:.0%} from the pixels (chance {probe['chance']:.0%}, {probe['subjects']} people)."
    )
    kept = (
        f"A linear emotion classifier on the features of {probe['folds']} folds is right in {probe['emotion']:.0%} of "
        f"their held-out clips, in {probe['emotion_without']:.0%} once the {probe['directions']} directions of "
        f"identity are taken out, in {probe['emotion_random']:.0%} without as many random ones"
    )
    lost = probe["emotion_random"] - probe["emotion_without"]
    if lost > 2 * probe["emotion_error"]:
        return f"{told} {kept}: part of the score goes with identity."
    return f"{told} {kept}: no more lost than by chance, so nothing shows that the score lives on identity."
