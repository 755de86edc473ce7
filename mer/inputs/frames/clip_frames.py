"""Find the image files of a clip: a key frame, or all frames between two key frames.

Contract: only folders are read. The frames between are the files of the clip's folder with a number between those of
the key frames and a name otherwise like the onset's, in order of number. A missing frame is not replaced.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from mer.data.loading.file_search import frame_number
from mer.errors import SampleError

Row = Mapping[str, str]


def key_frame(row: Row, name: str) -> Path:
    """Return the file of a key frame (`onset`, `apex`, `offset`) of a row; raise a SampleError if it has none."""
    path = row[f"{name}_path"]
    if not path:
        raise SampleError(f"has no {name} frame, which this input needs; choose another input, e.g. input=image")
    return Path(path)


def frames_between(row: Row, first: str, last: str) -> tuple[Path, ...]:
    """Return the files of all frames from one key frame of a row to another, both included; one if they are equal.

    Raises:
        SampleError: the row has no such key frame, no folder, or no frame numbers in the names of its files.
    """
    start, end = key_frame(row, first), key_frame(row, last)
    if start == end:
        return (start,)
    if not row["folder"]:
        raise SampleError(
            f"has no folder with the frames from {first} to {last}, which this input needs; choose an input of the key "
            "frames, e.g. input=flow (drawn clips: data.whole=true)"
        )
    numbers = frame_number(start.name), frame_number(end.name)
    if numbers[0] is None or numbers[1] is None or numbers[0] > numbers[1]:
        raise SampleError(
            f"expected file names with rising frame numbers, got {first} {start.name} and {last} {end.name}; number "
            "the frames in their order"
        )
    files = _like(start.parent, _rest(start.name))
    kept = {number: path for number, path in files if numbers[0] <= number <= numbers[1]}
    return tuple(kept[number] for number in sorted(kept))


@lru_cache(maxsize=4096)
def _listed(folder: Path, changed: int) -> tuple[tuple[int, str, Path], ...]:
    """Return number, rest of the name and path of each frame file in a folder; cached until the folder changes."""
    paths = ((frame_number(path.name), path) for path in folder.iterdir())
    return tuple((number, _rest(path.name), path) for number, path in paths if number is not None)


def _like(folder: Path, rest: str) -> list[tuple[int, Path]]:
    listed = _listed(folder, folder.stat().st_mtime_ns)
    return [(number, path) for number, other, path in listed if other == rest]


def _rest(name: str) -> str:
    """Return a file's name in lower case without its last integer and its suffix."""
    return re.sub(r"\d+(?=\D*$)", "", Path(name).stem.casefold())
