"""Find official files on users' disks: call `index_frames`, `find_folder`, `find_file` or `clip_folder`.

Other case, doubled folders, mixed padding and stray files do not matter. Contract: reads directories only and never
writes. The number of a frame is the last integer in its file name. No file name is built from a number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from mer.errors import SampleError

#: Kinds of images in the official packages, all readable by OpenCV. Other files among frames (.lnk, .db) are stray.
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff"})
#: `img46 (1).jpg` is a copy made by a file manager, not frame 1.
_COPY = re.compile(r"\(\d+\)$")
_INTEGER = re.compile(r"\d+")


def index_frames(folder: Path) -> dict[int, Path]:
    """Return the frame files of a folder by the last integer of their name, sorted; stray files are ignored.

    Raises:
        SampleError: two files have one number, so the frame is ambiguous.
    """
    found: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        number = frame_number(path.name)
        if number is None or not path.is_file():
            continue
        if number in found:
            raise SampleError(
                f"{folder}: two files for frame {number}: {found[number].name} and {path.name}; expected one. "
                "Move the file that is not the official one out of the folder."
            )
        found[number] = path
    return dict(sorted(found.items()))


def frames_or_fault(folder: Path) -> dict[int, Path] | str:
    """Return `index_frames` of a folder, or a sentence with the error, for a list of errors."""
    try:
        return index_frames(folder) or f"{folder}: no frames inside"
    except SampleError as error:
        return str(error)


def frame_number(name: str) -> int | None:
    """Return the last integer of an image's name (`reg_img46.jpg` -> 46, `006_05562.JPG` -> 5562); None if stray."""
    path = Path(name)
    if name.startswith(".") or path.suffix.lower() not in IMAGE_SUFFIXES or _COPY.search(path.stem):
        return None
    numbers = _INTEGER.findall(path.stem)
    return int(numbers[-1]) if numbers else None


def subfolders(parent: Path) -> dict[str, Path]:
    """Return the folders inside `parent` by casefolded name, sorted; hidden ones are ignored."""
    paths = sorted(path for path in parent.iterdir() if path.is_dir() and not path.name.startswith("."))
    return {path.name.casefold(): path for path in paths}


def numbered_folders(parent: Path, pattern: re.Pattern[str]) -> dict[int, Path]:
    """Return the folders of people by number: the first group of `pattern`, which matches whole names (`s1`, `s01`).

    Raises:
        SampleError: two folders have one number.
    """
    found: dict[int, Path] = {}
    for name, path in subfolders(parent).items():
        match = pattern.fullmatch(name)
        if match is None:
            continue
        other = found.setdefault(int(match.group(1)), path)
        if other is not path:
            raise SampleError(
                f"{parent}: two folders for one person: {other.name} and {path.name}; expected one. "
                "Keep the official folder in a copy of the data."
            )
    return found


def clip_folder(person: Path, name: str, *, unpadded: bool = False) -> Path:
    """Return the folder of a clip by its whole name in any case; the expected path if it does not exist.

    Args:
        person: folder that holds the clip's folder.
        name: name of the clip.
        unpadded: whether to ignore zeros before numbers too (`s1_ne_01` equals `s01_ne_1`).
    """
    missing = person / name
    if not person.is_dir():
        return missing
    inside = subfolders(person)
    if unpadded and name.casefold() not in inside:
        inside = {_unpadded(key): path for key, path in inside.items()}
        return inside.get(_unpadded(name.casefold()), missing)
    return inside.get(name.casefold(), missing)


def _unpadded(name: str) -> str:
    return re.sub(r"(?<!\d)0+(?=\d)", "", name)


def find_folder(root: Path, candidates: Iterable[str], *, holds: re.Pattern[str]) -> Path | None:
    """Return the first candidate that holds folders of the expected kind, or None.

    Args:
        root: folder to search.
        candidates: paths relative to `root` in order of preference, "." for itself, in any case. A folder with its own
            name inside (`Cropped/Cropped`) is entered.
        holds: pattern that matches the whole casefolded name of at least one folder inside.
    """
    for candidate in candidates:
        path: Path | None = root
        for part in Path(candidate).parts:
            path = subfolders(path).get(part.casefold()) if path else None
        for place in (path, subfolders(path).get(path.name.casefold()) if path else None):
            if place and any(holds.fullmatch(name) for name in subfolders(place)):
                return place
    return None


def find_file(places: Iterable[Path], pattern: re.Pattern[str]) -> Path | None:
    """Return the file with a whole name that matches `pattern`, from the first place with one; None if there is none.

    Of several files in one place it is the last by name: names end in dates, so that is the newest release. The lock
    file of an open sheet, `~$name.xlsx`, is ignored.
    """
    for place in places:
        names = sorted(path.name for path in place.iterdir() if path.is_file() and path.name[0] not in "~.")
        matching = [name for name in names if pattern.fullmatch(name)]
        if matching:
            return place / matching[-1]
    return None
