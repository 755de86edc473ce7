"""The family of data sets with a coding sheet and a folder of frames for each clip: what differs between them, as data.

Contract: a set says in a `SheetSet` how its sheet is headed and where frames lie; `read_sheet_set` finds and reads them
whatever the case, padding and doubled folders. No path is made up from a number.
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
from mer.errors import SampleError

#: Headings of the sets by the group behind CASME, which others took over.
CASME_COLUMNS: Mapping[str, Collection[str]] = {
    "subject": ("Subject",),
    "clip": ("Filename",),
    "onset": ("OnsetFrame", "Onset", "OnsetF"),
    "apex": ("ApexFrame", "Apex", "ApexF1", "ApexF"),
    "offset": ("OffsetFrame", "Offset", "OffsetF"),
    "aus": ("Action Units", "AU", "AUs"),
    "emotion": ("Estimated Emotion", "Emotion"),
}


@dataclass(frozen=True)
class SheetSet:
    """How a data set with a coding sheet lies on disk; patterns ignore case and match whole names.

    Attributes:
        sheet: pattern of the sheet's name.
        columns: headings of `coded.read_coding_sheet`.
        optional: columns that need not be there.
        person: pattern of a person's folder and of the sheet's subject; group 1 is the number.
        subject: format of the subject in our tables, from that number.
        frames: part -> folders below the root that may hold the frames, in order of preference; "" is the only part.
        clip: where a clip's frames lie inside: "{person}" (by number), "{emotion}", "{clip}", a fixed name or a name
            with "{subject}", "{clip}" and "{onset}" a level; the first that exists counts.
        holds: pattern of at least one folder inside `frames`; "" takes `person`.
        unpadded: whether zeros before the numbers in a clip's name do not count (SMIC: s1_ne_01, s01_ne_01).
        whole: whether each folder of a clip should stand in the sheet.
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
        """Subject in our tables from the sheet's text: 3, "03" or "sub03" -> "sub03"; None when it is none."""
        match = re.fullmatch(rf"(?:{self.person})|0*(\d+)", text, re.IGNORECASE)
        return self.subject.format(int(next(filter(None, match.groups())))) if match else None


def read_sheet_set(data: FolderData, card: DatasetCard, layout: SheetSet) -> Annotations:
    """The clips that the sheet below `data.root` lists, with the folders of their frames.

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
    notes = (f"Coding sheet: {reading.origin.name}{by_content}.", note)
    return replace(reading, notes=notes, unlisted=finder.unlisted())


def _read(sheet: Path, frames: Path, layout: SheetSet, *, asked: bool) -> tuple[Annotations, Finder] | None:
    """The clips of a sheet; None where it was not asked for by name and has other headings or other clips."""
    finder = Finder(frames, layout)
    try:
        found = read_coding_sheet(
            sheet, layout.columns, optional=layout.optional, subject=layout.named, folder=finder.folder
        )
    except SampleError:
        if asked:
            raise
        return None
    return (found, finder) if asked or any(clip.folder.is_dir() for clip in found.clips) else None


def frames_folder(root: Path, data: FolderData, card: DatasetCard, layout: SheetSet) -> tuple[Path, str]:
    """Folder of the frames of the part that `data` asks for, and a note that names it.

    Raises:
        DatasetNotFoundError: there is none.
        SampleError: it is the folder of another part.
    """
    candidates = layout.frames[card.part(data)]
    found = find_folder(root, candidates, holds=re.compile(layout.holds or layout.person, re.IGNORECASE))
    if found is None:
        raise card.not_found(root, f"the frames in the folder {' or '.join(c for c in candidates if c != '.')}")
    names = {part: [PurePosixPath(place).name for place in places] for part, places in layout.frames.items()}
    return found, frames_note(found, data, card, names)


#: Endings of files that `spreadsheets.open_book` reads.
SHEET_SUFFIXES = frozenset({".xls", ".xlsx", ".xlsm", ".ods", ".csv", ".tsv", ".txt"})


def find_sheet(root: Path, pattern: str, frames: Path | None = None) -> Path | None:
    """The sheet whose name matches: in the root, up to two levels below, on the way to the frames, or beside the root.

    Args:
        root: of the data set.
        pattern: of the whole name without its ending; what stands in square brackets before it does not count.
        frames: folder of the frames.
    """
    named = re.compile(rf"(\[.*\][-_ ]*)?(?:{pattern})\.({'|'.join(end[1:] for end in SHEET_SUFFIXES)})", re.IGNORECASE)
    return find_file((*_places(root, frames), root.parent), named)


def sheets_in(root: Path, frames: Path | None = None) -> list[Path]:
    """All files that may be sheets, whatever their names, where `find_sheet` looks but beside the root; sorted."""
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
    """Folders of clips, and which of those on disk were never asked for."""

    def __init__(self, frames: Path, layout: SheetSet) -> None:
        self._frames = frames
        self._layout = layout
        self._people = numbered_folders(frames, re.compile(layout.person, re.IGNORECASE))
        self._used: set[Path] = set()

    def folder(self, clip: ClipAnnotation) -> Path:
        """Folder of a clip's frames; where the first template would have it when there is none."""
        number = int(re.findall(r"\d+", clip.subject)[-1])
        person = self._people.get(number, self._frames / clip.subject)
        names = {"{person}": person.name, "{emotion}": clip.emotion, "{clip}": clip.clip}
        names |= {"{subject}": clip.subject, "{onset}": str(clip.onset)}
        ways = [self._follow(template, names) for template in self._layout.clip]
        place, passed = next((way for way in ways if way[0].is_dir()), ways[0])
        self._used |= passed
        return place

    def _follow(self, template: str, names: Mapping[str, str]) -> tuple[Path, set[Path]]:
        """Where a template leads, and the folders of people and clips on the way."""
        place, passed = self._frames, set()
        for level in template.split("/"):
            alike = self._layout.unpadded and level == "{clip}"
            name = names[level] if level in names else _filled(level, names)
            place = clip_folder(place, name, unpadded=alike)
            if level in ("{clip}", "{person}"):
                passed.add(place)
        return place, passed

    def unlisted(self) -> tuple[Path, ...]:
        """Folders beside those of clips, and of people, that no row names; sorted."""
        if not self._layout.whole:
            return ()
        inside = {
            path for parent in {path.parent for path in self._used} if parent.is_dir() for path in _inside(parent)
        }
        return tuple(sorted(inside - self._used))


def _filled(level: str, names: Mapping[str, str]) -> str:
    """A level of several names, `{subject}_{clip}_{onset}`."""
    for key, name in names.items():
        level = level.replace(key, name)
    return level


def _inside(parent: Path) -> Iterable[Path]:
    return subfolders(parent).values()
