"""The one place where data become inputs: samples of a source, faces, apexes, network inputs, each kept in the cache.

Contract: a run and `mer.prepare` both go this way, so that what is prepared is what a run reads; the order of the steps
is written here only. Looks at the data, the face, the input and the cache of a configuration and at nothing else. Does
without Lightning, and without torch where nothing is to be computed.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from mer.config import Config, DataConfig
from mer.data import registry as catalog
from mer.data.samples.table import SampleTable
from mer.errors import SampleError
from mer.inputs import drawn_arrays, input_files
from mer.inputs.apex.spotting import spot_apexes
from mer.inputs.cache.cached_step import Watch, ignore_step
from mer.inputs.drawn_arrays import drawn_cache
from mer.inputs.faces.crops import align_faces
from mer.inputs.input_arrays import compute_inputs
from mer.utils.atomic_files import remove_abandoned

#: What entries of the cache are called.
KEY = "[0-9a-f]{16}"


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


def steps_of(data: DataConfig, config: Config) -> list[str]:
    """Names of the steps that a source goes through, in order; none where its inputs are drawn."""
    if is_drawn(data):
        return []
    wanted = {"faces": config.face.detector != "none", "apexes": config.input.apex != "annotated", "inputs": True}
    return [name for name, needed in wanted.items() if needed]


def load_samples(
    data: DataConfig, config: Config, *, progress: bool = False, watch: Watch = ignore_step
) -> SampleTable:
    """Return the samples of a source, faces aligned and apexes looked for as configured, where they have files.

    Args:
        data: the source.
        config: face, input and cache.
        progress: whether bars are shown.
        watch: called with each step before it is done.
    """
    table = catalog.load_samples(data, cache_of(config))
    if is_drawn(data):
        return table
    return prepare_samples(table, config, progress=progress, watch=watch)


def prepare_samples(
    table: SampleTable, config: Config, *, progress: bool = False, watch: Watch = ignore_step
) -> SampleTable:
    """Return the samples with faces aligned and apexes looked for as configured. Arguments as `load_samples`."""
    cache = cache_of(config)
    table = align_faces(table, config.face, config.input, cache, progress=progress, watch=watch)
    return spot_apexes(table, config.input, cache, progress=progress, watch=watch)


def load_inputs(
    table: SampleTable, data: DataConfig, config: Config, *, progress: bool = False, watch: Watch = ignore_step
) -> np.ndarray:
    """Return the inputs of a table (N, C, S, S): drawn by its source, or read from its files.

    Arguments as `load_samples`.
    """
    cache = cache_of(config)
    refuse_faces(table, data, config)
    source = catalog.SOURCES[data.name]
    if source.pixels is not None:
        settings = [source.drawing, asdict(data)]
        return drawn_cache(table, config.input, cache, draw=partial(source.pixels, data), settings=settings)
    return compute_inputs(table, config.input, cache, progress=progress, watch=watch)


def frames_hash(table: SampleTable, data: DataConfig, config: Config) -> str | None:
    """Return the hash of the frames of a source's inputs; None where they are its key frames, or drawn."""
    return None if is_drawn(data) else input_files.frames_hash(table, config.input, cache_of(config))


def refuse_faces(table: SampleTable, data: DataConfig, config: Config) -> None:
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


def clean_cache(config: Config) -> None:
    """Remove what killed processes left half made in the cache."""
    for folder in cache_of(config).glob("*/"):
        remove_abandoned(folder, KEY)


def cache_of(config: Config) -> Path:
    """Folder of the cache."""
    return Path(config.cache_dir).expanduser()
