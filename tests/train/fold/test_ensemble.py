"""Runs with several members: each is a run of its own, the average is theirs, one member changes nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mer import finished_folders, run_files
from mer.config import AttentionConfig, Config, ModelConfig
from mer.errors import ConfigError
from mer.evaluation.predictions import read_predictions
from mer.inputs.datamodule.fold_datamodule import FoldDataModule
from mer.models import checkpoint
from mer.run import run
from mer.train.experiment.experiment import load_experiment
from mer.train.fold.ensemble import mean_predictions, member_seed, merge_records, stack_members
from mer.train.fold.predict import predict
from mer.utils.seeding import seed_from
from tests.conftest import tiny

SMALL = ModelConfig(width=8, attention=AttentionConfig(stages=[]))


@pytest.fixture(scope="module")
def config(cache_dir: Path) -> Config:
    return replace(tiny(cache_dir), model=SMALL)


@pytest.fixture(scope="module")
def two(config: Config, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """Folder and results of a run with two members."""
    folder = tmp_path_factory.mktemp("members") / "two"
    return folder, run(replace(config, members=2), folder)


def probabilities(table: pd.DataFrame) -> np.ndarray:
    return table[[name for name in table if name.startswith("prob_")]].to_numpy(dtype=float)


def member(folder: Path, number: int) -> pd.DataFrame:
    """Pooled predictions of one member, sorted by sample."""
    tables = [read_predictions(one / run_files.MEMBERS) for one in finished_folders.completed_folds(folder)]
    table = pd.concat(tables)
    table = table[table["member"] == str(number)].drop(columns="member")
    return table.sort_values("sample_id").reset_index(drop=True)


def test_every_member_is_a_run_of_its_own(config, two, tmp_path):
    folder, _ = two
    for number, seed in enumerate((config.seed, seed_from(config.seed, "member", 1))):
        run(replace(config, seed=seed), tmp_path / str(number))
        alone = read_predictions(tmp_path / str(number) / run_files.PREDICTIONS)
        pd.testing.assert_frame_equal(member(folder, number), alone)


def test_predictions_are_the_mean_of_the_members(two):
    folder, _ = two
    pooled = read_predictions(folder / run_files.PREDICTIONS)
    mean = (probabilities(member(folder, 0)) + probabilities(member(folder, 1))) / 2
    np.testing.assert_allclose(probabilities(pooled), mean, atol=1e-6)
    assert not np.allclose(probabilities(member(folder, 0)), mean, atol=1e-3)
    classes = [name.removeprefix("prob_") for name in pooled if name.startswith("prob_")]
    assert list(pooled["predicted"]) == [classes[k] for k in mean.argmax(axis=1)]


def test_each_member_leaves_its_curves_and_a_checkpoint_that_predicts_as_it_did(config, two):
    folder, _ = two
    experiment = load_experiment(config)
    one = experiment.folds[0]
    place = run_files.fold_folder(folder, one.name)
    data = FoldDataModule(experiment.samples, one, experiment.config)
    for number, name in enumerate(("model.ckpt", "model-1.ckpt")):
        again = predict(checkpoint.load(place / name)[0], data.test_dataloader(), experiment.table)
        kept = member(folder, number).set_index("sample_id").loc[again["sample_id"]]
        np.testing.assert_allclose(probabilities(again), probabilities(kept), atol=1e-6)
    losses = [pd.read_csv(place / name)["train_loss"].tolist() for name in ("curves.csv", "curves-1.csv")]
    assert len(losses[0]) == len(losses[1])
    assert losses[0] != losses[1]
    record = json.loads((place / run_files.FOLD).read_text(encoding="utf-8"))
    assert [part["seed"] for part in record["members"]] == [
        seed_from(member_seed(config.seed, m), "fold", one.name) for m in (0, 1)
    ]


def test_results_hold_each_member_and_the_report_is_written(two):
    folder, results = two
    found = results["members"]
    assert list(found["scores"]) == ["0", "1"]
    assert json.loads((folder / run_files.RESULTS).read_text(encoding="utf-8"))["members"] == found
    for number in (0, 1):
        table = member(folder, number)
        hits = float((table["label"] == table["predicted"]).mean())
        assert found["scores"][str(number)]["accuracy"] == pytest.approx(hits, abs=1e-6)
    assert (folder / run_files.REPORT).stat().st_size > 0


def test_one_member_leaves_no_further_files(config, tmp_path):
    results = run(config, tmp_path / "run")
    assert results["members"] is None
    for one in finished_folders.completed_folds(tmp_path / "run"):
        assert not list(one.glob("*-*.*"))
        assert not (one / run_files.MEMBERS).exists()
        assert "members" not in json.loads((one / run_files.FOLD).read_text(encoding="utf-8"))


def test_member_zero_has_the_seed_of_the_run_and_the_others_their_own():
    assert member_seed(7, 0) == 7
    assert len({member_seed(seed, m) for seed in (0, 1) for m in range(5)}) == 10


def test_records_are_joined_by_sums_of_time_and_means_of_scores():
    records = [{"seed": s, "train_seconds": 2.0 + s, "validation_uf1": 0.5 + s / 10, "epochs": 3} for s in (0, 1)]
    joint = merge_records(records)
    assert joint == {
        "seed": 0,
        "train_seconds": 5.0,
        "validation_uf1": pytest.approx(0.55),
        "epochs": 3,
        "members": records,
    }
    assert merge_records(records[:1]) == records[0]
    assert merge_records([{**record, "validation_uf1": None} for record in records])["validation_uf1"] is None


def test_an_average_may_choose_what_no_member_chose():
    frames = [
        pd.DataFrame({"predicted": [best], "prob_a": [a], "prob_b": [b], "prob_c": [c]})
        for best, a, b, c in (("a", 0.5, 0.4, 0.1), ("c", 0.05, 0.45, 0.5))
    ]
    assert mean_predictions(frames)["predicted"].tolist() == ["b"]
    assert mean_predictions(frames[:1]) is frames[0]
    assert list(stack_members(frames)["member"]) == [0, 1]


def test_no_member_is_a_problem(config, tmp_path):
    with pytest.raises(ConfigError, match="members: expected 1 to 100, got 0"):
        run(replace(config, members=0), tmp_path / "run")
