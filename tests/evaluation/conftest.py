"""Small invented tables, folds and predictions, made by hand so that what is expected is known without our own code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mer import run_files
from mer.config import Config, DataConfig, EvaluationConfig
from mer.data.samples.table import SampleTable
from mer.evaluation.predictions import pool_folds, write_predictions
from mer.evaluation.results import summarise
from mer.protocols.registry import Fold
from mer.utils.atomic_files import write_json

CLASSES = ("negative", "positive", "surprise")


def make_table(
    labels: Sequence[str],
    subjects: Sequence[str],
    *,
    datasets: Sequence[str] | None = None,
    classes: tuple[str, ...] = CLASSES,
    notes: tuple[str, ...] = (),
    synthetic: bool = False,
) -> SampleTable:
    """A table of one row a label; sample ids are `<dataset>/<subject>_<row>`."""
    datasets = datasets or ["invented"] * len(labels)
    rows = [
        {
            "sample_id": f"{dataset}/{subject}_{row:03d}",
            "dataset": dataset,
            "subject": subject,
            "clip": f"{row:03d}",
            "onset": 1,
            "apex": 10,
            "offset": 20,
            "apex_source": "annotated",
            "label": label,
            "emotion": label,
        }
        | dict.fromkeys(("aus", "onset_path", "apex_path", "offset_path", "folder"), "")
        for row, (label, subject, dataset) in enumerate(zip(labels, subjects, datasets, strict=True))
    ]
    return SampleTable(pd.DataFrame(rows), classes, name="invented set", notes=notes, synthetic=synthetic)


def make_folds(table: SampleTable) -> list[Fold]:
    """One fold a subject, named `<dataset>-<subject>`."""
    ids, subjects = table.frame["sample_id"], table.subjects
    return [
        Fold(
            name.replace(":", "-"),
            tuple(ids[(subjects != name).to_numpy()]),
            (),
            tuple(ids[(subjects == name).to_numpy()]),
        )
        for name in sorted(set(subjects))
    ]


def make_predictions(table: SampleTable, *, right: float = 0.7, seed: int = 0) -> list[pd.DataFrame]:
    """Predictions of each fold of `make_folds(table)`: random ones, tilted so that about `right` of them are right."""
    generator = np.random.default_rng(seed)
    classes = len(table.classes)
    frames = []
    for fold in make_folds(table):
        part = table.frame[table.frame["sample_id"].isin(fold.test)][["sample_id", "dataset", "subject", "label"]]
        truth = np.array([table.classes.index(label) for label in part["label"]])
        guess = np.where(generator.random(len(part)) < right, truth, generator.integers(0, classes, len(part)))
        values = generator.dirichlet(np.ones(classes), len(part)) * 0.4 + 0.6 * np.eye(classes)[guess]
        frame = part.assign(fold=fold.name, predicted=[table.classes[index] for index in guess])
        for index, name in enumerate(table.classes):
            frame[f"prob_{name}"] = values[:, index]
        frames.append(frame)
    return frames


def make_curves(fold: int, *, epochs: int = 30, validation: bool = False) -> pd.DataFrame:
    """Falling loss and rising accuracy with noise of their own for each fold."""
    generator = np.random.default_rng(fold)
    epoch = np.arange(epochs)
    noise = generator.normal(0, 0.02, epochs)
    frame = pd.DataFrame(
        {
            "epoch": epoch,
            "step": (epoch + 1) * 5,
            "lr": 1e-3,
            "train_loss": 0.15 + np.exp(-epoch / (7 + fold % 4)) + np.abs(noise),
            "train_accuracy": np.clip(0.95 - 0.6 * np.exp(-epoch / (6 + fold % 3)) + noise, 0, 1),
        }
    )
    if validation:
        frame["validation_loss"] = frame["train_loss"] + 0.3
        frame["validation_uf1"] = frame["train_accuracy"] - 0.2
    return frame.assign(seconds=(epoch + 1) * 0.1)


def make_attention(samples: Sequence[str], *, channels: int = 3, side: int = 56) -> dict[str, np.ndarray]:
    """Content of `attention.npz`: a bump of motion (or a grey blob) and maps of four stages with a peak there."""
    v, u = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    bump = np.exp(-((u - 0.3) ** 2 + (v - 0.4) ** 2) / 0.1)
    stack = [np.sin(3 * v) * bump, -np.cos(3 * u) * bump, bump] if channels == 3 else [120 + 100 * bump]
    images = np.repeat(np.stack(stack)[None], len(samples), axis=0).astype(np.float32)
    found = {"sample_ids": np.array(samples), "images": images, "stages": np.array([1, 2, 3, 4])}
    for stage, cells in zip((1, 2, 3, 4), (14, 7, 4, 2), strict=True):
        y, x = np.mgrid[-1 : 1 : cells * 1j, -1 : 1 : cells * 1j]
        one = 0.5 + 0.02 * stage * np.exp(-((x - 0.3) ** 2 + (y - 0.4) ** 2) / 0.3)
        found[f"map_{stage}"] = np.repeat(one[None], len(samples), axis=0).astype(np.float32)
    return found


def make_run(
    run: Path,
    table: SampleTable,
    *,
    failed: Sequence[str] = (),
    stages: Sequence[int] = (1, 2, 3, 4),
    validation: bool = False,
    channels: int = 3,
) -> dict[str, Any]:
    """Results of an invented run whose folder is written as training would leave it, but for the report."""
    config = Config(
        name="invented_loso",
        seed=3,
        data=DataConfig(name="invented"),
        evaluation=EvaluationConfig(bootstrap=300, random_draws=200),
    )
    rows, kept = [], []
    for place, (fold, frame) in enumerate(zip(make_folds(table), make_predictions(table), strict=True)):
        counts = {"train": len(fold.train), "validation": 0, "test": len(fold.test)}
        row: dict[str, Any] = {"fold": fold.name, "status": "done", **counts, "error": ""}
        if fold.name in failed:
            error = "RuntimeError: the <loss> & its gradient are nan"
            trace = f'Traceback (most recent call last):\n  File "fold.py", line 1, in fit\n    step()\n{error}\n'
            write_json(run_files.failure_file(run, fold.name), {"fold": fold.name, "error": error, "traceback": trace})
            rows.append(row | {"status": "failed", "error": error})
            continue
        kept.append(frame)
        hits = float((frame["label"] == frame["predicted"]).mean())
        rows.append(row | {"epochs": 30, "steps": 150, "seconds": 3.0, "train_seconds": 2.4, "accuracy": hits})
        folder = run_files.fold_folder(run, fold.name)
        write_json(folder / run_files.FOLD, {"fold": fold.name, "config_hash": "0", "environment": {}})
        make_curves(place, validation=validation).to_csv(folder / run_files.CURVES, index=False)
        if stages and place % 2 == 0:
            np.savez_compressed(folder / run_files.ATTENTION, **make_attention(fold.test[:1], channels=channels))
    columns = ("fold", "status", *counts, "epochs", "steps", "seconds", "train_seconds", "accuracy", "error")
    folds = pd.DataFrame(rows, columns=columns)
    folds.to_csv(run / run_files.FOLDS, index=False)
    predictions = pool_folds(kept, table, allow_missing=True)
    write_predictions(run / run_files.PREDICTIONS, predictions)
    results = summarise(
        predictions,
        table,
        folds,
        splits=make_folds(table),
        config=config,
        parameters=4_903_239,
        data_hash="89abcdef01234567",
    )
    write_json(run / run_files.RESULTS, results)
    write_json(
        run / run_files.MANIFEST,
        {
            "config_hash": results["config_hash"],
            "data_hash": results["data_hash"],
            "config": {"model.attention.stages": list(stages), "evaluation.attention_samples": 12},
            "started": "2026-01-02T03:04:05+00:00",
            "python": "3.11.4",
            "platform": "Linux-6.1-x86_64",
            "cpu_count": 2,
            "threads": 1,
            "gpus": [],
            "versions": {"mer": "0.1.0", "torch": "2.13.0"},
            "git": {"commit": "0123456789abcdef0123456789abcdef01234567", "dirty": True},
        },
    )
    (run / run_files.CONFIG).write_text("name: invented_loso\nseed: 3\ndata:\n  name: <invented>\n", encoding="utf-8")
    return results


@pytest.fixture
def table() -> SampleTable:
    """60 samples of 10 people in two data sets; every person shows every class."""
    subjects = [f"{index:03d}" for index in range(1, 11) for _ in range(6)]
    datasets = ["alpha" if int(name) <= 6 else "beta" for name in subjects]
    labels = ["negative", "negative", "negative", "positive", "positive", "surprise"] * 10
    return make_table(labels, subjects, datasets=datasets, notes=("The middle frame stands for the apex of 3 clips.",))
