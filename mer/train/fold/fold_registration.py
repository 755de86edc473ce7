"""Register the inputs of one fold (`input.register`): each data set's maps, by what its training people show.

Contract: no label is read. `auto` fits one similarity a data set to the drawing's mean energy, on the maps of the
fold's training part. A data set that no training sample has, as in zero shot, is fitted on its tested maps as a whole.
A file gives the similarities instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from mer.config import Config, MotionPriorData
from mer.data import registry as catalog
from mer.inputs import pipeline
from mer.inputs.registration import (
    AUTO,
    NONE,
    Registration,
    Similarity,
    energies,
    find_registration,
    read_similarities,
    register_maps,
)
from mer.protocols.registry import Fold
from mer.train.experiment.experiment import Experiment

#: Drawn maps whose mean energy is the aim; more change it by less than a hundredth.
REFERENCE = MotionPriorData("motion_prior", maps=2000)


def reference_energy(config: Config) -> np.ndarray:
    """Return the mean energy of drawn maps (3, S, S) for the input of a run."""
    table = catalog.load_samples(REFERENCE, pipeline.cache_of(config))
    return energies(np.asarray(pipeline.load_inputs(table, REFERENCE, config))).mean(axis=0)


def register_fold(experiment: Experiment, fold: Fold) -> tuple[Experiment, dict[str, Any]]:
    """Return the experiment with the inputs that a fold sees, and the entry `registration` of its record."""
    asked = experiment.config.input.register
    if asked == NONE:
        return experiment, {}
    found = find(experiment, fold)
    inputs = np.array(experiment.inputs, dtype=np.float32)
    sets = experiment.table.frame["dataset"].to_numpy()
    for name, one in found.items():
        if one.applied:
            inputs[sets == name] = register_maps(inputs[sets == name], one.similarity)
    return replace(experiment, inputs=inputs), {"registration": {name: as_record(one) for name, one in found.items()}}


def find(experiment: Experiment, fold: Fold) -> dict[str, Registration]:
    """Return what is found for each data set of a fold, sorted by name."""
    frame, asked = experiment.table.frame, experiment.config.input.register
    seen = frame["sample_id"].isin([*fold.train, *fold.validation]).to_numpy()
    tested = frame["sample_id"].isin(fold.test).to_numpy()
    given = {} if asked == AUTO else read_similarities(asked)
    reference = cache(lambda: reference_energy(experiment.config))
    found = {}
    for name in sorted(set(frame["dataset"][seen | tested])):
        own = (frame["dataset"] == name).to_numpy()
        rows = np.flatnonzero(own & seen) if (own & seen).any() else np.flatnonzero(own & tested)
        if asked == AUTO:
            found[name] = find_registration(
                experiment.inputs[rows], experiment.table.subjects.iloc[rows].tolist(), reference
            )
        else:
            found[name] = _given(given.get(name), asked)
    return found


def _given(similarity: Similarity | None, path: str) -> Registration:
    nan = float("nan")
    if similarity is None:
        return Registration(Similarity(), nan, nan, nan, applied=False, why=f"it has no row in {path}")
    return Registration(similarity, nan, nan, nan, applied=True, why=f"as {path} says")


def as_record(one: Registration) -> dict[str, Any]:
    """Return plain values of what was found."""
    numbers = {
        "scale": one.similarity.scale,
        "right": one.similarity.right,
        "down": one.similarity.down,
        "before": one.before,
        "after": one.after,
        "gain_low": one.low,
    }
    plain = {key: None if np.isnan(value) else round(value, 4) for key, value in numbers.items()}
    return {**plain, "applied": one.applied, "why": one.why}


def summary(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return for each data set the medians over the folds' records, and in how many folds the similarity was used."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        for name, one in record.get("registration", {}).items():
            rows.setdefault(name, []).append(one)
    return {
        name: {
            **{key: _median(found, key) for key in ("scale", "right", "down", "before", "after", "gain_low")},
            "folds": len(found),
            "applied": sum(one["applied"] for one in found),
            "why": pd.Series([one["why"] for one in found]).mode()[0],
        }
        for name, found in sorted(rows.items())
    }


def _median(found: Sequence[Mapping[str, Any]], key: str) -> float | None:
    values = [one[key] for one in found if one[key] is not None]
    return round(float(np.median(values)), 4) if values else None


def notes(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return one sentence a data set on what registration found and did."""
    said = []
    for name, one in found.items():
        likeness = (
            "" if one["after"] is None else f" (likeness to the drawing {one['before']:.2f}, then {one['after']:.2f})"
        )
        moved = f"scale {one['scale']:.2f}, {one['right']:+.1%} to the right, {one['down']:+.1%} down"
        verb = f"moved in {one['applied']} of {one['folds']} folds" if one["applied"] else "left alone"
        said.append(f"Registration of {name}: {verb}; found {moved} of the side{likeness}; {one['why']}.")
    return said
