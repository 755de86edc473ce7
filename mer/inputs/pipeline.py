"""Load samples, align faces, spot apexes and compute network inputs; each step is kept in the cache.

Contract: a run and `mer.prepare` both use this module, so `mer.prepare` computes exactly what a run reads. The order of
the steps is written only here. Only `data`, `face`, `input` and `cache_dir` of a configuration are read. Lightning is
not needed, and torch only if something has to be computed.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import numpy as np

from mer.config import Config, DataConfig, as_settings
from mer.data import registry as catalog
from mer.data.samples.table import SampleTable
from mer.errors import SampleError
from mer.inputs import drawn_arrays, input_files
from mer.inputs.apex.spotting import spot_apexes
from mer.inputs.cache.cached_step import Watch, ignore_step
from mer.inputs.drawn_arrays import drawn_cache
from mer.inputs.faces.choice import describe_faces
from mer.inputs.faces.crops import align_faces
from mer.inputs.input_arrays import compute_inputs
from mer.utils.atomic_files import folder_fault, remove_abandoned

#: Pattern of the names of cache entries.
KEY = "[0-9a-f]{16}"


def sources(config: Config) -> dict[str, DataConfig]:
    """Return all data sources of a run by their key in the configuration, the run's own data first."""
    found = {"data": config.data, **{f"stages.{name}.data": stage.data for name, stage in config.stages.items()}}
    return found if config.cotrain.data is None else {**found, "cotrain.data": config.cotrain.data}


def source_config_errors(data: DataConfig, config: Config) -> list[str]:
    """Return the errors in the options of a source, and in the run's input if this source cannot provide it."""
    found = catalog.config_errors(data)
    source = catalog.SOURCES.get(data.name)
    if not found and source is not None and source.pixels is not None:
        found = drawn_arrays.config_errors(config.input, f"data.name={data.name}")
    return found


def cache_config_errors(config: Config) -> list[str]:
    """Return what is wrong with the folder of the cache; one that can only be read may hold all that is needed."""
    fault = folder_fault(cache_of(config)) if config.cache_dir.strip() else "an empty name"
    if fault is None or (config.cache_dir.strip() and os.path.isdir(cache_of(config))):  # noqa: PTH112  # never raises
        return []
    return [
        f"cache_dir: expected a folder that can be written to, got {fault}; give another one by cache_dir=... or the "
        "environment variable MER_CACHE"
    ]


def steps_of(data: DataConfig, config: Config) -> list[str]:
    """Return the names of the steps for a source, in order; none if its inputs are drawn."""
    if is_drawn(data):
        return []
    wanted = {"faces": config.face.detector != "none", "apexes": config.input.apex != "annotated", "inputs": True}
    return [name for name, needed in wanted.items() if needed]


def load_samples(
    data: DataConfig, config: Config, *, progress: bool = False, watch: Watch = ignore_step
) -> SampleTable:
    """Return the samples of a source; if they have files, with faces aligned and apexes spotted as configured.

    Args:
        data: the source.
        config: face, input and cache.
        progress: whether to show progress bars.
        watch: called with each step before it runs.
    """
    table = catalog.load_samples(data, cache_of(config))
    if is_drawn(data):
        return table
    return prepare_samples(table, config, progress=progress, watch=watch)


def prepare_samples(
    table: SampleTable, config: Config, *, progress: bool = False, watch: Watch = ignore_step
) -> SampleTable:
    """Return the samples with faces aligned and apexes spotted as configured. Arguments as `load_samples`."""
    cache = cache_of(config)
    table = align_faces(table, config.face, config.input, cache, progress=progress, watch=watch)
    return spot_apexes(table, config.input, cache, progress=progress, watch=watch)


def load_inputs(
    table: SampleTable, data: DataConfig, config: Config, *, progress: bool = False, watch: Watch = ignore_step
) -> np.ndarray:
    """Return the inputs (N, C, S, S) of a table, drawn by its source or computed from its files.

    Arguments as `load_samples`.
    """
    cache = cache_of(config)
    refuse_faces(table, data, config)
    source = catalog.SOURCES[data.name]
    if source.pixels is not None:
        settings = [source.drawing, as_settings(data)]
        return drawn_cache(table, config.input, cache, draw=partial(source.pixels, data), settings=settings)
    return compute_inputs(table, config.input, cache, progress=progress, watch=watch)


def frames_hash(table: SampleTable, data: DataConfig, config: Config) -> str | None:
    """Return the hash of all frames used for a source's inputs; None if these are key frames only, or drawn."""
    return None if is_drawn(data) else input_files.frames_hash(table, config.input, cache_of(config))


def refuse_faces(table: SampleTable, data: DataConfig, config: Config) -> None:
    """Raise a SampleError if frames of faces in a manifest would be read as motion maps, colours as motion."""
    if data.name != "manifest" or config.input.representation != "motion_map":
        return
    onset, apex = table.frame["onset_path"], table.frame["apex_path"]
    rows = np.flatnonzero(((onset != "") & (onset != apex)).to_numpy())
    if len(rows):
        raise SampleError(
            f"{table.name}: input=motion_map reads red, green and blue of each image as u, v and strain, but "
            f"{len(rows)} of {len(table)} rows have an onset that is not the apex (first: "
            f"{table.frame['sample_id'].iloc[rows[0]]}), so they look like frames of faces. "
            "For frames of faces: +experiment=manifest_plain input=flow. For motion maps: remove the column onset."
        )


def faces_in_words(table: SampleTable, data: DataConfig, config: Config) -> str:
    """Return what is done with the faces of the samples that `load_samples` gave, or that there are no frames."""
    if is_drawn(data):
        return "motion maps are drawn; there are no frames"
    if config.input.representation == "motion_map":
        return "motion maps are read as they are; there are no frames"
    return describe_faces(table, config.face)


def is_drawn(data: DataConfig) -> bool:
    """Return whether the inputs of a source are drawn, so that it has no files to prepare."""
    return catalog.SOURCES[data.name].pixels is not None


def clean_cache(config: Config) -> None:
    """Remove unfinished cache entries that killed processes left."""
    for folder in cache_of(config).glob("*/"):
        remove_abandoned(folder, KEY)


def cache_of(config: Config) -> Path:
    """Return the cache folder."""
    return Path(config.cache_dir).expanduser()
