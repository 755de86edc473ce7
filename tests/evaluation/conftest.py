"""Small invented tables, folds and predictions, made by hand so that what is expected is known without our own code."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from mer.corpus.samples import SampleTable
from mer.protocols.folds import Fold

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


@pytest.fixture
def table() -> SampleTable:
    """60 samples of 10 people in two data sets; every person shows every class."""
    subjects = [f"{index:03d}" for index in range(1, 11) for _ in range(6)]
    datasets = ["alpha" if int(name) <= 6 else "beta" for name in subjects]
    labels = ["negative", "negative", "negative", "positive", "positive", "surprise"] * 10
    return make_table(labels, subjects, datasets=datasets, notes=("The middle frame stands for the apex of 3 clips.",))
