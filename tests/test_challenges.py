"""The challenges' experiments from the command line's configuration to the challenge's own score, on invented trees."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from mer import run_files
from mer.data.synthetic.__main__ import main as synthetic
from mer.data.synthetic.__main__ import usual_seed
from mer.errors import LeakError
from mer.evaluation.diagnostics.challenge_scores import challenge_scores
from mer.run import run
from tests.helpers import sized_trees
from tests.helpers.command import TINY_RECIPE
from tests.test_config import composed

QUICK = [override for override in TINY_RECIPE if not override.startswith("optim.")]


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CASME II and SAMM with four people and twenty clips each."""
    root = tmp_path_factory.mktemp("small")
    for layout in ("casme2", "samm"):
        sized_trees.write_small(layout, root / layout)
    return root


def run_experiment(name: str, trees: Path, cache_dir: Path, folder: Path, *more: str) -> dict[str, Any]:
    roots = [f"data.parts.{layout}.root={trees / layout}" for layout in ("casme2", "samm")]
    length = ["optim.iterations=2"] if name.startswith("peng") else ["optim.epochs=1"]
    overrides = [*roots, *QUICK, *length, "optim.batch_size=8", f"cache_dir={cache_dir}", *more]
    return run(composed(f"+experiment={name}", *overrides), folder)


@pytest.mark.parametrize("name", ["megc2018_hde", "peng2018_hde"])
def test_the_holdout_task_runs_and_is_scored_as_the_challenge_defines(
    name: str, trees: Path, cache_dir: Path, tmp_path: Path
) -> None:
    results = run_experiment(name, trees, cache_dir, tmp_path / "run")
    assert results["complete"] and not results["failed_folds"]
    assert results["scores"]["all"]["samples"] == 40
    predictions = pd.read_csv(tmp_path / "run" / run_files.PREDICTIONS, dtype={"subject": str})
    means = {"war": 0.0, "uar": 0.0}
    for fold, dataset in (("samm-to-casme2", "casme2"), ("casme2-to-samm", "samm")):
        part = predictions[predictions["fold"] == fold]
        assert set(part["dataset"]) == {dataset} and len(part) == 20
        row = results["challenge"]["directions"][fold]
        assert row["war"] == pytest.approx(accuracy_score(part["label"], part["predicted"]), abs=1e-6)
        assert row["uar"] == pytest.approx(balanced_accuracy_score(part["label"], part["predicted"]), abs=1e-6)
        means = {score: means[score] + row[score] / 2 for score in means}
    assert {score: results["challenge"][score] for score in means} == pytest.approx(means, abs=1e-6)
    assert any("instead of 253" in note for note in results["notes"])
    assert "mean over both directions" in (tmp_path / "run" / run_files.REPORT).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["megc2018_cde", "peng2018_cde"])
def test_the_composite_task_runs(name: str, trees: Path, cache_dir: Path, tmp_path: Path) -> None:
    results = run_experiment(name, trees, cache_dir, tmp_path / "run")
    assert results["complete"] and results["protocol"]["folds"] == 8
    predictions = pd.read_csv(tmp_path / "run" / run_files.PREDICTIONS, dtype=str)
    assert len(predictions) == 40 and predictions["sample_id"].is_unique
    wanted = f1_score(predictions["label"], predictions["predicted"], average="weighted", zero_division=0)
    assert results["scores"]["all"]["weighted_f1"]["value"] == pytest.approx(wanted, abs=1e-6)
    assert results["challenge"] is None


def test_training_on_one_set_and_testing_on_the_other_is_complete(trees: Path, cache_dir: Path, tmp_path: Path) -> None:
    swap = ["protocol=cross_dataset", "protocol.train_on=[samm]", "protocol.test_on=[casme2]"]
    results = run_experiment("megc2018_hde", trees, cache_dir, tmp_path / "run", *swap)
    assert results["complete"] and results["scores"]["all"]["samples"] == 20
    assert any("tests 20 of 40 samples" in note for note in results["notes"])


@pytest.mark.slow
def test_the_composite_task_runs_in_full_size(cache_dir: Path, tmp_path: Path) -> None:
    for layout in ("casme2", "samm"):
        sized_trees.write(layout, tmp_path / layout)
    results = run_experiment("megc2018_cde", tmp_path, cache_dir, tmp_path / "run", "input=difference", "input.size=28")
    assert results["complete"] and results["protocol"]["folds"] == 47
    assert results["scores"]["all"]["samples"] == 253 and results["scores"]["all"]["subjects"] == 47
    counts = json.loads((tmp_path / "run" / run_files.RESULTS).read_text(encoding="utf-8"))["data"]["counts"]
    assert {label: sum(row.values()) for label, row in counts.items()} == {
        "I": 49,
        "II": 28,
        "III": 119,
        "IV": 34,
        "V": 23,
    }


def test_a_direction_that_is_missing_or_lacks_a_class_gives_no_mean() -> None:
    rows = [("casme2-to-samm", "a", "a"), ("casme2-to-samm", "b", "a"), ("samm-to-casme2", "a", "a")]
    frame = pd.DataFrame(rows, columns=["fold", "label", "predicted"])
    found = challenge_scores(frame, ["a", "b"], "megc2018_hde")
    assert found is not None
    assert found["war"] == 0.75 and found["uar"] is None
    assert found["directions"]["samm-to-casme2"] == {"war": 1.0, "uar": None}
    alone = challenge_scores(frame[:2], ["a", "b"], "megc2018_hde")
    assert alone is not None and alone["war"] is None and alone["uar"] is None
    assert challenge_scores(frame, ["a", "b"], "loso") is None


def test_trees_drawn_with_one_seed_are_refused_with_the_way_out(cache_dir: Path, tmp_path: Path) -> None:
    for layout in ("casme2", "samm"):
        size = ("--subjects", "3", "--clips", "10", "--size", "48", "--seed", "5")
        assert synthetic(["--layout", layout, "--out", str(tmp_path / layout), *size]) == 0
    with pytest.raises(LeakError, match=r"write casme2, samm again with a --seed each \(mer synthetic"):
        run_experiment("peng2018_cde", tmp_path, cache_dir, tmp_path / "run")


@pytest.mark.slow
def test_trees_of_several_sets_hold_other_people_by_default(cache_dir: Path, tmp_path: Path) -> None:
    for layout in ("casme2", "samm"):
        size = ("--subjects", "4", "--clips", "16", "--size", "48")
        assert synthetic(["--layout", layout, "--out", str(tmp_path / layout), *size]) == 0
    run_experiment("peng2018_cde", tmp_path, cache_dir, tmp_path / "run", "dry_run=true")
    assert usual_seed("smic") == usual_seed("smic_e") != usual_seed("samm")
