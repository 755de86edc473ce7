"""Compute the network inputs of all clips once and keep them in the cache as one memory-mapped array.

Contract: row i is row i of the table. The file is named by a hash of the image files, the settings of the input and the
version of this code, but not of labels: changed images or settings give a new file, changed labels use the old one.
Inputs of single clips are kept until all are computed, so an interrupted run continues. A damaged file is made again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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

#: Raise when `mer.inputs` computes other values from the same files.
CODE_VERSION = 3
#: Most bad files named in one message; the rest is counted.
SHOWN = 20
#: Folder in the cache for inputs of single clips, until those of the whole table are computed.
PARTS = "parts"


def compute_inputs(
    table: SampleTable,
    config: InputConfig,
    cache_dir: Path,
    *,
    progress: bool = False,
    watch: Watch = ignore_step,
) -> np.ndarray:
    """Return the inputs (N, C, S, S), uint8 or float32, as a read-only memory map; compute those not in the cache.

    Args:
        table: the samples, whose images are read.
        config: representation and side S.
        cache_dir: the array is written to `pixels/<key>.npy` in this folder, settings and samples to `<key>.json`;
            until all rows are computed, each is kept in `parts/<key of the clip>.npy`.
        progress: whether to show progress bars.
        watch: called with the step before it runs.

    Raises:
        SampleError: names every file that is missing, damaged or unlike the others, with its sample. The inputs of all
            other clips are kept, so after a repair only the bad clips are computed.
    """
    plan = plan_inputs(table, config, cache_dir, progress=progress)
    watch("inputs", plan.step)
    return plan.whole if plan.whole is not None else _fill(plan, progress=progress)


@dataclass(frozen=True)
class Plan:
    """Plan of a table's inputs: where they are kept and how they are computed.

    Attributes:
        table: the samples.
        path: file of the array.
        settings: everything that decides its values; the file is named by their hash.
        size: side S.
        whole: the array if it is in the cache, else None.
        step: computes the inputs (C, S, S) of single clips, or takes them from the cache.
    """

    table: SampleTable
    path: Path
    settings: dict[str, Any]
    size: int
    whole: np.ndarray | None
    step: CachedStep[np.ndarray]


def plan_inputs(table: SampleTable, config: InputConfig, cache_dir: Path, *, progress: bool = False) -> Plan:
    """Plan the inputs of a table from the content of its files, computing none. Arguments as `compute_inputs`."""
    needed = needed_files(table, config)
    plugins = {**METHODS.plugin_code(config.flow), **REPRESENTATIONS.plugin_code(config.representation)}
    libraries = [cv2.__version__, PIL.__version__, np.__version__]
    own = as_settings(replace(config, register="none"))  # registration is of a fold, after what is kept
    same = {**own, **plugins, "code": CODE_VERSION, "libraries": libraries}

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
    """Compute the inputs that are not in the cache and write the array; errors as `compute_inputs`."""
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
    """Return the array (N, C, S, S) of the cache, or None if it is absent or damaged."""
    pixels = open_array(path)
    if pixels is None:
        return None
    fits = pixels.ndim == 4 and (len(pixels), *pixels.shape[2:]) == (rows, size, size)
    return pixels if fits and pixels.dtype in (np.uint8, np.float32) else None


def _open_part(path: Path, size: int) -> np.ndarray | None:
    """Return the input (C, S, S) of one clip from the cache, or None if it is absent or damaged."""
    part = open_array(path)
    if part is None:
        return None
    fits = part.ndim == 3 and part.shape[1:] == (size, size) and part.dtype in (np.uint8, np.float32)
    return part if fits else None


def _gather(plan: Plan, target: Path, progress: bool) -> None:
    """Write all inputs to one .npy file, row by row, so that few of them are in memory at a time."""
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
                bad.append(f"{sample}: expected {_kind(pixels[row])} as in the samples before it, got {_kind(result)}")
            else:
                pixels[row] = result
    remedy = "Copy these files again from the original, or remove their rows."
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
