"""Define null runs (`null=...`), which train on permuted labels or without the apex, and must score at chance.

Contract: a null run has folders, resume and report like any other run. `permuted_labels` shuffles labels within the
training part of each fold, within its inner split, and within each stage and co-training; the seed depends on the run's
seed and the name of fold or stage. Test samples keep their labels. `onset_only` replaces the apex by the onset frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mer.config import Config
from mer.data.samples.table import SampleTable
from mer.errors import SampleError
from mer.inputs.representations.registry import REPRESENTATIONS, SPAN
from mer.protocols.registry import Fold
from mer.utils.seeding import seed_from

NONE, PERMUTED, ONSET = "none", "permuted_labels", "onset_only"
#: Values of `null` with what they do, in words for reports.
NULLS = {
    PERMUTED: "Networks trained on labels that were shuffled within each fold's training part, and within the data of "
    "stages and co-training where there are any; tested on true labels.",
    ONSET: "Networks trained and tested without the apex: the onset frame stands in its place.",
}


def config_errors(config: Config) -> list[str]:
    """Return the errors of `null` and `sanity`, one sentence each."""
    found = []
    if config.sanity and config.null != NONE:
        found.append(f"sanity: expected false in a null run (null={config.null}), got true; set one of them")
    return found


def why_no_onset(table: SampleTable, config: Config) -> str | None:
    """Return why `onset_only` is impossible for these samples; None if it is possible."""
    if config.input.representation == "motion_map":
        return "the samples are motion maps, computed elsewhere from onset and apex"
    lacking = int((table.frame["onset_path"] == "").sum())
    if lacking:
        return f"{lacking} of {len(table)} samples have no onset frame"
    return None


def apply_onset_only(table: SampleTable, config: Config) -> SampleTable:
    """Return the table to compute inputs from. With `null=onset_only` the onset frame replaces the apex.

    Raises:
        SampleError: if `onset_only` is asked for and a sample has no onset frame.
    """
    if config.null != ONSET:
        return table
    why = why_no_onset(table, config)
    if why is not None:
        raise SampleError(f"{table.name}: null=onset_only needs the onset frame of every clip, but {why}")
    return replace(table, frame=table.frame.assign(apex_path=table.frame["onset_path"]))


def permute_fold_labels(table: SampleTable, config: Config, fold: Fold) -> SampleTable:
    """Return the table that trains one fold; its labels are shuffled with `null=permuted_labels`."""
    if config.null != PERMUTED:
        return table
    order = np.arange(len(table))
    place = {sample: row for row, sample in enumerate(table.frame["sample_id"])}
    for part in ("train", "validation"):
        rows = _rows(getattr(fold, part), place)
        generator = np.random.default_rng(seed_from(config.seed, PERMUTED, fold.name, part))
        order[rows] = generator.permutation(rows)
    return _permuted(table, config, order)


def permute_labels(table: SampleTable, config: Config, key: str) -> SampleTable:
    """Return the table that trains a stage or co-training; its labels are shuffled with `null=permuted_labels`.

    True labels there would teach the real task to a run that must score at chance.

    Args:
        table: the samples of the other source.
        config: the configuration of the run.
        key: key of the source in the configuration, e.g. `stages.macro`; each key gives another order.
    """
    if config.null != PERMUTED:
        return table
    generator = np.random.default_rng(seed_from(config.seed, PERMUTED, key))
    return _permuted(table, config, generator.permutation(len(table)))


def _permuted(table: SampleTable, config: Config, order: np.ndarray) -> SampleTable:
    """Return the table with the label of row `order[i]` in row i, and its action units where these are learned."""
    columns = ("label",) if config.task.name == "emotion" else ("label", "aus")
    return replace(
        table, frame=table.frame.assign(**{name: table.frame[name].to_numpy(dtype=object)[order] for name in columns})
    )


def null_configs(config: Config, table: SampleTable, folds: Sequence[Fold]) -> dict[str, Config]:
    """Return the configuration of each possible null run that `sanity` adds, by name."""
    kept = [name for name in NULLS if why_not(name, config, table, folds) is None]
    return {name: replace(config, null=name, sanity=False) for name in kept}


def why_not(name: str, config: Config, table: SampleTable, folds: Sequence[Fold]) -> str | None:
    """Return why a null run is impossible for these samples and folds; None if it is possible."""
    if name == PERMUTED and not all(fold.train for fold in folds):
        return "a fold trains on none of these samples, so no label of theirs is learned"
    return why_no_onset(table, config) if name == ONSET else None


def what_is_seen(config: Config) -> str:
    """Describe the input of a network under `null=onset_only`."""
    if {"onset", SPAN} & {*REPRESENTATIONS[config.input.representation].frames}:
        return "the onset frame alone where others see motion, so no motion at all"
    return "the onset frame alone, a face before it moves"


def _rows(samples: Sequence[str], place: dict[str, int]) -> np.ndarray:
    return np.array([place[sample] for sample in samples], dtype=np.int64)
