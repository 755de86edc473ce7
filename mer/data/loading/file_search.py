"""Finding official files as they lie on people's disks: other case, doubled folders, mixed padding, stray files.

Contract: reads directories only, never writes. Frames are known by the last integer of their name, and no name is ever
made up from a number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from mer.errors import SampleError

#: Images that OpenCV reads and that the official packages hold. All else among frames (.lnk, .db) is stray.
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff"})
#: `img46 (1).jpg` is a copy made by a file manager, not frame 1.
_COPY = re.compile(r"\(\d+\)$")
_INTEGER = re.compile(r"\d+")


def index_frames(folder: Path) -> dict[int, Path]:
    """Frame files of a folder by the last integer of their name, in numeric order; stray files are passed over.

    Raises:
        SampleError: two files carry one number, so that the frame cannot be told.
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
    """Frame files of a folder as `index_frames` gives them, or what is wrong with it, for a list of faults."""
    try:
        return index_frames(folder) or f"{folder}: no frames inside"
    except SampleError as error:
        return str(error)


def frame_number(name: str) -> int | None:
    """Last integer of an image file's name (`reg_img46.jpg` -> 46, `006_05562.JPG` -> 5562); None for stray files."""
    path = Path(name)
    if name.startswith(".") or path.suffix.lower() not in IMAGE_SUFFIXES or _COPY.search(path.stem):
        return None
    numbers = _INTEGER.findall(path.stem)
    return int(numbers[-1]) if numbers else None


def subfolders(parent: Path) -> dict[str, Path]:
    """Folders inside `parent` by casefolded name, sorted; hidden ones are passed over."""
    paths = sorted(path for path in parent.iterdir() if path.is_dir() and not path.name.startswith("."))
    return {path.name.casefold(): path for path in paths}


def numbered_folders(parent: Path, pattern: re.Pattern[str]) -> dict[int, Path]:
    """Folders of people by number: `pattern` matches the whole name, its first group is the number (`s1`, `s01`).

    Raises:
        SampleError: two folders carry one number.
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
    """Folder of a clip by its whole name, whatever the case; where it should be when it is not there.

    Args:
        person: folder that holds it.
        name: of the clip.
        unpadded: whether zeros before numbers do not count either (`s1_ne_01` and `s01_ne_1` are one).
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
    """First candidate that holds folders of the expected kind; None where there is none.

    Args:
        root: where to look.
        candidates: paths relative to `root` in order of preference, "." for itself; case is free, and a folder that
            holds only its own name again (`Cropped/Cropped`) is entered.
        holds: what the name of at least one folder inside must match in full, whatever its case.
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
    """The file whose whole name matches `pattern`, in the first place that has one; the last in name order if several.

    The last is the newest release, as names end in dates. `~$name.xlsx`, the lock of an open sheet, is passed over.
    """
    for place in places:
        names = sorted(path.name for path in place.iterdir() if path.is_file() and path.name[0] not in "~.")
        matching = [name for name in names if pattern.fullmatch(name)]
        if matching:
            return place / matching[-1]
    return None
