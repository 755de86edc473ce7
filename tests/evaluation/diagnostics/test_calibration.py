from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss
from torchmetrics.functional.classification import multiclass_calibration_error

from mer.evaluation.diagnostics.calibration import calibration

CLASSES = ("a", "b", "c")


def table(probabilities: np.ndarray, truth: np.ndarray) -> pd.DataFrame:
    guess = probabilities.argmax(axis=1)
    frame = pd.DataFrame({"label": np.array(CLASSES)[truth], "predicted": np.array(CLASSES)[guess]})
    return frame.assign(**{f"prob_{name}": probabilities[:, k] for k, name in enumerate(CLASSES)})


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), size=st.integers(1, 200), bins=st.sampled_from([5, 10, 15]))
def test_scores_equal_torchmetrics_and_scikit_learn(seed: int, size: int, bins: int) -> None:
    generator = np.random.default_rng(seed)
    probabilities, truth = generator.dirichlet(np.ones(3) * 0.7, size), generator.integers(0, 3, size)
    found = calibration(table(probabilities, truth), CLASSES, bins=bins)
    ece = multiclass_calibration_error(
        torch.tensor(probabilities), torch.tensor(truth), num_classes=3, n_bins=bins, norm="l1"
    )
    assert found["ece"] == pytest.approx(float(ece), abs=2e-6)
    by_class = [brier_score_loss(truth == k, probabilities[:, k], pos_label=True) for k in range(3)]
    assert found["brier"] == pytest.approx(sum(by_class), abs=2e-6)
    shares = np.bincount(truth, minlength=3) / size
    constant = [brier_score_loss(truth == k, np.full(size, shares[k]), pos_label=True) for k in range(3)]
    assert found["brier_shares"] == pytest.approx(sum(constant), abs=2e-6)
    assert sum(row["samples"] for row in found["bins"]) == size


def test_bins_hold_confidence_and_accuracy() -> None:
    probabilities = np.array([[0.9, 0.1, 0], [0.88, 0.12, 0], [0.2, 0.6, 0.2], [1, 0, 0]])
    found = calibration(table(probabilities, np.array([0, 1, 1, 0])), CLASSES)
    rows = {row["high"]: row for row in found["bins"]}
    assert len(rows) == 10
    assert rows[0.9] == {"low": 0.8, "high": 0.9, "samples": 2, "confidence": 0.89, "accuracy": 0.5}
    assert rows[0.6]["samples"] == 1 and rows[1.0]["samples"] == 1
    assert rows[0.1]["confidence"] is None
    assert found["ece"] == pytest.approx((2 * 0.39 + 0.4 + 0) / 4)
    assert found["confidence"] == pytest.approx(0.845)


def test_certain_and_right_is_perfect_and_nothing_is_nothing() -> None:
    found = calibration(table(np.eye(3), np.arange(3)), CLASSES)
    assert (found["ece"], found["brier"]) == (0, 0)
    assert found["brier_shares"] == pytest.approx(2 / 3, abs=1e-6)
    empty = calibration(table(np.eye(3), np.arange(3)).iloc[:0], CLASSES)
    assert (empty["ece"], empty["bins"]) == (None, [])
