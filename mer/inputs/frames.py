"""Decoded once, read by every fold: network inputs of all clips as one memory-mapped array outside the user's data.

Contract: row i is row i of the table. The file's name covers the content of the source files, the representation, its size
and the version of this code, so that changed data or settings never meet an old entry; a damaged entry is made again.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from rich.progress import track

from mer.config import InputConfig
from mer.corpus.samples import SampleTable
from mer.errors import SampleError
from mer.inputs.images import read_image
from mer.inputs.represent import REPRESENTATIONS, Representation
from mer.provenance import digest, write_atomically, write_json

#: Raise when `represent.py` or `images.py` compute other values from the same files.
CODE_VERSION = 1
#: Bad files named in one message before the rest is only counted.
SHOWN = 20


def pixel_cache(table: SampleTable, config: InputConfig, cache_dir: Path, *, progress: bool = False) -> np.ndarray:
    """Inputs (N, C, S, S), uint8 or float32, read-only memory map; computed with a progress bar where not yet cached.

    Raises:
        SampleError: names every file that is missing, damaged or of another size than its partner, with its sample.
    """
    settings = {
        "content": table.content_hash(),
        "representation": config.representation,
        "size": config.size,
        "code": CODE_VERSION,
    }
    path = Path(cache_dir) / "pixels" / f"{digest(settings)}.npy"
    found = _open(path, len(table))
    if found is not None:
        return found
    pixels = _compute(table, REPRESENTATIONS[config.representation], config.size, progress)
    with write_atomically(path) as temporary, temporary.open("wb") as stream:
        np.save(stream, pixels)
    write_json(path.with_suffix(".json"), {**settings, "data": table.name, "sample_ids": table.frame["sample_id"].tolist()})
    written = _open(path, len(table))
    if written is None:
        raise OSError(f"the cache file {path} cannot be read back; is the disk full?")
    return written


def _open(path: Path, rows: int) -> np.ndarray | None:
    """The cached array, or None where there is none or it is damaged."""
    try:
        pixels = np.load(path, mmap_mode="r", allow_pickle=False)
    except (FileNotFoundError, ValueError, EOFError):  # numpy raises ValueError for a cut or foreign file
        return None
    return pixels if pixels.ndim == 4 and len(pixels) == rows else None


def _compute(table: SampleTable, representation: Representation, size: int, progress: bool) -> np.ndarray:
    columns = [f"{name}_path" for name in representation.frames]
    records = table.frame[["sample_id", *columns]].to_dict("records")

    def one(record: dict) -> np.ndarray | str:
        try:
            frames = {name: read_image(_path(record, name)) for name in representation.frames}
            return representation.compute(frames, size)
        except SampleError as error:
            return f"{record['sample_id']}: {error}"

    results = _map_in_threads(one, records, f"reading {table.name}", progress)
    bad = [result for result in results if isinstance(result, str)]
    if bad:
        _refuse(table, bad)
    arrays = [result for result in results if not isinstance(result, str)]
    odd = [f"{r['sample_id']}: {a.shape[0]} channels" for r, a in zip(records, arrays, strict=True) if a.shape != arrays[0].shape]
    if odd:
        _refuse(table, [f"(the first sample has {arrays[0].shape[0]} channels)", *odd])
    return np.stack(arrays)


def _path(record: dict, name: str) -> str:
    path = str(record[f"{name}_path"])
    if not path:
        raise SampleError(f"has no {name} frame, which this input needs; choose another input, e.g. input=image")
    return path


def _map_in_threads(one: Callable[[dict], np.ndarray | str], records: list[dict], what: str, progress: bool) -> list:
    """Results of all records in order; OpenCV and Pillow release the interpreter, so threads do."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(track(pool.map(one, records), description=what, total=len(records), disable=not progress, transient=True))
    finally:
        cv2.setNumThreads(before)


def _refuse(table: SampleTable, lines: list[str]) -> None:
    rest = len(lines) - SHOWN
    shown = "\n".join(f"  {line}" for line in lines[:SHOWN]) + (f"\n  and {rest} more" if rest > 0 else "")
    raise SampleError(f"{table.name}: images that cannot be used:\n{shown}\nCopy these files again from the original, or leave their rows out.")
