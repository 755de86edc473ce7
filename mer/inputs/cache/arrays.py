"""Read and write arrays in the cache: `<key>.npy`, with its SHA-256 in an index `<key>.json`.

Contract: an array that differs from what was written counts as absent, so that it is made again; each file is checked
once per process. Arrays of earlier versions, whose index has no hash, are not checked. Disk space is reserved before a
memory map is written to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap

from mer.utils.atomic_files import write_atomically, write_json
from mer.utils.disk_space import name_full_disk, reserve
from mer.utils.hashing import stream_sha256

_HASH = "sha256"


def open_array(path: Path) -> np.ndarray | None:
    """Return the array as a read-only memory map, or None if it is absent or differs from what was written."""
    try:
        found = open_memmap(path, mode="r")
        unchanged = _is_unchanged(path)
    except (OSError, ValueError):  # numpy raises ValueError for a cut or foreign file
        return None
    return found if unchanged else None


def reserve_array(target: Path, shape: tuple[int, ...], dtype: Any) -> np.memmap:
    """Create an array as a writable memory map; call `write_index` when it is filled.

    Raises:
        DiskFullError: there is not enough space for all of it.
    """
    with name_full_disk(target.parent, int(np.prod(shape)) * np.dtype(dtype).itemsize):
        array = open_memmap(target, mode="w+", dtype=dtype, shape=shape)
    reserve(target, target.stat().st_size)
    return array


def write_index(path: Path, written: Path, index: Mapping[str, Any]) -> None:
    """Write the index of an array that still has the temporary path `written` and will be moved to `path`.

    The index is written first, so that no array is ever without one.
    """
    with name_full_disk(path.parent):
        write_json(path.with_suffix(".json"), {**index, _HASH: stream_sha256(written)})


def save_array(path: Path, values: np.ndarray) -> None:
    """Write a small array and its index; raise a DiskFullError if there is no space."""
    with name_full_disk(path.parent, values.nbytes), write_atomically(path) as temporary:
        np.save(temporary, values)
        write_index(path, temporary, {})


def remove_array(path: Path) -> None:
    """Remove an array and its index."""
    path.unlink(missing_ok=True)
    path.with_suffix(".json").unlink(missing_ok=True)


def _is_unchanged(path: Path) -> bool:
    try:
        index = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return True  # written by an earlier version
    if not isinstance(index, dict):
        return False
    if _HASH not in index:
        return True
    state = path.stat()
    return index[_HASH] == _hash(path, state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)


@lru_cache(maxsize=100_000)
def _hash(path: Path, *state: int) -> str:
    """Return the SHA-256 of a file; read it again only if its `state` in the file system has changed."""
    return stream_sha256(path)
