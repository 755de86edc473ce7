"""Describe an official data set in a `DatasetCard`: its name, its files, the way to get it, its label sets.

Contract: a card holds everything for a message to a user without the data, or with the data in another place. Each
loader defines a card and reads clips (`mer.data.loading.annotations`); `mer.data.loading.build_table` makes the table.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mer.config import FolderData
from mer.config_check import limit_errors
from mer.data.samples.label_sets import LabelSet
from mer.errors import DatasetNotFoundError, SampleError

#: File in a root that marks drawn clips; `mer.data.synthetic.layouts.registry` writes it.
SYNTHETIC_MARK = "SYNTHETIC.txt"
#: Note of the sets that do not identify their people.
NAMELESS = (
    "People are not identified: each image counts as its own subject, so a split by subject is not a split by person."
)
#: Label set used when `data.labels` is null.
USUAL = "usual"


@dataclass(frozen=True)
class DatasetCard:
    """Data card of an official data set.

    Attributes:
        key: name in sample ids, `conf/data/` and `mer.data.synthetic.layouts.registry`.
        title: name in messages and reports.
        expected_files: an example of each needed path, relative to the root.
        how_to_get: sentences on how to get the data set.
        label_sets: label set by its name in `data.labels`; `usual` is the default.
        parts: description of each part by its name in `data.part`; the first is the default. Empty = only one part.
        crops: parts with frames that are face crops, "" for the only part; frames of other parts show more.
        counted: parts that the published counts refer to; empty = all.
        still: whether a clip is one image, without onset and offset.
        people: published number of subjects in the counted parts, None = unknown.
        part_people: part -> published number of subjects, if it differs from `people`.
        odd_apexes: number of clips in the official release with an apex missing, outside onset .. offset, or equal to
            the onset.
        gaps: whether clips of the official release lack frames.
        totals: part -> number of clips with any label in a whole release; several numbers for several releases.
        recordings: whether `totals` counts recordings, which may hold several clips each.
    """

    key: str
    title: str
    expected_files: tuple[str, ...]
    how_to_get: str
    label_sets: Mapping[str, LabelSet]
    parts: Mapping[str, str] = field(default_factory=dict)
    crops: Collection[str] = ()
    counted: Collection[str] = ()
    still: bool = False
    people: int | None = None
    part_people: Mapping[str, int] = field(default_factory=dict)
    odd_apexes: int = 0
    gaps: bool = False
    totals: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    recordings: bool = False

    def part(self, data: FolderData) -> str:
        """Return `data.part`, or by default the first part; "" if the set has only one."""
        return data.part or next(iter(self.parts), "")

    def people_in(self, part: str) -> int | None:
        """Return the published number of subjects of a part, None if unknown."""
        known = not self.counted or part in self.counted
        return self.part_people.get(part, self.people if known else None)

    def has_crops(self, data: FolderData) -> bool:
        """Return whether the frames of the configured part are face crops."""
        return self.part(data) in self.crops

    def not_found(self, root: Path, what: str) -> DatasetNotFoundError:
        """Return the error for a missing root, sheet or folder of frames, with expected, got and remedies."""
        inside = sorted(path.name for path in root.iterdir())[:8] if root.is_dir() else None
        got = "no such folder" if inside is None else f"it holds {', '.join(inside) or 'nothing'}"
        return DatasetNotFoundError(
            "\n  ".join(
                [
                    f"{self.title} is not at data.root={root} ({got}); missing: {what}. Expected:",
                    *(str(root / example) for example in self.expected_files),
                    "Where you have it: set data.root=DIR, or the variable MER_DATA to the folder above it.",
                    f"Where you do not: {self.how_to_get}",
                    "Without it, with drawn faces in the same layout:",
                    f"  python -m mer.data.synthetic --layout {self.key} --out trees/{self.key}",
                    f"  and then data.root=trees/{self.key}; or python -m mer.run +experiment=synthetic_loso",
                ]
            )
        )


def frames_note(place: Path, data: FolderData, card: DatasetCard, *names: Mapping[str, Collection[str]]) -> str:
    """Return a note with the folder that the frames were read from.

    Args:
        place: folder of the frames.
        data: configuration with the part.
        card: card of the data set.
        names: tables of part -> names of its folders, in any case. Each table is compared with the name of the folder,
            then with that of its parent.

    Raises:
        SampleError: the name belongs to another part, for example because `data.root` is the folder of that part.
    """
    part = card.part(data)
    for table in names:
        for folder in (place, place.parent):
            whose = [
                one for one, known in table.items() if folder.name.casefold() in {name.casefold() for name in known}
            ]
            if part in whose:
                break
            if whose:
                raise SampleError(
                    f"{card.title}: expected the frames of part {part!r} below data.root={data.root}, found {place}, "
                    f"which by the name {folder.name} is part {' or '.join(map(repr, whose))}. "
                    f"Set data.part={whose[0]} to take these frames, or data.root to the folder that holds both parts."
                )
    root = Path(data.root).expanduser().resolve()
    inside = place.relative_to(root.parent) if place.is_relative_to(root.parent) else place
    return f"Frames: {inside.as_posix()}."


def open_root(data: FolderData, card: DatasetCard) -> Path:
    """Return the absolute path of the data set's folder; DatasetNotFoundError if it does not exist."""
    root = Path(data.root).expanduser().resolve()
    if not root.is_dir():
        raise card.not_found(root, "the folder itself")
    return root


def config_errors(data: FolderData, card: DatasetCard) -> list[str]:
    """Return the errors in the configuration of an official data set, one sentence each."""
    found = limit_errors(data, "data")
    if data.labels is not None and data.labels not in card.label_sets:
        found.append(f"data.labels: expected null or one of {', '.join(card.label_sets)}, got {data.labels!r}")
    if data.part is not None and data.part not in card.parts:
        known = f"null or one of {', '.join(card.parts)}" if card.parts else f"null ({card.title} has one part only)"
        found.append(f"data.part: expected {known}, got {data.part!r}")
    if data.repairs_table is not None and not data.repairs:
        found.append("data.repairs_table: expected null where data.repairs=false, which applies none of its rows")
    return found
