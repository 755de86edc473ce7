from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mer.data.samples.table import SampleTable
from mer.evaluation import caveats
from mer.evaluation.baselines.null_tests import (
    chance_verdict,
    linear_inputs,
    linear_predictions,
    linear_verdict,
    probe_verdict,
)
from mer.evaluation.predictions import pool_folds
from tests.evaluation.conftest import make_folds


def test_the_linear_baseline_equals_scikit_learn_fold_by_fold(table: SampleTable) -> None:
    generator = np.random.default_rng(0)
    pixels = generator.normal(size=(len(table), 1, 4, 4)) + 0.7 * table.targets[:, None, None, None] * np.eye(4)
    pooled = pool_folds(linear_predictions(pixels, table, make_folds(table)), table).set_index("sample_id")
    ids, flat = table.frame["sample_id"].to_numpy(), pixels.reshape(len(table), -1)
    for fold in make_folds(table):
        train, test = np.isin(ids, fold.train), np.isin(ids, fold.test)
        # features divided by sqrt(16): the same as a penalty 16 times as strong
        model = make_pipeline(
            StandardScaler(), LogisticRegression(class_weight="balanced", C=1 / 16, max_iter=2000, tol=1e-8)
        )
        model.fit(flat[train], table.targets[train])
        found = pooled.loc[ids[test], [f"prob_{name}" for name in table.classes]]
        np.testing.assert_allclose(found, model.predict_proba(flat[test]), atol=2e-3)
    assert set(pooled["fold"]) == {fold.name for fold in make_folds(table)}


def test_large_inputs_are_averaged_and_small_ones_kept() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (2, 3, 56, 56), dtype=np.uint8)
    small = linear_inputs(pixels)
    expected = pixels.reshape(2, 3, 28, 2, 28, 2).mean(axis=(3, 5)).reshape(2, -1)
    np.testing.assert_allclose(small, expected, atol=1e-3)
    np.testing.assert_array_equal(linear_inputs(pixels[:, :, :20, :20]), pixels[:, :, :20, :20].reshape(2, -1))


def results(value: float | None, *, constant: float | None = 0.2) -> dict:
    score = {"value": value, "low": None, "high": None}
    drawn = {"value": 0.3, "low": 0.25, "high": 0.36}
    return {
        "scores": {"all": {"uf1": score}},
        "baselines": {
            "stratified": {"uf1": drawn},
            "constant": {"uf1": {"value": constant, "low": None, "high": None}},
        },
    }


@pytest.mark.parametrize(
    ("value", "constant", "passed"),
    [(0.36, 0.2, True), (0.37, 0.2, False), (0.1, 0.2, True), (0.37, 0.4, True), (None, 0.2, None)],
)
def test_a_null_run_passes_where_it_is_no_better_than_chance(value, constant, passed) -> None:
    found = chance_verdict(results(value, constant=constant))
    assert found["passed"] is passed
    assert chance_verdict(results(value, constant=constant) | {"null": "permuted_labels"}) == found
    if passed is not None:
        assert ("HIGHER" in found["verdict"]) is not passed
        assert "0.250 to 0.360" in found["verdict"]


def test_a_null_run_without_baselines_has_no_verdict() -> None:
    assert chance_verdict({**results(0.4), "baselines": {}})["passed"] is None


def test_the_linear_baseline_s_verdict_says_which_is_better() -> None:
    linear = {"uf1": {"value": 0.5}}
    assert "0.100 above" in linear_verdict(linear, 0.6)
    assert "does NOT exceed" in linear_verdict(linear, 0.5)
    assert "not defined" in linear_verdict(linear, None)


@pytest.mark.parametrize(("without", "words"), [(0.4, "part of the score goes"), (0.58, "nothing shows")])
def test_the_probe_s_verdict_weighs_the_loss_against_its_error(without: float, words: str) -> None:
    probe = dict.fromkeys(("features", "pixels", "chance"), 0.5) | {"subjects": 8, "folds": 10, "directions": 7}
    probe |= {"emotion": 0.62, "emotion_without": without, "emotion_random": 0.6, "emotion_error": 0.05}
    assert words in probe_verdict(probe)


@pytest.mark.parametrize("weights", ["known", "unknown", "packaged", "random"])
def test_what_a_weight_file_knew_of_the_task_is_no_fault(weights: str) -> None:
    shuffled = results(0.6) | {"null": "permuted_labels", "leaks": {"weights": weights}}
    found, words = chance_verdict(shuffled), caveats.null_warning(shuffled)
    from_file = weights in ("known", "unknown")
    assert found["passed"] is (None if from_file else False)
    assert ("No fault of the machinery" in found["verdict"]) is from_file
    assert ("is then no fault" in words) is from_file and ("would be a fault" in words) is not from_file
    assert chance_verdict(shuffled | {"null": "onset_only"})["passed"] is False
    assert chance_verdict({**results(0.3), **{key: shuffled[key] for key in ("null", "leaks")}})["passed"] is True
