"""A fold's inputs are registered by its training people's maps alone, or as a file says, and the record tells how."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mer import finished_folders, run_files
from mer.config import Config, as_settings
from mer.inputs import registration
from mer.inputs.input_arrays import plan_inputs
from mer.inputs.registration import Similarity, register_maps
from mer.provenance import config_hash
from mer.run import run
from mer.train.experiment.experiment import Experiment, load_experiment
from mer.train.fold import fold_registration
from mer.train.fold.fold_registration import register_fold
from mer.utils.atomic_files import read_json


def asked(config: Config, register: str) -> Config:
    """The tiny run with `input.register`."""
    return replace(config, input=replace(config.input, register=register))


def test_registration_changes_the_hash_of_a_run_and_no_key_of_the_cache(tiny_config: Config) -> None:
    auto = asked(tiny_config, "auto")
    assert "register" not in as_settings(tiny_config.input), "earlier versions had no such option"
    assert config_hash(auto) != config_hash(tiny_config)
    experiment = load_experiment(tiny_config)
    paths = {plan_inputs(experiment.table, one.input, Path(one.cache_dir)).path for one in (tiny_config, auto)}
    assert len(paths) == 1


def test_a_file_moves_its_data_sets_and_no_other(tiny_config: Config, tmp_path: Path) -> None:
    path = tmp_path / "crops.csv"
    path.write_text("dataset,scale,right,down\nsynthetic,1.2,0.05,-0.1\n")
    experiment = load_experiment(asked(tiny_config, str(path)))
    seen, record = register_fold(experiment, experiment.folds[0])
    np.testing.assert_array_equal(seen.inputs, register_maps(experiment.inputs, Similarity(1.2, 0.05, -0.1)))
    assert record["registration"]["synthetic"]["applied"]
    path.write_text("dataset,scale,right,down\nelsewhere,1.2,0.05,-0.1\n")
    seen, record = register_fold(experiment, experiment.folds[0])
    np.testing.assert_array_equal(seen.inputs, experiment.inputs)
    assert "no row" in record["registration"]["synthetic"]["why"]


@pytest.fixture
def moved(tiny_config: Config, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """The tiny run whose maps were cropped otherwise; so few clips that the limits are lowered."""
    monkeypatch.setattr(registration, "FEWEST_MAPS", 10)
    monkeypatch.setattr(registration, "FEWEST_PEOPLE", 2)
    monkeypatch.setattr(fold_registration, "REFERENCE", replace(fold_registration.REFERENCE, maps=300))
    experiment = load_experiment(asked(tiny_config, "auto"))
    return replace(experiment, inputs=register_maps(experiment.inputs, Similarity(1.3, 0.0, -0.15)))


def test_held_out_maps_have_no_part_in_what_is_found(moved: Experiment) -> None:
    fold = moved.folds[0]
    held = moved.table.frame["sample_id"].isin(fold.test).to_numpy()
    other = np.array(moved.inputs)
    other[held] = np.random.default_rng(0).standard_normal(other[held].shape)
    first, second = (register_fold(one, fold)[1] for one in (moved, replace(moved, inputs=other)))
    assert first == second
    found = first["registration"]["synthetic"]
    assert found["after"] > found["before"]


def test_without_training_samples_the_tested_ones_are_fitted_as_a_whole(moved: Experiment) -> None:
    everyone = tuple(moved.table.frame["sample_id"])
    found = register_fold(moved, replace(moved.folds[0], train=(), test=everyone))[1]["registration"]
    assert found["synthetic"]["after"] > found["synthetic"]["before"]
    trained = register_fold(moved, replace(moved.folds[0], train=everyone, test=()))[1]["registration"]
    assert found == trained


def test_a_run_says_what_registration_found(
    tiny_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = asked(tiny_config, "auto")
    config = replace(config, data=replace(config.data, subjects=2))  # type: ignore[call-arg]
    few = run(config, tmp_path / "few")
    assert few["registration"]["synthetic"]["applied"] == 0
    assert any("synthetic: left alone" in note and "too few" in note for note in few["notes"])
    assert not (tmp_path / "few" / run_files.REGISTRATION).exists()
    monkeypatch.setattr(registration, "FEWEST_MAPS", 5)
    monkeypatch.setattr(registration, "FEWEST_PEOPLE", 1)
    monkeypatch.setattr(fold_registration, "REFERENCE", replace(fold_registration.REFERENCE, maps=300))
    run(config, tmp_path / "fitted")
    assert (tmp_path / "fitted" / run_files.REGISTRATION).is_file()
    assert "as registration found it" in (tmp_path / "fitted" / run_files.REPORT).read_text(encoding="utf-8")
    record = read_json(finished_folders.completed_folds(tmp_path / "fitted")[0] / run_files.FOLD)
    assert record["registration"]["synthetic"]["after"] >= record["registration"]["synthetic"]["before"]
