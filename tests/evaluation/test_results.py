from __future__ import annotations

import json
from io import StringIO
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from sklearn.metrics import f1_score, recall_score

from mer.config import Config, DataConfig, EvaluationConfig
from mer.data.samples.table import SampleTable
from mer.evaluation.caveats import HEADINGS, best_baseline, margin, members, warnings
from mer.evaluation.predictions import pool_folds
from mer.evaluation.report.console import console_table
from mer.evaluation.results import error_line, summarise
from mer.provenance import config_hash
from tests.evaluation.conftest import make_folds, make_predictions, make_table

CONFIG = Config(
    name="invented_loso",
    seed=3,
    data=DataConfig(name="invented"),
    evaluation=EvaluationConfig(bootstrap=300, random_draws=200),
)


def fold_table(table: SampleTable, errors: dict[str, str]) -> pd.DataFrame:
    """Rows of `folds.csv`; folds named in `errors` failed."""
    return pd.DataFrame(
        {
            "fold": fold.name,
            "status": "failed" if fold.name in errors else "done",
            "error": errors.get(fold.name, ""),
            "seconds": None if fold.name in errors else 2.0,
            "train_seconds": None if fold.name in errors else 1.5,
        }
        for fold in make_folds(table)
    )


def run(
    table: SampleTable, frames: list[pd.DataFrame] | None = None, *, failed: dict[str, str] | None = None
) -> dict[str, Any]:
    """Results of random predictions on `table`."""
    pooled = pool_folds(make_predictions(table) if frames is None else frames, table, allow_missing=True)
    folds = fold_table(table, failed or {})
    return summarise(pooled, table, folds, splits=make_folds(table), config=CONFIG, parameters=1000, data_hash="0123")


def shown(results: dict[str, Any], width: int = 120) -> str:
    console = Console(file=StringIO(), width=width, color_system=None)
    console.print(console_table(results))
    return console.file.getvalue()  # type: ignore[attr-defined]


def numbers(tree: Any) -> list[float]:
    if isinstance(tree, dict):
        return [value for part in tree.values() for value in numbers(part)]
    if isinstance(tree, list):
        return [value for part in tree for value in numbers(part)]
    return [tree] if isinstance(tree, float) else []


def test_scores_are_those_of_the_pool_and_of_each_data_set(table: SampleTable) -> None:
    results = run(table)
    pooled = pool_folds(make_predictions(table), table)
    parts = {"all": pooled} | {name: pooled[pooled["dataset"] == name] for name in ("alpha", "beta")}
    found = {"all": results["scores"]["all"], **results["scores"]["by_dataset"]}
    assert set(found) == set(parts)
    for name, part in parts.items():
        assert found[name]["uf1"]["value"] == pytest.approx(
            f1_score(part["label"], part["predicted"], average="macro"), abs=1e-6
        )
        assert found[name]["uar"]["value"] == pytest.approx(
            recall_score(part["label"], part["predicted"], average="macro"), abs=1e-6
        )
        assert found[name]["uf1"]["low"] <= found[name]["uf1"]["value"] <= found[name]["uf1"]["high"]
        assert np.sum(found[name]["confusion"]) == found[name]["samples"] == len(part)
    assert (found["all"]["subjects"], found["alpha"]["subjects"], found["beta"]["subjects"]) == (10, 6, 4)


def test_results_are_plain_json_and_say_what_they_are(table: SampleTable) -> None:
    results = run(table)
    assert json.loads(json.dumps(results, allow_nan=False)) == results
    assert results["complete"] is True
    assert results["synthetic"] is False
    assert results["classes"] == ["negative", "positive", "surprise"]
    assert results["data"] == {
        "name": "invented set",
        "samples": 60,
        "scored": 60,
        "subjects": 10,
        "counts": {
            "negative": {"alpha": 18, "beta": 12},
            "positive": {"alpha": 12, "beta": 8},
            "surprise": {"alpha": 6, "beta": 4},
        },
    }
    assert results["protocol"] == {"name": "loso", "folds": 10, "validation": 0.0}
    assert results["notes"] == ["The middle frame stands for the apex of 3 clips."]
    assert (results["seed"], results["parameters"], results["data_hash"]) == (3, 1000, "0123")
    assert results["config_hash"] == config_hash(CONFIG)
    assert all(value == round(value, 6) for value in numbers(results))
    assert run(table) == results


def test_baselines_stand_beside_the_scores(table: SampleTable) -> None:
    results = run(table)
    rows = results["baselines"]
    assert list(rows) == ["constant", "stratified", "uniform"]
    # always negative, half of the samples: F1 2*30/(30+60) of one class in three
    assert rows["constant"]["uf1"] == {"value": pytest.approx(2 / 9, abs=1e-6), "low": None, "high": None}
    assert rows["constant"]["accuracy"]["value"] == 0.5
    assert rows["uniform"]["uar"]["low"] < 1 / 3 < rows["uniform"]["uar"]["high"]
    name, value = best_baseline(results)  # type: ignore[misc]
    assert value == rows[name]["uf1"]["value"] == max(row["uf1"]["value"] for row in rows.values())
    assert margin(results) == results["scores"]["all"]["uf1"]["value"] - value


