"""Decoded once, read by every fold: network inputs of all clips as one memory-mapped array outside the user's data.

Contract: row i is row i of the table. The file's name covers the content of the image files used, the settings of the
input and the version of this code: changed data or settings never meet an old entry, changed labels do. Inputs
of single clips are kept until all are there, so that an interrupted run is gone on with; a damaged entry is made anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL
from numpy.lib.format import open_memmap

from mer.config import InputConfig
from mer.data.samples.schema import raise_for_rows
from mer.data.samples.table import SampleTable
from mer.errors import SampleError
from mer.inputs.cache.cached_step import CachedStep, Files, thread_map
from mer.inputs.cache.file_hashes import file_hashes
from mer.inputs.flow.magnification import magnify_motion
from mer.inputs.frames import clip_frames
from mer.inputs.frames.image_files import read_image, read_span
from mer.inputs.representations.registry import REPRESENTATIONS, SPAN
from mer.utils.atomic_files import write_atomically, write_json
from mer.utils.hashing import digest
from mer.utils.timing import WRITING, timed

#: Raise when the modules of this room compute other values from the same files.
CODE_VERSION = 3
#: Bad files named in one message before the rest is only counted.
SHOWN = 20
#: Folder in the cache for inputs of single clips, as long as those of other clips of their table are lacking.
PARTS = "parts"

#: Paths of a clip's files by key frame or span, or why it has none.
Needed = dict[str, tuple[str, ...]] | SampleError


@dataclass(frozen=True)
class Plan:
    """Where the inputs of a table are kept, and how they come about.

    Attributes:
        table: the samples.
        path: the array's file.
        settings: what decides its values, from which the name is made.
        shape: rows and side S.
        parts: entries of single clips, kept until the array is whole.
        step: the inputs (C, S, S) of single clips.
    """

    table: SampleTable
    path: Path
    settings: dict[str, Any]
    shape: tuple[int, int]
    parts: tuple[Path, ...]
    step: CachedStep[np.ndarray]

    def opened(self) -> np.ndarray | None:
        """The kept array, None where it has to be made."""
        return open_pixels(self.path, rows=self.shape[0], size=self.shape[1])


def plan_inputs(table: SampleTable, config: InputConfig, cache_dir: Path, *, progress: bool = False) -> Plan:
    """How the inputs of a table come about, known from the content of its files; nothing is computed.

    Args:
        table: the samples, whose key-frame images are read.
        config: representation and side S.
        cache_dir: the array goes to `pixels/<key>.npy` below it, with an index `<key>.json` of settings and samples;
            until it is whole, rows are kept in `parts/<key of the clip>.npy`.
        progress: whether a bar is shown while files are read that are new or have changed.
    """
    cache = Path(cache_dir).expanduser()
    needed = _needed(table, config)
    files: list[Files] = [
        row if isinstance(row, SampleError) else tuple(p for some in row.values() for p in some) for row in needed
    ]
    paths = [path for some in files if not isinstance(some, SampleError) for path in some]
    hashes = file_hashes(paths, cache, title=f"files of {table.name}", progress=progress)
    same = {**asdict(config), "code": CODE_VERSION, "libraries": [cv2.__version__, PIL.__version__, np.__version__]}
    settings = {"files": _hash_of(needed, hashes), "sample_ids": table.frame["sample_id"].tolist(), **same}
    keys = [digest({"files": _listed(row, hashes), **same}) for row in needed]
    parts = tuple(cache / PARTS / f"{key}.npy" for key in keys)

    def make(row: int) -> np.ndarray:
        values = _input(needed[row], config)
        with timed(WRITING), write_atomically(parts[row]) as temporary:
            np.save(temporary, values)
        return values

    step = CachedStep(
        f"reading {table.name}", files, load=lambda row: _open_part(parts[row], config.size), compute=make
    )
    path = cache / "pixels" / f"{digest(settings)}.npy"
    return Plan(table, path, settings, (len(table), config.size), parts, step)


def compute_inputs(table: SampleTable, config: InputConfig, cache_dir: Path, *, progress: bool = False) -> np.ndarray:
    """Inputs (N, C, S, S), uint8 or float32, read-only memory map; computed with a progress bar where not yet cached.

    Arguments as `plan_inputs`; errors as `fill_inputs`.
    """
    return fill_inputs(plan_inputs(table, config, cache_dir, progress=progress), progress=progress)


def fill_inputs(plan: Plan, *, progress: bool = False) -> np.ndarray:
    """The inputs that are planned: kept, or computed as far as their parts are not kept.

    Raises:
        SampleError: names every file that is missing, damaged or unlike the others, with its sample. What was computed
            stays, so that mending them costs no more than their own clips.
    """
    found = plan.opened()
    if found is not None:
        return found
    with write_atomically(plan.path) as temporary:
        _gather(plan, temporary, progress)
        # before the array is renamed into place: where there is an array, there is an index
        write_json(plan.path.with_suffix(".json"), {**plan.settings, "data": plan.table.name})
    written = plan.opened()
    if written is None:
        raise OSError(f"the cache file {plan.path} cannot be read back; is the disk full?")
    for part in plan.parts:
        part.unlink(missing_ok=True)
    return written


def open_pixels(path: Path, *, rows: int, size: int) -> np.ndarray | None:
    """The cached array, or None where there is none or it is damaged."""
    try:
        pixels = open_memmap(path, mode="r")
    except (FileNotFoundError, ValueError):  # numpy raises ValueError for a cut or foreign file
        return None
    fits = pixels.ndim == 4 and (len(pixels), *pixels.shape[2:]) == (rows, size, size)
    return pixels if fits and pixels.dtype in (np.uint8, np.float32) else None


def _open_part(path: Path, size: int) -> np.ndarray | None:
    """The kept input of one clip, or None where there is none or it is damaged."""
    try:
        part = np.load(path)
    except (OSError, ValueError, EOFError):
        return None
    fits = part.ndim == 3 and part.shape[1:] == (size, size) and part.dtype in (np.uint8, np.float32)
    return part if fits else None


def _hash_of(needed: Sequence[Needed], hashes: Mapping[str, bytes]) -> str:
    """Hash over the bytes of the files of all clips, and over which of them are whose."""
    total = hashlib.sha256()
    for row in needed:
        if isinstance(row, dict):
            for path in (path for some in row.values() for path in some):
                total.update(hashes[path])
    # which clip the files belong to, and which clips have none
    counts = [len(row[SPAN]) if isinstance(row, dict) and SPAN in row else type(row).__name__ for row in needed]
    total.update(repr(counts).encode())
    return total.hexdigest()[:16]


def _listed(needed: Needed, hashes: Mapping[str, bytes]) -> Any:
    """Hashes of the files of one clip by what the input needs of it, JSON values."""
    if isinstance(needed, SampleError):
        return None
    return {name: [hashes[path].hex() for path in paths] for name, paths in needed.items()}


def _needed(table: SampleTable, config: InputConfig) -> list[Needed]:
    """Files of each clip by what the input needs of it; a SampleError in place of those of a clip that lacks them."""

    def one(row: clip_frames.Row) -> Needed:
        try:
            return {
                name: tuple(map(str, clip_frames.frames_between(row, "onset", "apex")))
                if name == SPAN
                else (str(clip_frames.key_frame(row, name)),)
                for name in names
            }
        except SampleError as error:
            return error

    # what is magnified is the change over time, so the frames between are needed
    names = (SPAN,) if config.magnify else REPRESENTATIONS[config.representation].frames
    columns = [f"{name}_path" for name in ("onset", "apex", "offset")]
    return [one(row) for row in table.frame[[*columns, "folder"]].to_dict("records")]


def _gather(plan: Plan, target: Path, progress: bool) -> None:
    """Write all inputs as one .npy file, row by row, so that memory holds few of them at a time."""
    table = plan.table
    pixels: np.ndarray | None = None
    bad = []
    with plan.step.results(progress=progress) as results:
        for row, (sample, result) in enumerate(zip(table.frame["sample_id"], results, strict=True)):
            if isinstance(result, SampleError):
                bad.append(f"{sample}: {result}")
                continue
            if pixels is None:
                pixels = open_memmap(target, mode="w+", dtype=result.dtype, shape=(len(table), *result.shape))
            if result.shape != pixels.shape[1:] or result.dtype != pixels.dtype:
                bad.append(f"{sample}: has {_kind(result)}, but samples before it have {_kind(pixels[row])}")
            else:
                pixels[row] = result
    remedy = "Copy these files again from the original, or leave their rows out."
    raise_for_rows(bad, f"{table.name}: images that cannot be used:", remedy, shown=SHOWN)
    assert pixels is not None  # no table is empty
    pixels.flush()  # type: ignore[attr-defined]


def compute_rows(table: SampleTable, config: InputConfig, rows: Sequence[int]) -> list[np.ndarray]:
    """Compute the inputs (C, S, S) of single rows without the cache; errors as `compute_inputs`."""
    needed = _needed(table, config)
    with thread_map(lambda row: _input(needed[row], config), rows) as results:
        return list(results)


def _input(needed: Needed, config: InputConfig) -> np.ndarray:
    """Input of the clip whose files these are."""
    if isinstance(needed, SampleError):
        raise needed
    frames = {name: read_span(paths) if name == SPAN else read_image(paths[0]) for name, paths in needed.items()}
    if config.magnify:
        span = magnify_motion(frames[SPAN], config)
        frames = {"onset": span[0], "apex": span[-1], SPAN: span}
    return REPRESENTATIONS[config.representation].compute(frames, config)


def _kind(pixels: np.ndarray) -> str:
    return f"{pixels.shape[0]} channel{'s' if pixels.shape[0] > 1 else ''} of {pixels.dtype}"
