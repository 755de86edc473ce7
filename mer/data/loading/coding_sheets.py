"""Read data sets with a coding sheet and a folder of frames per clip: call `read_sheet_set` with a `SheetSet`.

Contract: a `SheetSet` holds the headings of the sheet and the places of the frames. Case, padding and doubled folders
do not matter. No path is built from a number.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from mer.config import FolderData
from mer.data.loading.annotations import Annotations, ClipAnnotation, read_coding_sheet
from mer.data.loading.dataset_card import DatasetCard, frames_note, open_root
from mer.data.loading.file_search import clip_folder, find_file, find_folder, numbered_folders, subfolders
from mer.data.samples.identity import text_key
from mer.errors import SampleError

#: Headings in the sets of the CASME group; others use them too.
CASME_COLUMNS: Mapping[str, Collection[str]] = {
    "subject": ("Subject", "Subjects", "Subject ID", "Sub", "Participant", "\u88ab\u8bd5", "\u53d7\u8bd5\u8005"),
    "clip": ("Filename", "File", "Clip", "Clip name", "Video", "Video name", "\u6587\u4ef6\u540d", "\u89c6\u9891"),
    "onset": ("OnsetFrame", "Onset", "OnsetF", "\u8d77\u59cb\u5e27", "\u5f00\u59cb\u5e27"),
    "apex": ("ApexFrame", "Apex", "ApexF1", "ApexF", "\u9876\u70b9\u5e27", "\u9876\u5cf0\u5e27", "\u5cf0\u503c\u5e27"),
    "offset": ("OffsetFrame", "Offset", "OffsetF", "\u7ed3\u675f\u5e27", "\u7ec8\u6b62\u5e27"),
    "aus": (
        "Action Units",
        "Action Unit",
        "AU",
        "AUs",
        "AU code",
        "FACS",
        "\u52a8\u4f5c\u5355\u5143",
        "\u8fd0\u52a8\u5355\u5143",
    ),
    "emotion": ("Estimated Emotion", "Emotion", "Emotion Label", "Label", "\u60c5\u7eea", "\u8868\u60c5"),
}


@dataclass(frozen=True)
class SheetSet:
    """Layout of a data set with a coding sheet; patterns ignore case and match whole names.

    Attributes:
        sheet: pattern of the sheet's name without its ending.
        columns: headings, as for `read_coding_sheet`.
        optional: columns that may be missing.
        person: pattern of a person's folder and of the subject in the sheet; group 1 is the number.
        subject: format of the subject in tables of samples, with that number.
        frames: part -> folders below the root that may hold the frames, in order of preference; "" is the only part.
        clip: templates of a clip's folder inside `frames`; the first that exists is used. A level is "{person}" (found
            by number), "{emotion}", "{clip}", a fixed name, or a name with "{subject}", "{clip}" and "{onset}".
        holds: pattern of at least one folder inside `frames`; "" = `person`.
        unpadded: whether to ignore zeros before the numbers in a clip's name (SMIC: s1_ne_01, s01_ne_01).
        whole: whether the sheet should list every folder of a clip.
    """

    sheet: str
    columns: Mapping[str, Collection[str]]
    person: str
    subject: str
    frames: Mapping[str, tuple[str, ...]]
    clip: tuple[str, ...]
    optional: Collection[str] = field(default=())
    holds: str = ""
    unpadded: bool = False
    whole: bool = True

    def named(self, text: str) -> str | None:
        """Return the subject for a cell: "3", "03" or "sub03" -> "sub03"; None if the cell is not a subject."""
        plain = re.sub(r"(?<=\d)\.0+$", "", text_key(text))
        match = re.fullmatch(rf"(?:{self.person})|(?:subject|sub|s)?[-_.]?0*(\d+)", plain, re.IGNORECASE)
        return self.subject.format(int(next(filter(None, match.groups())))) if match else None


def read_sheet_set(data: FolderData, card: DatasetCard, layout: SheetSet) -> Annotations:
    """Read the clips in the sheet below `data.root`, with the folders of their frames.

    Raises:
        DatasetNotFoundError: folder, sheet or frames are missing.
        SampleError: the sheet cannot be read.
    """
    root = open_root(data, card)
    frames, note = frames_folder(root, data, card, layout)
    sheet = find_sheet(root, layout.sheet, frames)
    named = [sheet] if sheet is not None else sheets_in(root, frames)
    readings = [found for path in named if (found := _read(path, frames, layout, asked=sheet is not None))]
    if not readings:
        raise card.not_found(root, f"the sheet {PurePosixPath(card.expected_files[0]).name}")
    reading, finder = max(readings, key=lambda found: sum(clip.folder.is_dir() for clip in found[0].clips))
    by_content = "" if sheet is not None else " (found by its headings)"
    notes = (f"Coding sheet: {reading.origin.name}{by_content}.", note, *reading.notes)
    return replace(reading, notes=notes, unlisted=finder.unlisted())


def _read(sheet: Path, frames: Path, layout: SheetSet, *, asked: bool) -> tuple[Annotations, Finder] | None:
    """Return the clips of a sheet; None if it was not found by its name (`asked`) and is not a sheet of the set."""
    finder = Finder(frames, layout)
    try:
        found = read_coding_sheet(
            sheet, layout.columns, optional={*layout.optional, "aus"}, subject=layout.named, folder=finder.folder
        )
    except SampleError:
        if asked:
            raise
        return None
    return (found, finder) if asked or any(clip.folder.is_dir() for clip in found.clips) else None


def frames_folder(root: Path, data: FolderData, card: DatasetCard, layout: SheetSet) -> tuple[Path, str]:
    """Return the folder of the frames of the configured part, and a note with its path.

    Raises:
        DatasetNotFoundError: the folder does not exist.
        SampleError: it is the folder of another part.
    """
    candidates = layout.frames[card.part(data)]
    found = find_folder(root, candidates, holds=re.compile(layout.holds or layout.person, re.IGNORECASE))
    if found is None:
        raise card.not_found(root, f"the frames in the folder {' or '.join(c for c in candidates if c != '.')}")
    names = {part: [PurePosixPath(place).name for place in places] for part, places in layout.frames.items()}
    return found, frames_note(found, data, card, names)


#: File name endings that `spreadsheets.open_book` reads.
SHEET_SUFFIXES = frozenset({".xls", ".xlsx", ".xlsm", ".ods", ".csv", ".tsv", ".txt"})


def find_sheet(root: Path, pattern: str, frames: Path | None = None) -> Path | None:
    """Return the sheet with a matching name: in the root, up to two levels below, above the frames, or beside the root.

    Args:
        root: folder of the data set.
        pattern: pattern of the whole name without its ending and without a prefix in square brackets.
        frames: folder of the frames; all folders from the root down to it are searched.
    """
    named = re.compile(rf"(\[.*\][-_ ]*)?(?:{pattern})\.({'|'.join(end[1:] for end in SHEET_SUFFIXES)})", re.IGNORECASE)
    return find_file((*_places(root, frames), root.parent), named)


def sheets_in(root: Path, frames: Path | None = None) -> list[Path]:
    """Return all possible sheets, by any name, in the places of `find_sheet` except beside the root; sorted."""
    found = {
        path
        for place in _places(root, frames)
        for path in place.iterdir()
        if path.suffix.casefold() in SHEET_SUFFIXES and path.name[0] not in "~." and path.is_file()
    }
    return sorted(found)


def _places(root: Path, frames: Path | None) -> list[Path]:
    inner = [place for outer in subfolders(root).values() for place in subfolders(outer).values()]
    way = [] if frames is None else [place for place in (frames, *frames.parents) if place.is_relative_to(root)]
    return list(dict.fromkeys((root, *subfolders(root).values(), *inner, *reversed(way))))


class Finder:
    """Find the folders of clips, and those on disk that no clip uses."""

    def __init__(self, frames: Path, layout: SheetSet) -> None:
        self._frames = frames
        self._layout = layout
        self._people = numbered_folders(frames, re.compile(layout.person, re.IGNORECASE))
        self._used: set[Path] = set()

    def folder(self, clip: ClipAnnotation) -> Path:
        """Return the folder of a clip's frames; if there is none, the path from the first template."""
        number = int(re.findall(r"\d+", clip.subject)[-1])
        person = self._people.get(number, self._frames / clip.subject)
        names = {"{person}": person.name, "{emotion}": clip.emotion, "{clip}": clip.clip}
        names |= {"{subject}": clip.subject, "{onset}": str(clip.onset)}
        ways = [self._follow(template, names) for template in self._layout.clip]
        place, passed = next((way for way in ways if way[0].is_dir()), ways[0])
        self._used |= passed
        return place

    def _follow(self, template: str, names: Mapping[str, str]) -> tuple[Path, set[Path]]:
        """Return the path from a template, and the folders of people and clips in it."""
        place, passed = self._frames, set()
        for level in template.split("/"):
            alike = self._layout.unpadded and level == "{clip}"
            name = names[level] if level in names else _filled(level, names)
            place = clip_folder(place, name, unpadded=alike)
            if level in ("{clip}", "{person}"):
                passed.add(place)
        return place, passed

    def unlisted(self) -> tuple[Path, ...]:
        """Return the folders of people and clips without a row in the sheet, sorted."""
        if not self._layout.whole:
            return ()
        inside = {
            path for parent in {path.parent for path in self._used} if parent.is_dir() for path in _inside(parent)
        }
        return tuple(sorted(inside - self._used))


def _filled(level: str, names: Mapping[str, str]) -> str:
    """Return a level such as `{subject}_{clip}_{onset}` with the names filled in."""
    for key, name in names.items():
        level = level.replace(key, name)
    return level


def _inside(parent: Path) -> Iterable[Path]:
    return subfolders(parent).values()
