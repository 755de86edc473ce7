"""UF1 and UAR as torchmetrics classes: equal to our functions and to scikit-learn, batch by batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, recall_score

from mer.evaluation import metrics
from mer.evaluation.metric_modules import UnweightedAverageRecall, UnweightedF1

PAIRS = [(UnweightedF1, metrics.uf1, f1_score), (UnweightedAverageRecall, metrics.uar, recall_score)]


@pytest.mark.parametrize(("kind", "function", "reference"), PAIRS)
@pytest.mark.parametrize("classes", [2, 3, 5, 11])
def test_they_equal_our_functions_and_scikit_learn(kind, function, reference, classes):
    rng = np.random.default_rng(classes)
    truth = np.concatenate([np.arange(classes), rng.integers(0, classes, 50)])
    guess = rng.integers(0, classes, len(truth))
    metric = kind(classes)
    for part in np.array_split(np.arange(len(truth)), 4):
        metric.update(torch.from_numpy(guess[part]), torch.from_numpy(truth[part]))
    found = float(metric.compute())
    assert found == float(function(metrics.confusion_matrix(truth, guess, classes=classes)))
    assert found == pytest.approx(reference(truth, guess, average="macro"), abs=1e-12)


@pytest.mark.parametrize(("kind", "function", "reference"), PAIRS)
def test_a_class_without_samples_makes_the_score_undefined_or_is_left_out(kind, function, reference):
    truth, guess = np.array([0, 0, 1, 1, 1]), np.array([0, 2, 1, 1, 0])  # class 2 is predicted, and there are none
    plain, skipping = kind(3), kind(3, absent="skip")
    for metric in (plain, skipping):
        metric.update(torch.from_numpy(guess), torch.from_numpy(truth))
    assert np.isnan(float(plain.compute()))
    assert np.isnan(function(metrics.confusion_matrix(truth, guess, classes=3), allow_absent=True))
    assert float(skipping.compute()) == pytest.approx(reference(truth, guess, average="macro", labels=[0, 1]))


def test_without_samples_nothing_is_claimed_and_a_reset_begins_anew():
    metric = UnweightedF1(2, absent="skip")
    metric.update(torch.tensor([0, 1]), torch.tensor([0, 1]))
    assert float(metric.compute()) == 1.0
    metric.reset()
    metric.update(torch.tensor([1, 0]), torch.tensor([0, 1]))
    assert float(metric.compute()) == 0.0
    empty = UnweightedF1(2, absent="skip")
    empty.update(torch.tensor([], dtype=torch.long), torch.tensor([], dtype=torch.long))
    assert np.isnan(float(empty.compute()))


def test_logits_count_by_their_largest_value():
    metric = UnweightedAverageRecall(3)
    metric.update(torch.eye(3), torch.tensor([0, 1, 2]))
    assert float(metric.compute()) == 1.0


def test_a_wrong_choice_is_refused():
    with pytest.raises(ValueError, match="absent: expected one of nan, skip"):
        UnweightedF1(3, absent="zero")


@pytest.mark.parametrize(("kind", "function", "reference"), PAIRS)
def test_processes_add_their_counts_before_the_score(kind, function, reference):
    truth, guess = np.array([0, 0, 1, 1, 2, 2, 2]), np.array([0, 2, 1, 1, 2, 0, 2])
    first, second = slice(0, 4), slice(4, 7)  # the first process has no sample of class 2, the second no other
    other = kind(3)
    other.update(torch.from_numpy(guess[second]), torch.from_numpy(truth[second]))
    metric = kind(3, distributed_available_fn=lambda: True, dist_sync_fn=lambda counts, group: [counts, other.confmat])
    metric.update(torch.from_numpy(guess[first]), torch.from_numpy(truth[first]))
    assert float(metric.compute()) == pytest.approx(reference(truth, guess, average="macro"))
