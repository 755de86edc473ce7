from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from mer import finished_folders, run_files
from mer.config import Config, InputConfig, ProtocolConfig
from mer.errors import ConfigError, SampleError
from mer.provenance import config_hash
from mer.run import run
from mer.train.experiment import null_runs
from mer.train.experiment.config_checks import check_config
from mer.train.experiment.experiment import load_experiment


def labels(table, samples) -> list[str]:
    return table.frame.set_index("sample_id").loc[list(samples), "label"].tolist()


def test_labels_are_shuffled_within_the_training_part_and_nowhere_else(tiny_config: Config) -> None:
    config = replace(tiny_config, null="permuted_labels", protocol=ProtocolConfig(validation=0.4))
    experiment = load_experiment(config)
    moved = 0
    for fold in experiment.folds:
        table = null_runs.permute_fold_labels(experiment.table, config, fold)
        assert labels(table, fold.test) == labels(experiment.table, fold.test)
        for part in (fold.train, fold.validation):
            before, after = labels(experiment.table, part), labels(table, part)
            assert Counter(before) == Counter(after)
            moved += before != after
        again = null_runs.permute_fold_labels(experiment.table, config, fold)
        assert again.frame.equals(table.frame)
        other = null_runs.permute_fold_labels(experiment.table, replace(config, seed=1), fold)
        assert labels(other, fold.train) != labels(table, fold.train)
    assert moved >= len(experiment.folds)


def test_every_order_of_labels_is_as_likely(tiny_config: Config) -> None:
    experiment = load_experiment(tiny_config)
    fold = experiment.folds[0]
    truth = np.array(labels(experiment.table, fold.train))
    kept = []
    for seed in range(200):
        config = replace(tiny_config, null="permuted_labels", seed=seed)
        kept.append(
            np.mean(
                np.array(labels(null_runs.permute_fold_labels(experiment.table, config, fold), fold.train)) == truth
            )
        )
    # a shuffled label equals the true one with probability sum of squared shares
    shares = np.array(list(Counter(truth.tolist()).values())) / len(truth)
    assert np.mean(kept) == pytest.approx((shares**2).sum(), abs=0.03)


def test_a_real_run_sees_its_own_table(tiny_config: Config) -> None:
    experiment = load_experiment(tiny_config)
    assert null_runs.permute_fold_labels(experiment.table, tiny_config, experiment.folds[0]) is experiment.table
    assert null_runs.apply_onset_only(experiment.table, tiny_config) is experiment.table


def test_onset_only_shows_no_motion(tiny_config: Config) -> None:
    experiment = load_experiment(replace(tiny_config, null="onset_only"))
    assert np.asarray(load_experiment(tiny_config).inputs).any()
    assert not np.asarray(experiment.inputs).any()


def test_onset_only_shows_the_onset_frame(tiny_config: Config) -> None:
    picture = replace(tiny_config, input=InputConfig(representation="apex", size=28))
    real, null = load_experiment(picture), load_experiment(replace(picture, null="onset_only"))
    swapped = real.table.frame.assign(apex_path=real.table.frame["onset_path"])
    assert not np.array_equal(real.inputs, null.inputs)
    assert (
        null_runs.apply_onset_only(real.table, replace(picture, null="onset_only")).frame["apex_path"]
        == swapped["apex_path"]
    ).all()
    assert "face before it moves" in null_runs.what_is_seen(picture)
    assert "no motion at all" in null_runs.what_is_seen(tiny_config)


def test_samples_without_an_onset_are_refused_with_the_reason(tiny_config: Config) -> None:
    experiment = load_experiment(tiny_config)
    bare = replace(experiment.table, frame=experiment.table.frame.assign(onset_path=""))
    config = replace(tiny_config, null="onset_only")
    with pytest.raises(SampleError, match="24 of 24 samples have no onset frame"):
        null_runs.apply_onset_only(bare, config)
    assert list(null_runs.null_configs(tiny_config, bare, experiment.folds)) == ["permuted_labels"]
    maps = replace(tiny_config, input=InputConfig(representation="motion_map"))
    assert "motion maps" in str(null_runs.why_not("onset_only", maps, experiment.table, experiment.folds))
    untrained = [replace(fold, train=()) for fold in experiment.folds]
    assert list(null_runs.null_configs(tiny_config, experiment.table, untrained)) == ["onset_only"]


def test_a_null_run_is_another_run_and_sanity_the_same(tiny_config: Config) -> None:
    hashes = {config_hash(replace(tiny_config, null=name)) for name in ("none", "permuted_labels", "onset_only")}
    assert len(hashes) == 3
    assert config_hash(replace(tiny_config, sanity=True)) == config_hash(tiny_config)


def test_bad_values_are_named(tiny_config: Config) -> None:
    with pytest.raises(ConfigError, match="null: expected one of none, permuted_labels, onset_only, got 'noise'"):
        check_config(replace(tiny_config, null="noise"))
    with pytest.raises(ConfigError, match="sanity: expected false in a null run"):
        check_config(replace(tiny_config, null="onset_only", sanity=True))


def test_sanity_adds_its_tests_to_a_run_and_keeps_its_scores(tiny_config: Config, tmp_path) -> None:
    plain = run(tiny_config, tmp_path)
    assert plain["sanity"] == {}
    before = (tmp_path / run_files.PREDICTIONS).read_bytes()
    found = run(replace(tiny_config, sanity=True), tmp_path)
    assert (tmp_path / run_files.PREDICTIONS).read_bytes() == before
    assert found["scores"] == plain["scores"]
    assert list(found["sanity"]) == ["permuted_labels", "onset_only", "linear", "identity"]
    assert found["sanity"]["identity"]["folds"] == 4
    assert 0 <= found["sanity"]["identity"]["features"] <= 1
    assert found["sanity"]["linear"]["samples"] == 24
    for name in ("permuted_labels", "onset_only"):
        folder = run_files.sanity_folder(tmp_path, name)
        assert len(finished_folders.completed_folds(folder)) == 4
        assert "Null run" in (folder / run_files.REPORT).read_text(encoding="utf-8")
    # finished null folds are kept, and a run without `sanity` keeps what was added
    stamps = [path.stat().st_mtime_ns for path in sorted((tmp_path / "sanity").glob("*/folds/*/model.ckpt"))]
    again = run(replace(tiny_config, sanity=True), tmp_path)
    assert again == found
    assert stamps == [path.stat().st_mtime_ns for path in sorted((tmp_path / "sanity").glob("*/folds/*/model.ckpt"))]
    assert run(tiny_config, tmp_path)["sanity"] == found["sanity"]
