"""Samples and network inputs of a source: from its files through faces and apexes to pixels, each kept in the cache.

Contract: a run and `mer.prepare` both go this way, so that what is prepared is what a run reads. Looks at the data,
the face, the input and the cache of a configuration and at nothing else. Does without Lightning, and without torch
where nothing is to be computed.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mer.config import Config, DataConfig
from mer.data import registry as catalog
from mer.data.samples.table import SampleTable
from mer.errors import SampleError
from mer.inputs import drawn_arrays, input_arrays
from mer.inputs.apex import spotting
from mer.inputs.cache.cached_step import CachedStep
from mer.inputs.drawn_arrays import drawn_cache
from mer.inputs.faces import crops as faces

#: Steps in the order in which they were taken, each with the name by which reports call it.
Steps = list[tuple[str, CachedStep[Any]]]


def sources(config: Config) -> dict[str, DataConfig]:
    """All sources of a run by their key in the configuration, its own first."""
    found = {"data": config.data, **{f"stages.{name}.data": stage.data for name, stage in config.stages.items()}}
    return found if config.cotrain.data is None else {**found, "cotrain.data": config.cotrain.data}


def source_config_errors(data: DataConfig, config: Config) -> list[str]:
    """What is wrong with a source and with the run's input as one of its samples."""
    found = catalog.config_errors(data)
    source = catalog.SOURCES.get(data.name)
    if not found and source is not None and source.pixels is not None:
        found = drawn_arrays.config_errors(config.input, f"data.name={data.name}")
    return found


def load_samples(
    data: DataConfig, config: Config, *, progress: bool = False, steps: Steps | None = None
) -> SampleTable:
    """The samples of a source, faces aligned and apexes looked for as configured, where they have files.

    Args:
        data: the source.
        config: face, input and cache.
        progress: whether bars are shown.
        steps: where each step is added as it begins.
    """
    cache = cache_of(config)
    table = catalog.load_samples(data, cache)
    if is_drawn(data):
        return table
    if config.face.detector != "none":
        crops = faces.plan_crops(table, config.face, config.input, cache, progress=progress)
        _note(steps, "faces", crops)
        table = faces.apply_crops(table, config.face, crops, progress=progress)
    if config.input.apex != "annotated":
        places = spotting.plan_apexes(table, config.input, cache, progress=progress)
        _note(steps, "apexes", places)
        table = spotting.apply_apexes(table, config.input, places, progress=progress)
    return table


def load_inputs(
    table: SampleTable, data: DataConfig, config: Config, *, progress: bool = False, steps: Steps | None = None
) -> np.ndarray:
    """Network inputs of a table (N, C, S, S): drawn by its source, or read from its files. Arguments as `table_of`."""
    cache = cache_of(config)
    _refuse_faces(table, data, config)
    source = catalog.SOURCES[data.name]
    if source.pixels is not None:
        settings = [source.drawing, asdict(data)]
        return drawn_cache(table, config.input, cache, draw=partial(source.pixels, data), settings=settings)
    plan = input_arrays.plan_inputs(table, config.input, cache, progress=progress)
    _note(steps, "inputs", plan.step)
    return input_arrays.fill_inputs(plan, progress=progress)


def _refuse_faces(table: SampleTable, data: DataConfig, config: Config) -> None:
    """Raise where a manifest's frames of faces would be read as motion maps: colour as motion, without an error."""
    if data.name != "manifest" or config.input.representation != "motion_map":
        return
    onset, apex = table.frame["onset_path"], table.frame["apex_path"]
    rows = np.flatnonzero(((onset != "") & (onset != apex)).to_numpy())
    if len(rows):
        raise SampleError(
            f"{table.name}: input=motion_map reads red, green and blue of each image as u, v and strain, but "
            f"{len(rows)} of {len(table)} rows name an onset beside another image (first: "
            f"{table.frame['sample_id'].iloc[rows[0]]}), as frames of faces have it. "
            "For frames of faces: +experiment=manifest_plain input=flow. Where the images "
            "are motion maps: remove the column onset."
        )


def is_drawn(data: DataConfig) -> bool:
    """Whether the inputs of a source are drawn, so that it has no files to prepare."""
    return catalog.SOURCES[data.name].pixels is not None


def cache_of(config: Config) -> Path:
    """Folder of the cache."""
    return Path(config.cache_dir).expanduser()


def _note(steps: Steps | None, name: str, step: CachedStep[Any]) -> None:
    if steps is not None:
        steps.append((name, step))
