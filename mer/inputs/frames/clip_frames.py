"""Which image files a clip's input is made of: its key frames, or all frames between two of them.

Contract: reads folders only. Frames between are those in the clip's folder whose number lies between those of the key
frames and whose name is otherwise like the onset's, in order of number; a frame that the folder lacks is not made up.
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
    """File of a key frame (`onset`, `apex`, `offset`) of a row of the sample table; SampleError where it has none."""
    path = row[f"{name}_path"]
    if not path:
        raise SampleError(f"has no {name} frame, which this input needs; choose another input, e.g. input=image")
    return Path(path)


def frames_between(row: Row, first: str, last: str) -> tuple[Path, ...]:
    """Files of all frames from one key frame to another of a row, both included; one where they are the same.

    Raises:
        SampleError: the row lacks a key frame, its folder of frames, or numbers in the names of its files.
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
        raise SampleError(f"the frames from {first} {start.name} to {last} {end.name} cannot be told from their names")
    files = _like(start.parent, _rest(start.name))
    kept = {number: path for number, path in files if numbers[0] <= number <= numbers[1]}
    return tuple(kept[number] for number in sorted(kept))


@lru_cache(maxsize=4096)
def _listed(folder: Path, changed: int) -> tuple[tuple[int, str, Path], ...]:
    """Number, rest of the name and path of all frame files of a folder; asked again when the folder changes."""
    paths = ((frame_number(path.name), path) for path in folder.iterdir())
    return tuple((number, _rest(path.name), path) for number, path in paths if number is not None)


def _like(folder: Path, rest: str) -> list[tuple[int, Path]]:
    listed = _listed(folder, folder.stat().st_mtime_ns)
    return [(number, path) for number, other, path in listed if other == rest]


def _rest(name: str) -> str:
    """A file's name without its last integer, its ending and its case."""
    return re.sub(r"\d+(?=\D*$)", "", Path(name).stem.casefold())
