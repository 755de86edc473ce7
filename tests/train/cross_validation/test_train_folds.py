"""Whole runs on a few drawn people: resuming, failing, seeding, and what is left on disk."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mer import finished_folders, run_files
from mer.config import AttentionConfig, Config, OptimConfig, ProtocolConfig
from mer.errors import AllFoldsFailedError, MerError
from mer.inputs.datamodule.fold_datamodule import FoldDataModule
from mer.models import checkpoint
from mer.run import run
from mer.train.cross_validation import train_folds
from mer.train.experiment.experiment import Experiment, load_experiment
from mer.train.fold.predict import predict
from tests.helpers.command import TINY, command


@pytest.fixture(scope="module")
def finished(request, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """Folder and results of one finished tiny run."""
    config = request.getfixturevalue("tiny_config_once")
    folder = tmp_path_factory.mktemp("runs") / "finished"
    return folder, run(config, folder)


@pytest.fixture(scope="module")
def tiny_config_once(cache_dir: Path) -> Config:
    from tests.conftest import tiny

    return tiny(cache_dir)


def test_the_folder_holds_every_file_of_the_drawing(finished):
    folder, _ = finished
    for name in (
        run_files.CONFIG,
        run_files.MANIFEST,
        run_files.RESULTS,
        run_files.PREDICTIONS,
        run_files.FOLDS,
        run_files.REPORT,
        run_files.CONFUSION,
    ):
        assert (folder / name).stat().st_size > 0
    assert len(finished_folders.completed_folds(folder)) == 4
    for one in finished_folders.completed_folds(folder):
        for name in (run_files.FOLD, run_files.PREDICTIONS, run_files.CURVES, run_files.CHECKPOINT):
            assert (one / name).stat().st_size > 0


def test_each_sample_is_scored_exactly_once_by_the_fold_that_never_saw_it(finished, tiny_config):
    folder, _ = finished
    predictions = pd.read_csv(folder / run_files.PREDICTIONS, dtype=str)
    experiment = load_experiment(tiny_config)
    assert sorted(predictions["sample_id"]) == sorted(experiment.table.frame["sample_id"])
    by_fold = {one.name: set(one.test) for one in experiment.folds}
    assert all(
        sample in by_fold[name] for sample, name in zip(predictions["sample_id"], predictions["fold"], strict=True)
    )


def test_the_checkpoint_of_a_fold_gives_the_predictions_of_that_fold(finished, tiny_config):
    folder, _ = finished
    experiment = load_experiment(tiny_config)
    one = experiment.folds[0]
    network, card = checkpoint.load(run_files.fold_folder(folder, one.name) / run_files.CHECKPOINT)
    data = FoldDataModule(experiment.samples, one, experiment.config)
    data.setup("test")
    again = predict(network, data.test_dataloader(), experiment.table)
    kept = pd.read_csv(run_files.fold_folder(folder, one.name) / run_files.PREDICTIONS)
    assert card["classes"] == list(experiment.table.classes)
    columns = [name for name in kept if name.startswith("prob_")]
    np.testing.assert_allclose(
        again.set_index("sample_id").loc[kept["sample_id"], columns], kept[columns].to_numpy(), atol=1e-6
    )


def test_a_second_run_with_the_seed_is_equal_and_another_seed_differs(finished, tiny_config, tmp_path):
    folder, _ = finished
    run(tiny_config, tmp_path / "same")
    run(replace(tiny_config, seed=1), tmp_path / "other")
    first = (folder / run_files.PREDICTIONS).read_bytes()
    assert (tmp_path / "same" / run_files.PREDICTIONS).read_bytes() == first
    assert (tmp_path / "other" / run_files.PREDICTIONS).read_bytes() != first


def test_a_finished_run_is_not_trained_again(finished, tiny_config, monkeypatch):
    folder, results = finished
    monkeypatch.setattr(train_folds, "run_fold", lambda *_: pytest.fail("a finished fold was trained again"))
    assert run(tiny_config, folder)["scores"] == results["scores"]


def test_a_run_is_resumed_by_its_folder_alone_and_other_options_are_refused(finished, tmp_path):
    folder, _ = finished
    shutil.copytree(folder, tmp_path / "copy")
    gone = finished_folders.completed_folds(tmp_path / "copy")[1]
    shutil.rmtree(gone)
    done = command("mer.run", f"resume={tmp_path / 'copy'}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert gone.is_dir() and "1 to train" in done.stdout
    assert (tmp_path / "copy" / run_files.PREDICTIONS).read_bytes() == (folder / run_files.PREDICTIONS).read_bytes()
    done = command("mer.run", f"resume={tmp_path / 'copy'}", "optim.lr=0.5", cwd=tmp_path)
    assert done.returncode == 2 and "optim.lr: 0.001 there, 0.5 asked for" in done.stderr


def test_a_failing_fold_is_recorded_the_others_go_on_and_a_rerun_mends_it(finished, tiny_config, tmp_path, monkeypatch):
    folder, _ = finished
    experiment = load_experiment(tiny_config)
    bad = experiment.folds[1].name
    real = train_folds.run_fold

    def sometimes(experiment, one, target):
        if one.name == bad:
            raise RuntimeError("the disk is full")
        return real(experiment, one, target)

    monkeypatch.setattr(train_folds, "run_fold", sometimes)
    results = run(tiny_config, tmp_path / "run")
    assert results["failed_folds"] and bad in json.dumps(results["failed_folds"])
    record = json.loads(run_files.failure_file(tmp_path / "run", bad).read_text(encoding="utf-8"))
    assert "the disk is full" in record["traceback"]
    table = pd.read_csv(tmp_path / "run" / run_files.FOLDS)
    assert table.set_index("fold").loc[bad, "status"] == "failed"
    assert (table["status"] == "done").sum() == 3
    monkeypatch.setattr(train_folds, "run_fold", real)
    results = run(tiny_config, tmp_path / "run")
    assert not results["failed_folds"]
    assert (tmp_path / "run" / run_files.PREDICTIONS).read_bytes() == (folder / run_files.PREDICTIONS).read_bytes()
    assert not run_files.failure_file(tmp_path / "run", bad).exists()


@pytest.mark.slow
def test_a_fold_whose_process_dies_is_recorded_and_the_others_beside_it_give_the_same_bytes(
    finished, tiny_config, tmp_path, monkeypatch
):
    folder, _ = finished
    bad = load_experiment(tiny_config).folds[2].name
    monkeypatch.setenv("MER_TEST_DYING_FOLD", bad)
    monkeypatch.setattr(train_folds, "work", die_or_work)
    config = replace(tiny_config, trainer=replace(tiny_config.trainer, parallel_folds=2))
    results = run(config, tmp_path / "run")
    assert [failed["fold"] for failed in results["failed_folds"]] == [bad]
    record = json.loads(run_files.failure_file(tmp_path / "run", bad).read_text(encoding="utf-8"))
    assert record["error"] == "a worker process was ended by SIGKILL (out of memory?)"
    kept = pd.read_csv(folder / run_files.PREDICTIONS, dtype=str)
    again = pd.read_csv(tmp_path / "run" / run_files.PREDICTIONS, dtype=str)
    pd.testing.assert_frame_equal(again, kept[kept["fold"] != bad].reset_index(drop=True))
    run(tiny_config, tmp_path / "run")
    assert (tmp_path / "run" / run_files.PREDICTIONS).read_bytes() == (folder / run_files.PREDICTIONS).read_bytes()


def die_or_work(experiment: Experiment, name: str, folder: Path) -> str | None:
    """Stands for `train_folds.work` in a worker: one fold's process is killed, as for lack of memory."""
    if name == os.environ["MER_TEST_DYING_FOLD"]:
        os.kill(os.getpid(), signal.SIGKILL)
    return train_folds.attempt(experiment, experiment.fold(name), folder)


