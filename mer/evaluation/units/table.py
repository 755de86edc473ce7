"""The predictions of action units as one table: one row a clip, three columns a unit.

Contract: columns sample_id, dataset, subject, fold, then for each unit in order `true_AU12` (1 present, 0 absent, -1
not known), `predicted_AU12` (1 or 0) and `prob_AU12` (0..1); rows sorted by sample_id, each clip of the run once. The
CSV is the same byte for byte for the same predictions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np
import pandas as pd

from mer.data.facs.unit_targets import unit_name
from mer.data.samples.table import SampleTable
from mer.evaluation.predictions import PREDICTED_PREFIX, PROBABILITY_PREFIX, TRUE_PREFIX, PredictionError

#: Columns before those of the units.
COLUMNS = ("sample_id", "dataset", "subject", "fold")
#: The threshold where nothing chose another one.
HALF = 0.5


class UnitSamples(Protocol):
    """What scores need of the clips of a run (`mer.inputs.prepared_samples.PreparedSamples` has it)."""

    @property
    def table(self) -> SampleTable:
        """One row a clip."""
        ...

    @property
    def units(self) -> tuple[int, ...]:
        """Numbers of K units."""
        ...

    @property
    def targets(self) -> np.ndarray:
        """Truth (N, K), 1, 0 or -1."""
        ...


def unit_columns(units: Sequence[int]) -> list[str]:
    """Return the column names of a table of predictions, in order."""
    kinds = (TRUE_PREFIX, PREDICTED_PREFIX, PROBABILITY_PREFIX)
    return [*COLUMNS, *(f"{kind}{unit_name(unit)}" for unit in units for kind in kinds)]


def make_table(
    rows: pd.DataFrame, units: Sequence[int], *, fold: str, truth: np.ndarray, probabilities: np.ndarray
) -> pd.DataFrame:
    """Return the table of one fold, decided at a threshold of one half.

    Args:
        rows: sample_id, dataset and subject of N clips.
        units: K numbers.
        fold: its name.
        truth: (N, K), 1, 0 or -1.
        probabilities: (N, K), 0..1.
    """
    table = rows[["sample_id", "dataset", "subject"]].assign(fold=fold)
    columns = {}
    for k, unit in enumerate(units):
        name = unit_name(unit)
        columns[f"{TRUE_PREFIX}{name}"] = truth[:, k].astype(np.int64)
        columns[f"{PREDICTED_PREFIX}{name}"] = (probabilities[:, k] >= HALF).astype(np.int64)
        columns[f"{PROBABILITY_PREFIX}{name}"] = probabilities[:, k].astype(np.float64)
    return pd.concat([table.reset_index(drop=True), pd.DataFrame(columns)], axis=1)


def apply_thresholds(table: pd.DataFrame, thresholds: Mapping[str, float]) -> pd.DataFrame:
    """Return the table decided anew: a unit (`AU12`) is present from its threshold on."""
    decided = {
        f"{PREDICTED_PREFIX}{name}": (table[f"{PROBABILITY_PREFIX}{name}"] >= threshold).astype(np.int64)
        for name, threshold in thresholds.items()
    }
    return table.assign(**decided)


def truth_of(table: pd.DataFrame, units: Sequence[int]) -> np.ndarray:
    """Return the truth (N, K), 1, 0 or -1."""
    return table[[f"{TRUE_PREFIX}{unit_name(unit)}" for unit in units]].to_numpy()


def predicted_of(table: pd.DataFrame, units: Sequence[int]) -> np.ndarray:
    """Return the answers (N, K), 1 or 0."""
    return table[[f"{PREDICTED_PREFIX}{unit_name(unit)}" for unit in units]].to_numpy()


def probabilities_of(table: pd.DataFrame, units: Sequence[int]) -> np.ndarray:
    """Return the probabilities (N, K) float64."""
    return table[[f"{PROBABILITY_PREFIX}{unit_name(unit)}" for unit in units]].to_numpy(dtype=np.float64)


def pool_units(frames: Iterable[pd.DataFrame], samples: UnitSamples) -> pd.DataFrame:
    """Return the pooled predictions of all folds, sorted by sample_id.

    Args:
        frames: one table a fold.
        samples: of the run, with whose truth the predictions must agree.

    Raises:
        PredictionError: other columns, a clip that is unknown or predicted twice, a truth or subject that differs from
            the table's, a probability outside 0..1.
    """
    table, units = samples.table, samples.units
    columns, parts = unit_columns(units), list(frames)
    for part in parts:
        if not set(columns) <= set(part.columns):
            absent = [name for name in columns if name not in part]
            raise PredictionError(f"expected predictions of units, got none of the columns {', '.join(absent)}")
    pooled = pd.concat([part[columns] for part in parts], ignore_index=True)
    pooled = pooled.sort_values("sample_id", kind="stable", ignore_index=True)
    place = {name: row for row, name in enumerate(table.frame["sample_id"])}
    ids = pooled["sample_id"]
    _refuse(ids[ids.duplicated()], "predicted more than once")
    _refuse(ids[~ids.isin(place.keys())], "not in the sample table")
    rows = [place[name] for name in ids]
    for name in ("dataset", "subject"):
        _refuse(ids[pooled[name].to_numpy() != table.frame[name].to_numpy()[rows]], f"with another {name}")
    other = (truth_of(pooled, units) != samples.targets[rows]).any(axis=1)
    _refuse(ids[other], "with other units than their code says")
    values = probabilities_of(pooled, units)
    _refuse(ids[~((values >= 0) & (values <= 1)).all(axis=1)], "with a probability outside 0..1")
    return pooled


def _refuse(ids: Iterable[str], what: str) -> None:
    names = sorted(set(map(str, ids)))
    if names:
        raise PredictionError(
            f"expected one prediction of units a clip of the run, got {len(names)} {what}, e.g. {names[0]}; delete "
            "folds/ in the run's folder and give the command again"
        )
