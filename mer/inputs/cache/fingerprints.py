"""Compute prints (perceptual hashes) of the key frames of all clips once and keep them, to find copies of pictures.

Contract: row i is row i of the table. The file is named by a hash of the images' content and the version of this code.
A key frame that cannot be read has no print; whoever needs the frame raises the error.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import PIL

from mer.data.samples.fingerprints import GRID, VIEWS, Pairing, Print, clip_prints
from mer.data.samples.table import SampleTable
from mer.errors import SampleError
from mer.inputs.cache.arrays import open_array, save_array
from mer.inputs.cache.file_hashes import file_hashes
from mer.inputs.cache.threads import thread_map
from mer.inputs.frames.image_files import read_image
from mer.utils.hashing import digest

#: Raise when the same files give other prints.
CODE_VERSION = 2
#: Bits of one print.
BITS = 2 * GRID * GRID


class Prints(NamedTuple):
    """Store the prints of clips in the order of a table; `views` as for `near_duplicate_pairs`, empty for stills."""

    looks: list[Print]
    changes: list[Print]
    views: list[Pairing]


def key_frame_prints(table: SampleTable, cache_dir: Path) -> Prints:
    """Return the prints of each row's apex frame and of its change from onset to apex; None if flat or without frames.

    Args:
        table: the samples.
        cache_dir: the prints are kept in `prints/<key>.npy` in this folder.
    """
    paths = table.frame[["onset_path", "apex_path"]].to_numpy(dtype=object).tolist()
    hashes = file_hashes([path for row in paths for path in row if path], cache_dir, title=f"images of {table.name}")
    contents = [[hashes[path].hex() if path else "" for path in row] for row in paths]
    key = digest([contents, CODE_VERSION, cv2.__version__, PIL.__version__])
    path = Path(cache_dir).expanduser() / "prints" / f"{key}.npy"
    kept = _open(path, rows=len(table))
    if kept is None:
        with thread_map(_prints, paths) as results:
            clips = list(results)
        # still images have no views
        count = max((len(clip) for clip in clips), default=1)
        kept = np.zeros((len(clips), count, 2, BITS), dtype=np.int8)
        for row, clip in zip(kept, clips, strict=True):
            for place, (look, change) in enumerate(clip):
                row[place] = _signed(look), _signed(change)
        save_array(path, kept)
    (looks, changes), *views = ((_bits(view[:, 0]), _bits(view[:, 1])) for view in kept.swapaxes(0, 1))
    return Prints(looks, changes, list(views))


def _prints(paths: Sequence[str]) -> list[tuple[Print, Print]]:
    """Return the prints of apex and of change for a clip with these two key frames, and for each of its views."""
    try:
        onset, apex = (read_image(path) if path else None for path in paths)
    except SampleError:
        return [(None, None)]
    return clip_prints(onset, apex)


def _bits(rows: np.ndarray) -> list[Print]:
    return [row > 0 if row.any() else None for row in rows]


def _signed(one: Print) -> np.ndarray:
    """Return a print as int8 (BITS,): +1 or -1 for each bit, 0 if there is no print."""
    return np.zeros(BITS, dtype=np.int8) if one is None else np.where(one.ravel(), 1, -1).astype(np.int8)


def _open(path: Path, *, rows: int) -> np.ndarray | None:
    """Return the prints of the cache, or None if they are absent or damaged."""
    kept = open_array(path)
    if kept is None:
        return None
    shapes = [(rows, count, 2, BITS) for count in (1, 1 + len(VIEWS))]
    return kept if kept.shape in shapes and kept.dtype == np.int8 else None
