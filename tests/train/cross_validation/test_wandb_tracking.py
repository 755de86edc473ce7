"""An offline W&B run, read back by W&B's own reader: no account, no network."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from mer import run_files
from mer.evaluation.report.input_images import data_uri, input_picture, resized
from tests.helpers.command import TINY, TINY_RECIPE, command


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Path:
    """Folder of a tiny run that was also tracked."""
    folder = tmp_path_factory.mktemp("tracked")
    done = command(
        "mer.run",
        "+experiment=synthetic_loso",
        *TINY,
        "optim.epochs=2",
        "logger=wandb",
        f"cache_dir={cache_dir}",
        f"hydra.run.dir={folder / 'run'}",
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    return folder / "run"


def inspect(run: Path, *options: str) -> str:
    (stored,) = run.glob("wandb/offline-run-*/run-*.wandb")
    return subprocess.run(
        [sys.executable, "-m", "wandb", "leet", "inspect", "--json", *options, str(stored)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_configuration_and_scores_read_back(tracked: Path):
    found = json.loads(inspect(tracked, "--summary"))
    assert found["state"] == "finished"
    assert found["config"]["optim"]["epochs"] == 2
    assert found["config"]["data"]["clips"] == 24
    results = json.loads((tracked / run_files.RESULTS).read_text(encoding="utf-8"))
    for score in ("uf1", "uar", "accuracy", "weighted_f1"):
        expected = results["scores"]["all"][score]
        assert found["summary"][score] == pytest.approx(expected["value"])
        assert found["summary"][f"{score}_low"] == pytest.approx(expected["low"])
    assert found["summary"]["synthetic"] is True


def test_the_curves_of_every_fold_read_back(tracked: Path):
    rows = [json.loads(line) for line in inspect(tracked).splitlines()]
    items = [row["history"]["item"] for row in rows if row["type"] == "history"]
    for name in pd.read_csv(tracked / run_files.FOLDS)["fold"]:
        curves = pd.read_csv(run_files.fold_folder(tracked, name) / run_files.CURVES)
        assert len(curves) == 2
        for curve in ("train_loss", "train_accuracy", "lr"):
            key = f"folds/{name}/{curve}"
            assert [item[key] for item in items if key in item] == pytest.approx(curves[curve].tolist())


def test_predictions_and_pictures_lie_beside_the_run(tracked: Path):
    (media,) = tracked.glob("wandb/offline-run-*/files/media")
    (table,) = media.glob("table/predictions*.table.json")
    stored = json.loads(table.read_text(encoding="utf-8"))
    predictions = pd.read_csv(tracked / run_files.PREDICTIONS)
    assert stored["columns"] == list(predictions.columns)
    assert [row[0] for row in stored["data"]] == list(predictions["sample_id"])
    assert len(list(media.glob("images/attention*.png"))) == 3
    assert len(list(media.glob("images/confusion_matrix*.png"))) == 1


def test_without_it_nothing_of_wandb_is_written(tmp_path: Path, cache_dir: Path):
    done = command(
        "mer.run", "+experiment=synthetic_loso", *TINY, f"cache_dir={cache_dir}", "hydra.run.dir=run", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.rglob("*wandb*"))


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


@pytest.mark.parametrize("asked", [False, True])
def test_faces_of_participants_leave_the_machine_only_when_asked(recorded: Path, tmp_path: Path, asked: bool):
    done = command(
        "mer.run",
        "+experiment=manifest_plain",
        "input=apex",
        *TINY_RECIPE,
        f"data.manifest={recorded / 'list.csv'}",
        "logger=wandb",
        f"logger.media={asked}",
        f"evaluation.pictures={asked}",
        f"cache_dir={tmp_path / 'cache'}",
        f"hydra.run.dir={tmp_path / 'run'}",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    run = tmp_path / "run"
    logged = [path.name.partition("_")[0] for path in run.glob("wandb/offline-run-*/files/media/images/*.png")]
    report = (run / run_files.REPORT).read_text(encoding="utf-8")
    kept = 0
    for path in run.glob(f"folds/*/{run_files.ATTENTION}"):
        with np.load(path) as found:
            pictures = [data_uri(resized(input_picture(image), longest=128)) for image in found["images"]]
        kept += len(pictures)
        assert [picture in report for picture in pictures] == [asked] * len(pictures)
    assert kept == 3
    assert logged.count("attention") == (3 if asked else 0) and "confusion" in logged
    (store,) = run.glob("wandb/offline-run-*/run-*.wandb")
    assert (b"media/images/attention" in store.read_bytes()) == asked
