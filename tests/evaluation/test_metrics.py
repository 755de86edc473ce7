from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sk
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.functional.classification import multiclass_confusion_matrix, multiclass_f1_score, multiclass_recall

from mer.evaluation.metrics import (
    METRICS,
    MetricError,
    absent_classes,
    accuracy,
    confusion_matrix,
    f1,
    per_class,
    precision,
    recall,
    uar,
    uf1,
    weighted_f1,
)


@st.composite
def labelled(draw: st.DrawFn, least: int = 2, most: int = 6) -> tuple[np.ndarray, np.ndarray, int]:
    """Targets with every class present, predictions of any kind, number of classes."""
    classes = draw(st.integers(least, most))
    extra = draw(st.lists(st.integers(0, classes - 1), max_size=40))
    targets = np.array([*range(classes), *extra])
    guess = draw(st.lists(st.integers(0, classes - 1), min_size=len(targets), max_size=len(targets)))
    return targets, np.array(guess), classes


@given(labelled())
def test_scores_equal_scikit_learn(sample: tuple[np.ndarray, np.ndarray, int]) -> None:
    targets, guess, classes = sample
    names = list(range(classes))
    counts = confusion_matrix(targets, guess, classes=classes)
    np.testing.assert_array_equal(counts, sk.confusion_matrix(targets, guess, labels=names))
    macro = {"labels": names, "zero_division": 0}
    assert uf1(counts) == pytest.approx(sk.f1_score(targets, guess, average="macro", **macro))
    assert uar(counts) == pytest.approx(sk.recall_score(targets, guess, average="macro", **macro))
    assert accuracy(counts) == pytest.approx(sk.accuracy_score(targets, guess))
    assert weighted_f1(counts) == pytest.approx(sk.f1_score(targets, guess, average="weighted", **macro))
    p, r, f, n = sk.precision_recall_fscore_support(targets, guess, labels=names, zero_division=0)
    np.testing.assert_allclose(precision(counts), p)
    np.testing.assert_allclose(recall(counts), r)
    np.testing.assert_allclose(f1(counts), f)
    rows = per_class(counts, [f"c{index}" for index in names])
    assert [row["support"] for row in rows.values()] == n.tolist()
    assert [row["f1"] for row in rows.values()] == pytest.approx(f.tolist())


@given(labelled())
def test_scores_equal_torchmetrics(sample: tuple[np.ndarray, np.ndarray, int]) -> None:
    targets, guess, classes = sample
    counts = confusion_matrix(targets, guess, classes=classes)
    truth, predicted = torch.from_numpy(targets), torch.from_numpy(guess)
    reference = multiclass_confusion_matrix(predicted, truth, num_classes=classes)
    np.testing.assert_array_equal(counts, reference.numpy())
    assert uf1(counts) == pytest.approx(float(multiclass_f1_score(predicted, truth, num_classes=classes)), abs=1e-6)
    assert uar(counts) == pytest.approx(float(multiclass_recall(predicted, truth, num_classes=classes)), abs=1e-6)


@given(st.lists(labelled(3, 3), min_size=1, max_size=5))
def test_a_stack_is_scored_as_its_parts(samples: list[tuple[np.ndarray, np.ndarray, int]]) -> None:
    counts = [confusion_matrix(targets, guess, classes=3) for targets, guess, _ in samples]
    for metric in METRICS.values():
        np.testing.assert_allclose(metric(np.stack(counts)), [metric(part) for part in counts])


def test_the_published_constant_answer_scores_as_published() -> None:
    # evaluation on MEGC2019, all negative: UF1 .241, UAR .333 over 250 negative, 109 positive, 83 surprise
    counts = np.array([[250, 0, 0], [109, 0, 0], [83, 0, 0]])
    assert float(uf1(counts)) == pytest.approx(0.241, abs=5e-4)
    assert float(uar(counts)) == pytest.approx(0.333, abs=5e-4)


def test_an_absent_class_is_an_error_and_never_left_out_of_the_mean() -> None:
    counts = confusion_matrix([0, 0, 1], [0, 0, 1], classes=3)
    with pytest.raises(MetricError, match="index 2 has no samples"):
        uf1(counts)
    with pytest.raises(MetricError, match="UAR is a mean over all 3 classes"):
        uar(counts)
    assert np.isnan(uf1(counts, allow_absent=True))
    assert np.isnan(METRICS["uar"](counts))
    assert accuracy(counts) == 1
    assert weighted_f1(counts) == 1
    assert absent_classes(counts, ("a", "b", "c")) == ["c"]
    assert np.isnan(per_class(counts, ("a", "b", "c"))["c"]["precision"])


def test_a_class_that_is_never_predicted_has_precision_zero() -> None:
    np.testing.assert_array_equal(precision(confusion_matrix([0, 1], [0, 0], classes=2)), [0.5, 0.0])


def test_no_samples_have_no_accuracy() -> None:
    counts = np.zeros((2, 2), dtype=np.int64)
    assert np.isnan(accuracy(counts))
    assert np.isnan(weighted_f1(counts))


@pytest.mark.parametrize(
    ("targets", "guess", "message"),
    [
        ([0, 1], [0], "equal length"),
        ([0, 3], [0, 1], r"targets in 0\.\.2, got 0\.\.3"),
        ([0, 1], [-1, 1], r"predictions in 0\.\.2, got -1\.\.1"),
    ],
)
def test_bad_indices_are_refused(targets: list[int], guess: list[int], message: str) -> None:
    with pytest.raises(MetricError, match=message):
        confusion_matrix(targets, guess, classes=3)
