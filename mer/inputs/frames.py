"""Decoded once, read by every fold: network inputs of all clips as one memory-mapped array outside the user's data.

Contract: row i is row i of the table. The file's name covers the content of the image files used, the settings of the
input and the version of this code: changed data or settings never meet an old entry, changed labels do. A damaged
entry is made again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import PIL
import torch
from numpy.lib.format import open_memmap
from rich.progress import track

from mer.config import InputConfig
from mer.corpus.samples import SampleTable
from mer.errors import SampleError
from mer.inputs import spans
from mer.inputs.images import read_image
from mer.inputs.magnify import magnified
from mer.inputs.represent import REPRESENTATIONS, SPAN
from mer.provenance import digest, write_atomically, write_json

#: Raise when the modules of this room compute other values from the same files.
CODE_VERSION = 3
#: Bad files named in one message before the rest is only counted.
SHOWN = 20

T = TypeVar("T")

#: Paths of a clip's files by key frame or span, or why it has none.
Needed = dict[str, tuple[str, ...]] | SampleError


def pixel_cache(table: SampleTable, config: InputConfig, cache_dir: Path, *, progress: bool = False) -> np.ndarray:
    """Inputs (N, C, S, S), uint8 or float32, read-only memory map; computed with a progress bar where not yet cached.

    Args:
        table: the samples, whose key-frame images are read.
        config: representation and side S.
        cache_dir: the array goes to `pixels/<key>.npy` below it, with an index `<key>.json` of settings and samples.
        progress: whether a bar is shown while images are read.

    Raises:
        SampleError: names every file that is missing, damaged or unlike the others, with its sample.
    """
    settings = {
        "files": _hash_of(_needed(table, config)),
        "sample_ids": table.frame["sample_id"].tolist(),
        **asdict(config),
        "code": CODE_VERSION,
        "libraries": [cv2.__version__, PIL.__version__, np.__version__],
    }
    path = Path(cache_dir).expanduser() / "pixels" / f"{digest(settings)}.npy"
    found = open_pixels(path, rows=len(table), size=config.size)
    if found is not None:
        return found
    with write_atomically(path) as temporary:
        _compute(table, config, temporary, progress)
        # before the array is renamed into place: where there is an array, there is an index
        write_json(path.with_suffix(".json"), {**settings, "data": table.name})
    written = open_pixels(path, rows=len(table), size=config.size)
    if written is None:
        raise OSError(f"the cache file {path} cannot be read back; is the disk full?")
    return written


def open_pixels(path: Path, *, rows: int, size: int) -> np.ndarray | None:
    """The cached array, or None where there is none or it is damaged."""
    try:
        pixels = open_memmap(path, mode="r")
    except (FileNotFoundError, ValueError):  # numpy raises ValueError for a cut or foreign file
        return None
    fits = pixels.ndim == 4 and (len(pixels), *pixels.shape[2:]) == (rows, size, size)
    return pixels if fits and pixels.dtype in (np.uint8, np.float32) else None


def _hash_of(needed: Sequence[Needed]) -> str:
    """Hash over the bytes of the files of all clips, and over which of them are whose."""

    def one(path: str) -> bytes:
        try:
            return hashlib.sha256(Path(path).read_bytes()).digest()
        except OSError:  # reported with its sample when it is read
            return b"missing"

    total = hashlib.sha256()
    paths = [path for row in needed if isinstance(row, dict) for some in row.values() for path in some]
    with in_threads(one, paths) as hashes:
        for value in hashes:
            total.update(value)
    # which clip the files belong to, and which clips have none
    counts = [len(row[SPAN]) if isinstance(row, dict) and SPAN in row else type(row).__name__ for row in needed]
    total.update(repr(counts).encode())
    return total.hexdigest()[:16]


def _needed(table: SampleTable, config: InputConfig) -> list[Needed]:
    """Files of each clip by what the input needs of it; a SampleError in place of those of a clip that lacks them."""

    def one(row: spans.Row) -> Needed:
        try:
            return {
                name: tuple(map(str, spans.between(row, "onset", "apex")))
                if name == SPAN
                else (str(spans.key_frame(row, name)),)
                for name in names
            }
        except SampleError as error:
            return error

    # what is magnified is the change over time, so the frames between are needed
    names = (SPAN,) if config.magnify else REPRESENTATIONS[config.representation].frames
    columns = [f"{name}_path" for name in ("onset", "apex", "offset")]
    return [one(row) for row in table.frame[[*columns, "folder"]].to_dict("records")]


def _compute(table: SampleTable, config: InputConfig, target: Path, progress: bool) -> None:
    """Write all inputs as one .npy file, row by row, so that memory holds few of them at a time."""

    def one(needed: Needed) -> np.ndarray | SampleError:
        try:
            return _input(needed, config)
        except SampleError as error:
            return error

    pixels: np.ndarray | None = None
    bad = []
    with in_threads(one, _needed(table, config)) as results:
        bar = track(results, f"reading {table.name}", total=len(table), disable=not progress, transient=True)
        for row, (sample, result) in enumerate(zip(table.frame["sample_id"], bar, strict=True)):
            if isinstance(result, SampleError):
                bad.append(f"{sample}: {result}")
                continue
            if pixels is None:
                pixels = open_memmap(target, mode="w+", dtype=result.dtype, shape=(len(table), *result.shape))
            if result.shape != pixels.shape[1:] or result.dtype != pixels.dtype:
                bad.append(f"{sample}: has {_kind(result)}, but samples before it have {_kind(pixels[row])}")
            else:
                pixels[row] = result
    if bad or pixels is None:
        _refuse(table, bad)
    else:
        pixels.flush()  # type: ignore[attr-defined]


def compute_rows(table: SampleTable, config: InputConfig, rows: Sequence[int]) -> list[np.ndarray]:
    """Inputs (C, S, S) of single rows, each from its own files alone, past the cache; SampleError as `pixel_cache`."""
    needed = _needed(table, config)
    with in_threads(lambda row: _input(needed[row], config), rows) as results:
        return list(results)


def _input(needed: Needed, config: InputConfig) -> np.ndarray:
    """Input of the clip whose files these are."""
    if isinstance(needed, SampleError):
        raise needed
    frames = {name: read_span(paths) if name == SPAN else read_image(paths[0]) for name, paths in needed.items()}
    if config.magnify:
        span = magnified(frames[SPAN], config)
        frames = {"onset": span[0], "apex": span[-1], SPAN: span}
    return REPRESENTATIONS[config.representation].compute(frames, config)


def read_span(paths: Sequence[str]) -> np.ndarray:
    """Frames (T, H, W[, 3]) of one kind; SampleError where one differs from the first."""
    frames = [read_image(path) for path in paths]
    for path, frame in zip(paths, frames, strict=True):
        if (frame.shape, frame.dtype) != (frames[0].shape, frames[0].dtype):
            raise SampleError(
                f"{path}: expected a frame as the first of its clip, {frames[0].shape}, got {frame.shape}"
            )
    return np.stack(frames)


def _kind(pixels: np.ndarray) -> str:
    return f"{pixels.shape[0]} channel{'s' if pixels.shape[0] > 1 else ''} of {pixels.dtype}"


@contextmanager
def in_threads(one: Callable[..., T], values: Sequence) -> Iterator[Iterator[T]]:
    """Results of all values in order; OpenCV, Pillow and hashing release the interpreter, so threads do.

    What was not begun is not done when the block is left early, by an interrupt say.
    """
    before = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        yield pool.map(one, values)
    finally:
        pool.shutdown(cancel_futures=True)
        cv2.setNumThreads(before[0])
        torch.set_num_threads(before[1])


def _refuse(table: SampleTable, lines: list[str]) -> None:
    rest = len(lines) - SHOWN
    shown = "\n".join(f"  {line}" for line in lines[:SHOWN]) + (f"\n  and {rest} more" if rest > 0 else "")
    remedy = "Copy these files again from the original, or leave their rows out."
    raise SampleError(f"{table.name}: images that cannot be used:\n{shown}\n{remedy}")
