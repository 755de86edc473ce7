"""Examine the files of one clip: call `examine` for unreadable and stray files, sizes, gaps and fingerprints.

Contract: reads only. A clip has two fingerprints. The hash of the bytes of all its frames is equal for copies. The
prints of its key frames are near for copies that were encoded or scaled again, and far for two clips of one face.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mer.data.loading.annotations import ClipAnnotation
from mer.data.loading.file_search import IMAGE_SUFFIXES, frame_number
from mer.data.samples.fingerprints import Print, clip_prints
from mer.errors import SampleError
from mer.utils.hashing import stream_sha256

#: Files left by file managers: reported as harmless.
SYSTEM_FILES = frozenset({".ds_store", "thumbs.db", "desktop.ini"})
SYSTEM_SUFFIXES = frozenset({".lnk"})


@dataclass(frozen=True)
class ClipFiles:
    """Properties of the files of a clip.

    Attributes:
        frames: number of frames in its folder.
        read: number of frames from onset to offset.
        unreadable: a sentence for each frame that cannot be read.
        lost: the same for the onset and the apex, without which a run refuses the clip.
        sizes: (width, height) of the readable frames, each once.
        gaps: numbers between onset and offset without a frame.
        stray: files that are not frames and were not left by a file manager.
        system: files left by a file manager.
        exact: hash of the bytes of all frames in order, "" without frames.
        look: print of the apex, or without one of the middle, bool (2, 256); None if flat or missing. See
            `mer.data.samples.fingerprints`.
        change: print of the change from the onset to that frame; None if nothing changes.
        views: (look, change) of the clip moved and scaled a little, by `fingerprints.VIEWS`; () for a still image.
    """

    frames: int
    read: int
    unreadable: tuple[str, ...]
    lost: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]
    gaps: tuple[int, ...]
    stray: tuple[str, ...]
    system: tuple[str, ...]
    exact: str
    look: np.ndarray | None
    change: np.ndarray | None
    views: tuple[tuple[Print, Print], ...]


def examine(clip: ClipAnnotation, read: Callable[[Path], np.ndarray]) -> ClipFiles:
    """Return the properties of a clip's files; `read` returns pixels (H, W) or (H, W, 3), or raises SampleError.

    Only frames from onset to offset are read, if the clip has both.

    Raises:
        SampleError: two files have the number of one frame.
    """
    files = clip.frames()
    onset = min(files, default=0) if clip.onset is None else clip.onset
    offset = max(files, default=0) if clip.offset is None else clip.offset
    apex = (onset + offset) // 2 if clip.apex is None else clip.apex
    unreadable, lost, total = [], [], hashlib.sha256()
    sizes: dict[tuple[int, int], None] = {}
    key: dict[int, np.ndarray] = {}
    wanted = [number for number in files if onset <= number <= offset]
    for number in wanted:
        total.update(bytes.fromhex(stream_sha256(files[number])) if files[number].is_file() else b"")
        try:
            pixels = read(files[number])
        except SampleError as error:
            unreadable.append(f"frame {number}: {error}")
            lost += unreadable[-1:] if number in (clip.onset, clip.apex) else []
            continue
        sizes[pixels.shape[1], pixels.shape[0]] = None
        if number in (onset, apex):
            key[number] = pixels
    gaps = [] if clip.onset is None or not files else sorted(set(range(onset, offset + 1)) - set(files))
    names = [path.name for path in sorted(clip.folder.iterdir())] if clip.files is None and clip.folder.is_dir() else []
    others = [name for name in names if frame_number(name) is None or not (clip.folder / name).is_file()]
    system = [name for name in others if _is_system(name)]
    (look, change), *views = clip_prints(key.get(onset) if onset != apex else None, key.get(apex))
    return ClipFiles(
        frames=len(files),
        read=len(wanted),
        unreadable=tuple(unreadable),
        lost=tuple(lost),
        sizes=tuple(sizes),
        gaps=tuple(gaps),
        stray=tuple(name for name in others if name not in system),
        system=tuple(system),
        exact=total.hexdigest() if wanted else "",
        look=look,
        change=change,
        views=tuple(views),
    )


def _is_system(name: str) -> bool:
    path = Path(name.casefold())
    hidden_copy = name.startswith("._") and path.suffix in IMAGE_SUFFIXES
    return path.name in SYSTEM_FILES or path.suffix in SYSTEM_SUFFIXES or hidden_copy