def test_failed_folds_make_the_run_incomplete_and_say_so(table: SampleTable) -> None:
    trace = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    g()\nValueError: loss is nan\nmore\n'
    results = run(table, make_predictions(table)[1:], failed={"alpha-001": trace})
    assert results["complete"] is False
    assert results["failed_folds"] == [{"fold": "alpha-001", "status": "failed", "error": "ValueError: loss is nan"}]
    assert (results["seconds"], results["train_seconds"]) == (18.0, 13.5)
    assert results["data"]["scored"] == 54
    assert results["scores"]["all"]["samples"] == 54
    assert "Incomplete: 1 of 10 folds have no result; scores are over 54 of 60 samples." in shown(results, 200)


def test_no_prediction_at_all_still_gives_results(table: SampleTable) -> None:
    results = run(table, [], failed={fold.name: "ValueError: no" for fold in make_folds(table)})
    assert json.loads(json.dumps(results, allow_nan=False)) == results
    assert results["scores"]["all"]["accuracy"]["value"] is None
    assert results["baselines"] == {}
    assert best_baseline(results) is None
    assert margin(results) is None
    assert "0 of 60 samples" in shown(results)


def test_a_class_absent_from_a_data_set_is_said_and_not_left_out() -> None:
    subjects = ["1", "1", "1", "2", "2", "2", "3", "3", "4", "4"]
    labels = ["negative", "positive", "surprise"] * 2 + ["negative", "positive"] * 2
    table = make_table(labels, subjects, datasets=["full"] * 6 + ["poor"] * 4)
    results = run(table)
    poor = results["scores"]["by_dataset"]["poor"]
    assert poor["uf1"] == {"value": None, "low": None, "high": None, "undefined_draws": 1.0}
    assert poor["accuracy"]["value"] is not None
    assert poor["per_class"]["surprise"] == {"precision": None, "recall": None, "f1": None, "support": 0}
    assert poor["not_defined"] == "no samples of surprise, so no mean over the 3 classes exists"
    assert "not_defined" not in results["scores"]["all"]
    assert "not defined for poor: no samples of surprise" in " ".join(warnings(results))
    assert "not defined" in shown(results)


def test_folds_that_cannot_learn_a_class_are_noted() -> None:
    table = make_table(["negative", "positive", "surprise", "negative", "positive"], ["1", "1", "1", "2", "2"])
    assert any("trains without any sample of surprise" in note for note in run(table)["notes"])


def test_synthetic_results_say_so(table: SampleTable) -> None:
    drawn = SampleTable(table.frame, table.classes, name="drawn faces", synthetic=True)
    results = run(drawn)
    assert results["synthetic"] is True
    assert "Synthetic data" in shown(results)
    assert "Synthetic" not in shown(run(table))


@pytest.mark.parametrize("width", [80, 120])
def test_the_console_table_shows_scores_baselines_and_data_sets(table: SampleTable, width: int) -> None:
    results = run(table)
    text = shown(results, width)
    assert "invented_loso" in text
    for name in ("this run", "alpha", "beta", "constant", "stratified", "uniform"):
        assert name in text
    score = results["scores"]["all"]["uf1"]
    assert f"{score['value']:.3f} [{score['low']:.2f},{score['high']:.2f}]".replace("0.", ".") in text
    assert "above the best baseline" in text.replace("\n", " ")


def test_the_objective_of_sweeps_is_the_inner_split_s_score(table: SampleTable) -> None:
    assert run(table)["validation_uf1"] is None
    folds = fold_table(table, {}).assign(validation_uf1=[0.5] * 5 + [0.7] * 4 + [float("nan")])
    pooled = pool_folds(make_predictions(table), table)
    found = summarise(pooled, table, folds, splits=make_folds(table), config=CONFIG, parameters=1, data_hash="")
    assert found["validation_uf1"] == pytest.approx((5 * 0.5 + 4 * 0.7) / 9, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "no message"),
        ("RuntimeError: out of memory\nmore", "RuntimeError: out of memory"),
        (
            'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    g()\nKeyError: 1\n\nDuring handling '
            "of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n"
            '  File "b.py", line 2, in h\n'
            "    raise X\n    ^^^^^^^\nmer.errors.SampleError: row 3\n  detail",
            "mer.errors.SampleError: row 3",
        ),
    ],
)
def test_error_line_is_the_one_that_says_what_happened(text: str, line: str) -> None:
    assert error_line(text) == line


def test_members_and_null_tests_are_told_in_the_terminal(table: SampleTable) -> None:
    results = run(table)
    assert "networks a fold" not in shown(results)
    each = {str(number): dict.fromkeys(HEADINGS, value) for number, value in enumerate((0.4, 0.5, 0.6))}
    results |= {
        "members": {"scores": each, "mean": dict.fromkeys(HEADINGS, 0.5), "deviation": dict.fromkeys(HEADINGS, 0.1)},
        "sanity": {
            "permuted_labels": {"description": "d", "passed": True, "verdict": "UF1 0.300, no higher."},
            "linear": {"description": "d", "uf1": {"value": 0.1}},
        },
    }
    text = shown(results, 200)
    assert "3 networks a fold, averaged; each alone has UF1 .500 on average, deviation .100." in text
    assert "Permuted labels: UF1 0.300, no higher." in text
    assert "Linear baseline: The network's UF1" in text
    rows = members(results)["rows"]  # type: ignore[index]
    assert list(rows) == ["member 0", "member 1", "member 2", "mean", "deviation", "together"]
    assert rows["together"]["uf1"] == results["scores"]["all"]["uf1"]["value"]