def test_a_fold_that_diverges_fails_and_does_not_count_as_finished(tiny_config, tmp_path):
    recipe = OptimConfig(name="sgd", lr=1e12, schedule="constant", warmup=0.0, epochs=2, batch_size=8)
    with pytest.raises(AllFoldsFailedError, match="no fold"):
        run(replace(tiny_config, optim=recipe), tmp_path / "run")
    assert not finished_folders.completed_folds(tmp_path / "run")
    table = pd.read_csv(tmp_path / "run" / run_files.FOLDS)
    assert (table["status"] == "failed").all()
    assert table["error"].str.contains("optim.lr").all()


def test_folds_of_another_configuration_are_refused_without_a_manifest_too(finished, tiny_config, tmp_path):
    folder, _ = finished
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy" / run_files.MANIFEST).unlink()
    with pytest.raises(MerError, match="folds of another configuration"):
        run(replace(tiny_config, optim=replace(tiny_config.optim, lr=0.5)), tmp_path / "copy")


def test_folds_computed_under_different_versions_are_noted(finished, tiny_config, tmp_path):
    folder, results = finished
    assert not any("not all computed alike" in note for note in results["notes"])
    shutil.copytree(folder, tmp_path / "copy")
    record = finished_folders.completed_folds(tmp_path / "copy")[0] / run_files.FOLD
    changed = json.loads(record.read_text(encoding="utf-8"))
    changed["environment"]["versions"]["torch"] = "1.0"
    record.write_text(json.dumps(finished_folders.seal(record.parent, record.name, changed)), encoding="utf-8")
    notes = run(tiny_config, tmp_path / "copy")["notes"]
    assert any("versions.torch was 1.0 and" in note for note in notes)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="reads the list of child processes from Linux' /proc")
