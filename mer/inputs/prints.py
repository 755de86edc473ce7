"""Prints of the key frames of all clips, computed once and kept beside the pixels, to find copies by.

Contract: row i is row i of the table. The kept file's name covers the content of the images and the version of this
code. A key frame that cannot be read has no print: whoever needs it says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import PIL

from mer.corpus.prints import GRID, Print, signs, small
from mer.corpus.samples import SampleTable
from mer.errors import SampleError
from mer.inputs.images import read_image
from mer.inputs.store import in_threads
from mer.provenance import digest, picture_hash, write_atomically

#: Raise when the prints of the same files become others.
CODE_VERSION = 1
#: Bits of one print.
BITS = 2 * GRID * GRID

Prints = tuple[list[Print], list[Print]]


def key_frame_prints(table: SampleTable, cache_dir: Path) -> Prints:
    """Print of each row's apex frame, and of the change from onset to apex: None where flat, or without the frames.

    Args:
        table: the samples.
        cache_dir: the prints go to `prints/<key>.npy` below it.
    """
    paths = table.frame[["onset_path", "apex_path"]].to_numpy(dtype=object).tolist()
    contents = [[picture_hash(path) if path else "" for path in row] for row in paths]
    key = digest([contents, CODE_VERSION, cv2.__version__, PIL.__version__])
    path = Path(cache_dir).expanduser() / "prints" / f"{key}.npy"
    kept = _open(path, rows=len(table))
    if kept is None:
        with in_threads(_prints, paths) as results:
            kept = np.stack([np.stack([_signed(one) for one in pair]) for pair in results])
        with write_atomically(path) as temporary:
            np.save(temporary, kept)
    looks, changes = ([row > 0 if row.any() else None for row in kept[:, part]] for part in (0, 1))
    return looks, changes


def _prints(paths: Sequence[str]) -> tuple[Print, Print]:
    """Look and change of a clip with these two key frames."""
    try:
        onset, apex = (small(read_image(path)) if path else None for path in paths)
    except SampleError:
        return None, None
    look = None if apex is None else signs(apex)
    return look, None if onset is None or apex is None else signs(apex - onset)


def _signed(one: Print) -> np.ndarray:
    """+1 and -1 for the bits, 0 for no print: int8 (BITS,)."""
    return np.zeros(BITS, dtype=np.int8) if one is None else np.where(one.ravel(), 1, -1).astype(np.int8)


def _open(path: Path, *, rows: int) -> np.ndarray | None:
    """The kept prints, or None where there are none or the file is damaged."""
    try:
        kept = np.load(path)
    except (FileNotFoundError, ValueError, EOFError):
        return None
    return kept if kept.shape == (rows, 2, BITS) and kept.dtype == np.int8 else None
