"""Make the inputs of a configuration with `prepare`, or list with `outlook` what is missing."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from mer.config import Config
from mer.data import registry as catalog
from mer.errors import ConfigError
from mer.inputs import pipeline
from mer.inputs.apex import spotting
from mer.inputs.cache.cached_step import CachedStep
from mer.inputs.faces import crops
from mer.inputs.representations import registry as represent
from mer.train.experiment import null_runs
from mer.utils import timing


def config_errors(config: Config) -> list[str]:
    """Return the errors of the options that decide samples and inputs, one sentence each."""
    found = []
    for key, data in pipeline.sources(config).items():
        lines = pipeline.source_config_errors(data, config)
        found += lines if key == "data" else [f"{key.removesuffix('.data')}.{line}" for line in lines]
    inputs = represent.config_errors(config.input, config.augment)
    found += [line for line in inputs if line.startswith("input.")]
    return [
        *found,
        *spotting.config_errors(config.input),
        *crops.config_errors(config.face),
        *null_runs.config_errors(config),
        *pipeline.cache_config_errors(config),
    ]


def prepare(config: Config, *, progress: bool = False) -> dict[str, Any]:
    """Compute all faces, apexes and inputs that a run of this configuration reads; return counts and times.

    Raises:
        ConfigError: if an option is wrong.
        MerError: if data are missing or cannot be used.
    """
    require_valid(config)
    pipeline.clean_cache(config)
    start, before = time.perf_counter(), timing.elapsed()
    clips, looked_at = 0, set[str]()
    counts: dict[str, dict[str, Any]] = {}
    for key, data in pipeline.sources(config).items():
        steps: dict[str, CachedStep[Any]] = {}
        table = pipeline.load_samples(data, config, progress=progress, watch=steps.__setitem__)
        seen = null_runs.apply_onset_only(table, config) if key == "data" else table
        pipeline.load_inputs(seen, data, config, progress=progress, watch=steps.__setitem__)
        clips += len(table)
        looked_at |= _source_files(steps)
        for name, step in steps.items():
            total = counts.setdefault(name, {"clips": 0, "made": 0, "thread_seconds": 0.0})
            total["clips"] += len(step.files)
            total["made"] += step.made
            total["thread_seconds"] += step.seconds
    seconds, spent = time.perf_counter() - start, timing.elapsed()
    work = {name: spent[name] - before[name] for name in timing.WORK}
    # the seconds of a step include all work but hashing
    whole = work[timing.HASHING] + sum(count["thread_seconds"] for count in counts.values())
    return {
        "clips": clips,
        "frames": len(looked_at),
        "seconds": seconds,
        "frames_per_second": len(looked_at) / seconds,
        "threads": os.cpu_count(),
        "steps": counts,
        "thread_seconds": {**work, "rest": max(whole - sum(work.values()), 0.0)},
    }


class _NotMade(Exception):  # noqa: N818  # a signal: the walk ends at a step that would make something
    """A step would read what an earlier step has not made yet."""


def outlook(config: Config) -> list[dict[str, Any]]:
    """Return what `prepare` would make: one row per source and step with clips and missing clips, None if unknown.

    Follows the steps of a run until one has missing entries. Loads the samples (and draws drawn clips), and reads their
    files; makes nothing else.
    """
    require_valid(config)
    found: list[dict[str, Any]] = []
    for key, data in pipeline.sources(config).items():
        if pipeline.is_drawn(data):
            catalog.load_samples(data, pipeline.cache_of(config))
            continue
        missing: dict[str, tuple[int, int]] = {}

        def look(name: str, step: CachedStep[Any], missing: dict[str, tuple[int, int]] = missing) -> None:
            missing[name] = len(step.files), len(step.missing())
            if missing[name][1] or name == "inputs":
                raise _NotMade

        with suppress(_NotMade):
            table = pipeline.load_samples(data, config, watch=look)
            seen = null_runs.apply_onset_only(table, config) if key == "data" else table
            pipeline.load_inputs(seen, data, config, watch=look)
        walked = "inputs" in missing
        for name in pipeline.steps_of(data, config):
            if walked and name not in missing:
                continue  # not needed: the frames are crops of faces already
            clips, lacking = missing.get(name, (None, None))
            found.append({"source": key, "data": data.name, "step": name, "clips": clips, "missing": lacking})
    return found


def require_valid(config: Config) -> None:
    """Raise ConfigError with all errors of `config_errors`, if there are any."""
    wrong = config_errors(config)
    if wrong:
        raise ConfigError(wrong)


def _source_files(steps: Mapping[str, CachedStep[Any]]) -> set[str]:
    """Return the files of the data set that the steps read; steps after faces read crops instead."""
    first = [steps["faces"]] if "faces" in steps else list(steps.values())
    return {path for step in first for files in step.files if isinstance(files, tuple) for path in files}
