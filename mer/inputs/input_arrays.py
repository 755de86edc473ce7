"""Decoded once, read by every fold: network inputs of all clips as one memory-mapped array outside the user's data.

Contract: row i is row i of the table. The file's name covers the content of the image files used, the settings of the
input and the version of this code: changed data or settings never meet an old entry, changed labels do. Inputs
of single clips are kept until all are there, so that an interrupted run is gone on with; a damaged entry is made anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL

from mer.config import InputConfig, as_settings
from mer.data.samples.schema import raise_for_rows
from mer.data.samples.table import SampleTable
from mer.errors import SampleError
from mer.inputs.cache.arrays import open_array, remove_array, reserve_array, save_array, write_index
from mer.inputs.cache.cached_step import CachedStep, Watch, ignore_step, plan_step
from mer.inputs.cache.threads import thread_map
from mer.inputs.flow.dense_flow import METHODS
from mer.inputs.input_files import all_files, clip_hashes, compute_input, needed_files, table_hash
from mer.inputs.representations.representation import REPRESENTATIONS
from mer.utils.atomic_files import write_atomically
from mer.utils.hashing import digest
from mer.utils.timing import WRITING, timed

#: Raise when the modules of this room compute other values from the same files.
CODE_VERSION = 3
#: Bad files named in one message before the rest is only counted.
SHOWN = 20
#: Folder in the cache for inputs of single clips, as long as those of other clips of their table are lacking.
PARTS = "parts"


def compute_inputs(
    table: SampleTable,
    config: InputConfig,
    cache_dir: Path,
    *,
    progress: bool = False,
    watch: Watch = ignore_step,
) -> np.ndarray:
    """Return the inputs (N, C, S, S), uint8 or float32, a read-only memory map; computed where they are not kept.

    Args:
        table: the samples, whose key-frame images are read.
        config: representation and side S.
        cache_dir: the array goes to `pixels/<key>.npy` below it, with an index `<key>.json` of settings and samples;
            until it is whole, rows are kept in `parts/<key of the clip>.npy`.
        progress: whether bars are shown while files are read.
        watch: called with the step before it is done.

    Raises:
        SampleError: names every file that is missing, damaged or unlike the others, with its sample. What was computed
            stays, so that mending them costs no more than their own clips.
    """
    plan = plan_inputs(table, config, cache_dir, progress=progress)
    watch("inputs", plan.step)
    return plan.whole if plan.whole is not None else _fill(plan, progress=progress)


@dataclass(frozen=True)
class Plan:
    """Where the inputs of a table are kept, and how they come about.

    Attributes:
        table: the samples.
        path: the array's file.
        settings: what decides its values, from which the name is made.
        size: side S.
        whole: the kept array, None where it has to be made.
        step: the inputs (C, S, S) of single clips, rows of the kept array or entries of their own.
    """

    table: SampleTable
    path: Path
    settings: dict[str, Any]
    size: int
    whole: np.ndarray | None
    step: CachedStep[np.ndarray]


def plan_inputs(table: SampleTable, config: InputConfig, cache_dir: Path, *, progress: bool = False) -> Plan:
    """Plan the inputs of a table from the content of its files; computes nothing. Arguments as `compute_inputs`."""
    needed = needed_files(table, config)
    plugins = {**METHODS.plugin_code(config.flow), **REPRESENTATIONS.plugin_code(config.representation)}
    libraries = [cv2.__version__, PIL.__version__, np.__version__]
    same = {**as_settings(config), **plugins, "code": CODE_VERSION, "libraries": libraries}

    def load(row: int, part: Path) -> np.ndarray | None:
        return _open_part(part, config.size) if whole is None else whole[row]

    def compute(row: int, part: Path, settings: dict[str, Any]) -> np.ndarray:
        values = compute_input(needed[row], config)
        with timed(WRITING):
            save_array(part, values)
        return values

    step = plan_step(
        f"inputs of {table.name}",
        [all_files(row) for row in needed],
        cache_dir,
        place=f"{PARTS}/{{}}.npy",
        settings=lambda row, hashes: {"files": clip_hashes(needed[row], hashes), **same},
        load=load,
        compute=compute,
        progress=progress,
    )
    settings = {
        "files": table_hash(needed, step.hashes),
        "sample_ids": table.frame["sample_id"].tolist(),
        **same,
    }
    path = Path(cache_dir).expanduser() / "pixels" / f"{digest(settings)}.npy"
    whole = open_pixels(path, rows=len(table), size=config.size)
    return Plan(table, path, settings, config.size, whole, step)


def _fill(plan: Plan, *, progress: bool) -> np.ndarray:
    """Compute the planned inputs as far as their parts are not kept; errors as `compute_inputs`."""
    with write_atomically(plan.path) as temporary:
        _gather(plan, temporary, progress)
        write_index(plan.path, temporary, {**plan.settings, "data": plan.table.name})
    written = open_pixels(plan.path, rows=len(plan.table), size=plan.size)
    if written is None:
        raise OSError(f"the cache file {plan.path} cannot be read back; is the disk full?")
    for part in plan.step.entries:
        remove_array(part)
    return written


def open_pixels(path: Path, *, rows: int, size: int) -> np.ndarray | None:
    """Return the kept array, or None where there is none or it is damaged."""
    pixels = open_array(path)
    if pixels is None:
        return None
    fits = pixels.ndim == 4 and (len(pixels), *pixels.shape[2:]) == (rows, size, size)
    return pixels if fits and pixels.dtype in (np.uint8, np.float32) else None


def _open_part(path: Path, size: int) -> np.ndarray | None:
    """Return the kept input of one clip, or None where there is none or it is damaged."""
    part = open_array(path)
    if part is None:
        return None
    fits = part.ndim == 3 and part.shape[1:] == (size, size) and part.dtype in (np.uint8, np.float32)
    return part if fits else None


def _gather(plan: Plan, target: Path, progress: bool) -> None:
    """Write all inputs as one .npy file, row by row, so that memory holds few of them at a time."""
    table = plan.table
    pixels: np.memmap | None = None
    bad = []
    with plan.step.results(progress=progress) as results:
        for row, (sample, result) in enumerate(zip(table.frame["sample_id"], results, strict=True)):
            if isinstance(result, SampleError):
                bad.append(f"{sample}: {result}")
                continue
            if pixels is None:
                pixels = reserve_array(target, (len(table), *result.shape), result.dtype)
            if result.shape != pixels.shape[1:] or result.dtype != pixels.dtype:
                bad.append(f"{sample}: has {_kind(result)}, but samples before it have {_kind(pixels[row])}")
            else:
                pixels[row] = result
    remedy = "Copy these files again from the original, or leave their rows out."
    raise_for_rows(bad, f"{table.name}: images that cannot be used:", remedy, shown=SHOWN)
    assert pixels is not None  # no table is empty
    pixels.flush()


def compute_rows(table: SampleTable, config: InputConfig, rows: Sequence[int]) -> list[np.ndarray]:
    """Compute the inputs (C, S, S) of single rows without the cache; errors as `compute_inputs`."""
    needed = needed_files(table, config)
    with thread_map(lambda row: compute_input(needed[row], config), rows) as results:
        return list(results)


def _kind(pixels: np.ndarray) -> str:
    return f"{pixels.shape[0]} channel{'s' if pixels.shape[0] > 1 else ''} of {pixels.dtype}"