def test_a_run_killed_in_the_middle_finishes_what_is_missing_and_gives_the_same_bytes(
    finished, tiny_config, cache_dir, tmp_path
):
    folder, _ = finished
    target = tmp_path / "killed"
    shared = ("model.attention.stages=[1,4]", "name=tiny", "trainer.parallel_folds=2", f"cache_dir={cache_dir}")
    overrides = [one for one in TINY if "parallel" not in one]
    line = [
        sys.executable,
        "-m",
        "mer.run",
        "+experiment=synthetic_loso",
        *overrides,
        *shared,
        f"hydra.run.dir={target}",
    ]
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL)
    wait_for(lambda: len(finished_folders.completed_folds(target)) >= 1 or process.poll() is not None, seconds=120)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.kill()
    process.wait()
    assert len(children) >= 2, "two folds should have been in work side by side"
    wait_for(lambda: not any(alive(pid) for pid in children), seconds=20)
    kept = finished_folders.completed_folds(target)
    assert 1 <= len(kept) < 4, "the run should have been killed before its last fold"
    stamps = {one.name: (one / run_files.FOLD).stat().st_mtime_ns for one in kept}
    assert not (target / run_files.RESULTS).exists()
    run(tiny_config, target)
    assert (target / run_files.PREDICTIONS).read_bytes() == (folder / run_files.PREDICTIONS).read_bytes()
    assert stamps == {one.name: (one / run_files.FOLD).stat().st_mtime_ns for one in kept}, (
        "finished folds were trained again"
    )
    assert not list((target / run_files.FOLDS_FOLDER).glob(".*")), "half a fold was left behind"


def alive(pid: str) -> bool:
    """Whether a process runs; one that has ended and waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(condition: Callable[[], bool], *, seconds: float) -> None:
    """Return when the condition holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_a_folder_of_another_configuration_is_refused_with_the_keys_that_differ(finished, tiny_config):
    folder, _ = finished
    with pytest.raises(MerError, match=r"optim\.lr: 0\.001 there, 0\.5 asked for"):
        run(replace(tiny_config, optim=replace(tiny_config.optim, lr=0.5)), folder)


def test_the_inner_split_chooses_the_epoch(tiny_config, tmp_path):
    config = replace(tiny_config, protocol=ProtocolConfig(validation=0.4), optim=OptimConfig(epochs=3, batch_size=8))
    results = run(config, tmp_path / "run")
    for one in finished_folders.completed_folds(tmp_path / "run"):
        record = json.loads((one / run_files.FOLD).read_text(encoding="utf-8"))
        curves = pd.read_csv(one / run_files.CURVES)
        assert len(curves) == 3
        best = curves.sort_values(["validation_uf1", "validation_loss", "epoch"], ascending=[False, True, True])
        assert record["chosen_epoch"] == best["epoch"].iloc[0]
        assert record["validation"] > 0
    assert not results["failed_folds"]


@pytest.mark.parametrize(
    ("attention", "reason"),
    [
        (AttentionConfig(stages=[]), "model.attention.stages is empty"),
        (AttentionConfig(unit="se"), "a unit that weighs channels has no map"),
    ],
)
def test_networks_without_maps_run_and_keep_none(tiny_config, tmp_path, attention, reason):
    config = replace(tiny_config, model=replace(tiny_config.model, attention=attention))
    results = run(config, tmp_path / "run")
    assert results["scores"]["all"]["uf1"]["value"] >= 0
    assert not any((one / run_files.ATTENTION).exists() for one in finished_folders.completed_folds(tmp_path / "run"))
    assert reason in (tmp_path / "run" / run_files.REPORT).read_text(encoding="utf-8")


@pytest.mark.parametrize("balance", ["none", "weighted", "oversample"])
def test_every_way_of_balancing_trains(tiny_config, tmp_path, balance):
    config = replace(tiny_config, optim=replace(tiny_config.optim, balance=balance))
    assert not run(config, tmp_path / "run")["failed_folds"]


def test_the_authors_recipe_trains_by_iterations(tiny_config, tmp_path):
    recipe = OptimConfig(
        name="sgd", schedule="step", epochs=None, iterations=5, step_every=2, bias_lr=2.0, batch_size=8, warmup=0.0
    )
    run(replace(tiny_config, optim=recipe), tmp_path / "run")
    table = pd.read_csv(tmp_path / "run" / run_files.FOLDS)
    assert (table["steps"] == 5).all()
