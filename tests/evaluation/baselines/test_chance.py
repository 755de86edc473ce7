from __future__ import annotations

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.metrics import f1_score, recall_score

from mer.evaluation.baselines.chance import FoldLabels, all_baselines, constant, stratified, uniform
from mer.evaluation.metrics import METRICS

CLASSES = ("a", "b", "c")


def make_folds() -> list[FoldLabels]:
    """Ten folds of six test samples with uneven classes; each trains on the others."""
    generator = np.random.default_rng(0)
    tests = [np.concatenate([np.arange(3), generator.choice(3, 3, p=[0.7, 0.2, 0.1])]) for _ in range(10)]
    return [
        FoldLabels(np.concatenate([other for place, other in enumerate(tests) if place != index]), test)
        for index, test in enumerate(tests)
    ]


def dummy_scores(folds: list[FoldLabels], strategy: str, draws: int) -> tuple[np.ndarray, np.ndarray]:
    """UF1 and UAR (draws,) of scikit-learn's dummy, fitted fold by fold and pooled."""
    truth = np.concatenate([fold.test for fold in folds])
    found = []
    for draw in range(draws):
        guess = []
        for index, fold in enumerate(folds):
            dummy = DummyClassifier(strategy=strategy, random_state=draw * 100 + index)
            dummy.fit(np.zeros((len(fold.train), 1)), fold.train)
            guess.append(dummy.predict(np.zeros((len(fold.test), 1))))
        pooled = np.concatenate(guess)
        found.append((f1_score(truth, pooled, average="macro"), recall_score(truth, pooled, average="macro")))
    uf1, uar = zip(*found, strict=True)
    return np.array(uf1), np.array(uar)


def test_the_constant_equals_scikit_learn() -> None:
    folds = make_folds()
    uf1, uar = dummy_scores(folds, "most_frequent", 1)
    found = constant(folds, CLASSES)
    assert (found.value["uf1"], found.value["uar"]) == pytest.approx((uf1[0], uar[0]))
    assert "(a)" in found.description
    assert np.isnan(found.low["uf1"])


def test_the_constant_is_fitted_on_the_training_part() -> None:
    # leave-one-out over a balanced pair: the training majority is always the other class, so every answer is wrong
    folds = [FoldLabels(np.array([1]), np.array([0])), FoldLabels(np.array([0]), np.array([1]))]
    found = constant(folds, ("a", "b"))
    assert found.value["accuracy"] == 0
    assert "(a, b)" in found.description


@pytest.mark.parametrize(("make", "strategy"), [(stratified, "stratified"), (uniform, "uniform")])
def test_random_baselines_equal_scikit_learn_in_distribution(make, strategy: str) -> None:
    folds = make_folds()
    uf1, uar = dummy_scores(folds, strategy, 150)
    found = make(folds, CLASSES, draws=3000, seed=0)
    # four standard errors of the reference's 150 draws
    assert found.value["uf1"] == pytest.approx(uf1.mean(), abs=4 * uf1.std() / np.sqrt(150))
    assert found.value["uar"] == pytest.approx(uar.mean(), abs=4 * uar.std() / np.sqrt(150))
    # the 2.5% quantile of n normal draws has a standard error of 2.67 deviations over sqrt(n)
    error = 4 * 2.67 * uf1.std() / np.sqrt(150)
    assert found.low["uf1"] == pytest.approx(np.quantile(uf1, 0.025), abs=error)
    assert found.high["uf1"] == pytest.approx(np.quantile(uf1, 0.975), abs=error)


def test_random_baselines_follow_from_the_seed() -> None:
    folds = make_folds()
    first = all_baselines(folds, CLASSES, draws=50, seed=0)
    again = all_baselines(folds, CLASSES, draws=50, seed=0)
    other = all_baselines(folds, CLASSES, draws=50, seed=1)
    assert first["uniform"] == again["uniform"]
    assert first["stratified"] == again["stratified"]
    assert first["uniform"] != other["uniform"]
    assert first["constant"].value == other["constant"].value
    assert all(set(row.value) == set(METRICS) for row in first.values())


def test_a_class_of_no_training_sample_is_never_drawn() -> None:
    fold = FoldLabels(np.array([0, 0, 1]), np.array([0, 1, 2] * 50))
    found = stratified([fold], CLASSES, draws=20, seed=0)
    # recall of class c is 0 in every draw: UAR is at most that of always hitting one of the two others
    assert found.high["uar"] < 2 / 3
    assert found.value["accuracy"] == pytest.approx(1 / 3, abs=0.05)
