"""Runs logged to W&B offline, read back by W&B's own reader: no account, no network."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from mer import run_files
from mer.evaluation.report.input_images import data_uri, input_picture, resized
from tests.helpers.command import TINY, TINY_RECIPE, command
from tests.helpers.wandb_store import StoredRun, stored

#: Variables that an earlier run, a script or a sweep leaves behind, and that would make one run of many.
INHERITED = {"WANDB_RUN_ID": "another", "WANDB_RESUME": "must", "WANDB_SWEEP_ID": "sweep", "WANDB_RUN_GROUP": "others"}
FOLDS = [f"synthetic-s{k:03d}" for k in range(4)]


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Path:
    """Folder of a tiny run, logged to W&B and to tables, in a process that had another run of W&B before."""
    folder = tmp_path_factory.mktemp("tracked")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("WANDB_DATA_DIR")
        for name, value in INHERITED.items():
            patch.setenv(name, value)
        done = command(
            "mer.run",
            "+experiment=synthetic_loso",
            *TINY,
            "optim.epochs=2",
            "protocol.validation=0.3",
            "logger=many",
            "logger.artifacts=best",
            "logger.tags=[pilot,'first try']",
            "logger.notes=what it is for",
            f"cache_dir={cache_dir}",
            f"hydra.run.dir={folder / 'run'}",
            cwd=folder,
        )
        assert {name: os.environ[name] for name in INHERITED} == INHERITED
    assert done.returncode == 0, done.stderr
    return folder / "run"


@pytest.fixture(scope="module")
def runs(tracked: Path) -> dict[str, StoredRun]:
    """What W&B reads in its folder."""
    return stored(tracked)


@pytest.fixture(scope="module")
def summary(runs: dict[str, StoredRun]) -> StoredRun:
    return runs["synthetic_loso-seed0"]


def test_there_is_a_run_a_fold_and_one_of_the_experiment(tracked: Path, runs: dict[str, StoredRun]):
    results = json.loads((tracked / run_files.RESULTS).read_text(encoding="utf-8"))
    trainings = [f"synthetic_loso-seed0-fold-{name}" for name in FOLDS]
    assert sorted(runs) == ["synthetic_loso-seed0", *trainings]
    assert {name: one.header["job_type"] for name, one in runs.items()} == {
        "synthetic_loso-seed0": "summary",
        **dict.fromkeys(trainings, "fold"),
    }
    assert {one.header["run_group"] for one in runs.values()} == {f"synthetic_loso-{results['config_hash'][:8]}"}
    assert len({one.header["run_id"] for one in runs.values()} - {"another"}) == 5
    for one in runs.values():
        assert one.exit_code == 0 and not one.header.get("resume") and "sweep_id" not in one.header
        assert one.header["tags"] == ["synthetic", "pilot", "first try"]
        assert one.header["notes"] == "what it is for" and one.header["project"] == "mer"
        assert one.config["config_hash"] == results["config_hash"]
        assert one.config["optim"]["epochs"] == 2 and one.config["data"]["clips"] == 24
        assert "optim.epochs=2" in one.config["overrides"] and one.config["sweep"] is None
    assert [runs[name].config["fold"] for name in trainings] == FOLDS


def test_the_curves_of_every_fold_read_back_over_the_epochs(tracked: Path, runs: dict[str, StoredRun]):
    columns = ("train_loss", "train_accuracy", "validation_loss", "validation_uf1", "lr")
    for name in FOLDS:
        one, folder = runs[f"synthetic_loso-seed0-fold-{name}"], run_files.fold_folder(tracked, name)
        curves = pd.read_csv(folder / run_files.CURVES)
        assert len(curves) == 2
        table = pd.read_csv(tracked / "loggers" / "csv" / f"fold-{name}" / "metrics.csv").groupby("epoch").first()
        for curve in columns:
            assert one.curve(curve) == pytest.approx(curves[curve].tolist(), rel=1e-5)
            assert table[curve].tolist() == pytest.approx(curves[curve].tolist(), rel=1e-5)
        # over each other: each of a fold's rows says its epoch, which is the axis
        assert {item["epoch"] for item in one.history} == {0, 1}
        assert {one.steps[key] for key in ("train_*", "validation_*", "lr")} == {"epoch"}
        record = json.loads((folder / run_files.FOLD).read_text(encoding="utf-8"))
        for key in ("accuracy", "chosen_epoch", "validation_uf1", "steps", "test"):
            assert one.summary[key] == pytest.approx(record[key])


def test_scores_and_what_limits_them_read_back(tracked: Path, summary: StoredRun):
    results = json.loads((tracked / run_files.RESULTS).read_text(encoding="utf-8"))
    found = summary.summary
    for score in ("uf1", "uar", "accuracy", "weighted_f1"):
        expected = results["scores"]["all"][score]
        for key, part in ((score, "value"), (f"{score}_low", "low"), (f"{score}_high", "high")):
            assert found[key] == pytest.approx(expected[part])
    assert found["synthetic"] is True and found["selection"] == "inner" and found["null"] == "none"
    assert found["objective"] == found["validation_uf1"] == pytest.approx(results["validation_uf1"])
    best = max(row["uf1"]["value"] for row in results["baselines"].values())
    assert found["baseline_uf1"] == pytest.approx(best)
    assert found["above_baseline"] == pytest.approx(found["uf1"] - best)


def test_predictions_and_pictures_lie_beside_the_run(tracked: Path, summary: StoredRun):
    (media,) = tracked.glob("wandb/offline-run-*/files/media")
    (table,) = media.glob("table/predictions*.table.json")
    content = json.loads(table.read_text(encoding="utf-8"))
    predictions = pd.read_csv(tracked / run_files.PREDICTIONS)
    assert content["columns"] == [*predictions.columns, "input", "attention_maps"]
    assert [row[0] for row in content["data"]] == list(predictions["sample_id"])
    assert [row[2] for row in content["data"]] == list(predictions["subject"])
    # the pictures of the table lie in its artifact, input and maps of each kept sample
    assert sum(row[-1] is not None for row in content["data"]) == 3
    assert sum(path.endswith(".png") for path in summary.artifacts["predictions"]) == 6
    assert len(list(media.glob("images/attention*.png"))) == 3
    assert len(list(media.glob("images/confusion_matrix*.png"))) == 1
    (people,) = media.glob("table/per_subject*.table.json")
    right = (predictions["label"] == predictions["predicted"]).groupby(predictions["subject"])
    assert json.loads(people.read_text(encoding="utf-8"))["data"] == [
        [name, len(rows), pytest.approx(rows.mean())] for name, rows in right
    ]


def test_the_files_of_the_results_and_the_best_network_are_artifacts(tracked: Path, summary: StoredRun):
    files = ["config.yaml", "folds.csv", "manifest.json", "predictions.csv", "report.html", "results.json"]
    assert sorted(summary.artifacts["results"]) == files
    assert summary.artifacts["model"] == ["model.ckpt"]
    inner = {
        name: json.loads((run_files.fold_folder(tracked, name) / run_files.FOLD).read_text())["validation_uf1"]
        for name in FOLDS
    }
    assert inner[summary.summary["model_of_fold"]] == max(inner.values())
    # what W&B uploads later lies in the run's folder
    assert any((tracked / "wandb" / "artifacts" / "staging").iterdir())


def test_the_same_command_again_logs_nothing_twice(tracked: Path, runs: dict[str, StoredRun], cache_dir: Path):
    before = {name: one.header["run_id"] for name, one in runs.items()}
    times = {path: path.stat().st_mtime_ns for path in tracked.glob("wandb/offline-run-*/run-*.wandb")}
    done = command("mer.run", f"resume={tracked}", cwd=tracked.parent)
    assert done.returncode == 0, done.stderr
    again = stored(tracked)
    assert {name: one.header["run_id"] for name, one in again.items()} == before
    kept = {
        path for path in tracked.glob("wandb/offline-run-*/run-*.wandb") if times.get(path) == path.stat().st_mtime_ns
    }
    assert len(kept) == 4  # the folds'; the summary is written anew
    assert again["synthetic_loso-seed0"].summary["uf1"] == runs["synthetic_loso-seed0"].summary["uf1"]
    assert "optim.epochs=2" in again["synthetic_loso-seed0"].config["overrides"]


def test_a_run_made_without_wandb_is_logged_from_its_files(tracked: Path, tmp_path: Path, cache_dir: Path):
    """Leaky, so that the name under which a held-out score is logged can be read too."""
    arguments = ("+experiment=synthetic_leaky", *TINY, f"cache_dir={cache_dir}", "hydra.run.dir=run")
    done = command("mer.run", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.rglob("*wandb*"))
    before = (tmp_path / "run" / run_files.PREDICTIONS).read_bytes()
    done = command("mer.run", *arguments, "logger=wandb", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = stored(tmp_path / "run")
    assert len(found) == 5 and all("-LEAKY" in name for name in found)
    for one in found.values():
        assert one.header["tags"] == ["synthetic", "leaky"]
        said = {*one.summary, *(key for item in one.history for key in item)}
        assert not [key for key in said if key.startswith("validation_")]
        if one.header["job_type"] == "fold":
            assert len(one.curve("held_out_uf1")) == 1 and one.steps["held_out_*"] == "epoch"
    ids = {one.header["run_id"] for one in found.values()}
    assert not ids & {one.header["run_id"] for one in stored(tracked).values()}
    assert (tmp_path / "run" / run_files.PREDICTIONS).read_bytes() == before


def test_wandb_that_breaks_down_costs_no_result(tmp_path: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch):
    import wandb

    def broken(*_: object, **__: object) -> None:
        raise OSError("no space left on the disk of W&B")

    monkeypatch.setattr(wandb.Run, "log", broken)
    monkeypatch.setattr(wandb.Run, "log_artifact", broken)
    done = command(
        *("mer.run", "+experiment=synthetic_loso", *TINY, "logger=wandb"),
        *(f"cache_dir={cache_dir}", f"hydra.run.dir={tmp_path / 'run'}"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "run" / run_files.RESULTS).read_text(encoding="utf-8"))
    assert results["complete"] and results["scores"]["all"]["uf1"]["value"] is not None
    # said once a training, and not noted as logged: the run can be logged later
    told = [line for line in done.stdout.splitlines() if "wandb stopped logging" in line]
    assert len(told) == 5 and all("no space left" in line for line in told)
    assert not list((tmp_path / "run" / "loggers" / "logged").glob("*"))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with `list.csv`: pictures of invented people, which nothing marks as drawn."""
    folder = tmp_path_factory.mktemp("recorded")
    random = np.random.default_rng(0)
    lines = ["sample_id,dataset,subject,label,path"]
    for subject in ("p1", "p2", "p3"):
        for label in ("negative", "positive"):
            name = f"{subject}_{label}"
            cv2.imwrite(str(folder / f"{name}.png"), random.integers(0, 256, (32, 32), dtype=np.uint8))
            lines.append(f"{name},mine,{subject},{label},{name}.png")
    (folder / "list.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("media", "pictures", "logged_report"),
    [pytest.param(False, False, True, marks=pytest.mark.slow), (True, True, True), (False, True, False)],
)
def test_faces_of_participants_leave_the_machine_only_when_asked(
    recorded: Path, tmp_path: Path, media: bool, pictures: bool, logged_report: bool
):
    done = command(
        "mer.run",
        "+experiment=manifest_plain",
        "input=apex",
        *TINY_RECIPE,
        f"data.manifest={recorded / 'list.csv'}",
        "logger=wandb",
        f"logger.media={media}",
        f"evaluation.pictures={pictures}",
        f"cache_dir={tmp_path / 'cache'}",
        f"hydra.run.dir={tmp_path / 'run'}",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    run = tmp_path / "run"
    images = [path.name.partition("_")[0] for path in run.glob("wandb/offline-run-*/files/media/images/*.png")]
    report = (run / run_files.REPORT).read_text(encoding="utf-8")
    kept = 0
    for path in run.glob(f"folds/*/{run_files.ATTENTION}"):
        with np.load(path) as found:
            shown = [data_uri(resized(input_picture(image), longest=128)) for image in found["images"]]
        kept += len(shown)
        assert [picture in report for picture in shown] == [pictures] * len(shown)
    assert kept == 3
    assert images.count("attention") == (3 if media else 0) and "confusion" in images
    found = {name: one for name, one in stored(run).items() if one.header["job_type"] == "summary"}
    (summary,) = found.values()
    # the report, too, may show faces
    assert ("report.html" in summary.artifacts["results"]) == logged_report
    columns = [json.loads(path.read_text())["columns"] for path in run.rglob("predictions*.table.json")]
    assert [("input" in one) for one in columns] == [media]
    everything = b"".join(path.read_bytes() for path in run.glob("wandb/offline-run-*/run-*.wandb"))
    assert (b"media/images/attention" in everything) == media


@pytest.mark.slow
@pytest.mark.parametrize("after", [0.0, 0.4])
def test_a_killed_run_is_continued_in_its_own_runs(tmp_path: Path, cache_dir: Path, after: float):
    """With folds in two worker processes; each training is one run of W&B, whole, whatever was killed."""
    arguments = [
        *("+experiment=synthetic_loso", *TINY, "optim.epochs=12", "logger=wandb", "trainer.parallel_folds=2"),
        *(f"cache_dir={cache_dir}", "hydra.run.dir=run"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    started = subprocess.Popen(
        [sys.executable, "-m", "mer.run", *arguments],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    run = tmp_path / "run"
    end = time.monotonic() + 120
    while not (done := list(run.glob("folds/*/fold.json"))) and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(after)
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()
    assert done
    begun = {path.name.rpartition("-")[2] for path in run.glob("wandb/offline-run-*")}
    assert len(begun) >= 2
    again = command("mer.run", f"resume={run}", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    found = stored(run)
    assert len(found) == 5 and {one.exit_code for one in found.values()} == {0}
    assert begun <= {one.header["run_id"] for one in found.values()}
    for one in found.values():
        if one.header["job_type"] == "fold":
            assert one.curve("epoch") == list(range(12))
