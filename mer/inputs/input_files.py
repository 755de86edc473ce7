"""Find the files that the input of a clip is computed from, hash them, and compute the input.

Contract: a clip without a needed file has a SampleError in place of its files; `compute_input` raises it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mer.config import InputConfig
from mer.data.samples.table import SampleTable
from mer.errors import SampleError
from mer.inputs.cache.cached_step import Files
from mer.inputs.cache.file_hashes import file_hashes
from mer.inputs.flow.magnification import magnify_motion
from mer.inputs.frames import clip_frames
from mer.inputs.frames.image_files import read_image, read_span
from mer.inputs.representations.registry import REPRESENTATIONS, SPAN

#: Paths of a clip's files by key frame or span, or the error that explains why it has none.
Needed = dict[str, tuple[str, ...]] | SampleError


def needed_files(table: SampleTable, config: InputConfig) -> list[Needed]:
    """Return the files of each clip by the frames that the input needs; a SampleError for a clip without them."""

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

    # magnification enlarges changes over time, so it needs the frames between
    names = (SPAN,) if config.magnify else REPRESENTATIONS[config.representation].frames
    columns = [f"{name}_path" for name in ("onset", "apex", "offset")]
    return [one(row) for row in table.frame[[*columns, "folder"]].to_dict("records")]


def all_files(needed: Needed) -> Files:
    """Return all files of a clip, or the error that explains why it has none."""
    return needed if isinstance(needed, SampleError) else tuple(path for some in needed.values() for path in some)


def clip_hashes(needed: Needed, hashes: Mapping[str, bytes]) -> Any:
    """Return the hashes of one clip's files by the frames that the input needs, as JSON values."""
    if isinstance(needed, SampleError):
        return None
    return {name: [hashes[path].hex() for path in paths] for name, paths in needed.items()}


def table_hash(needed: Sequence[Needed], hashes: Mapping[str, bytes]) -> str:
    """Return one hash of the files of all clips and of their number per clip."""
    total = hashlib.sha256()
    for row in needed:
        if isinstance(row, dict):
            for path in (path for some in row.values() for path in some):
                total.update(hashes[path])
    # without the counts, the same files divided otherwise among clips would have the same hash
    counts = [len(row[SPAN]) if isinstance(row, dict) and SPAN in row else type(row).__name__ for row in needed]
    total.update(repr(counts).encode())
    return total.hexdigest()[:16]


def frames_hash(table: SampleTable, config: InputConfig, cache_dir: Path) -> str | None:
    """Return the hash of all frames used for the inputs; None if these are key frames only.

    `SampleTable.content_hash` covers the key frames, not the frames between them.
    """
    if not (config.magnify or SPAN in REPRESENTATIONS[config.representation].frames):
        return None
    needed = needed_files(table, config)
    paths = [path for row in needed if isinstance(row, dict) for some in row.values() for path in some]
    return table_hash(needed, file_hashes(paths, cache_dir, title=f"frames of {table.name}"))


def compute_input(needed: Needed, config: InputConfig) -> np.ndarray:
    """Return the input (C, S, S) of the clip with these files; raise a SampleError if they cannot be used."""
    if isinstance(needed, SampleError):
        raise needed
    frames = {name: read_span(paths) if name == SPAN else read_image(paths[0]) for name, paths in needed.items()}
    if config.magnify:
        span = magnify_motion(frames[SPAN], config)
        frames = {"onset": span[0], "apex": span[-1], SPAN: span}
    values = REPRESENTATIONS[config.representation].compute(frames, config, **config.options)
    if not np.isfinite(values).all():
        files = ", ".join(path for paths in needed.values() for path in paths)
        raise SampleError(f"{files}: expected finite inputs from these files, got NaN or infinite values")
    return values
