"""The data card of an official data set: what it is called, where its files stand, how to get it, its label sets.

Contract: all that a message needs to help a user who does not have the data, or has them elsewhere. Loaders fill a
card and read clips (`mer.data.loading.annotations`), `mer.data.loading.build_table` turns them into a table.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mer.config import FolderData
from mer.config_check import limit_errors
from mer.data.samples.label_sets import LabelSet
from mer.errors import DatasetNotFoundError, SampleError

#: File in a root that says that we drew the clips; `mer.data.synthetic.layouts.registry` writes it.
SYNTHETIC_MARK = "SYNTHETIC.txt"
#: Note of the sets that do not say who is shown.
NAMELESS = "People are not named: each image counts as a person of its own, so a split by subject is none by person."
#: Label set taken when `data.labels` is null.
USUAL = "usual"


@dataclass(frozen=True)
class DatasetCard:
    """Data card of a data set.

    Attributes:
        key: its name in sample ids, `conf/data/` and `mer.data.synthetic.layouts.registry`.
        title: its name for people.
        expects: example of each path that is needed, relative to the root.
        apply: how to get it.
        label_sets: by the name that `data.labels` gives; `usual` is the default.
        parts: by the name that `data.part` gives, what it is; the first is the default. Empty: the set has one part.
        crops: parts whose frames are crops of faces already, "" for the only part; all others show more than the face.
        counted: parts for which the published counts hold; empty = all.
        still: whether a clip is one image, without onset and offset.
        people: subjects announced for the counted parts, None where unknown.
        part_people: part -> subjects announced where it is another number.
        odd_apexes: clips of the official release whose apex is missing, outside onset .. offset, or on the onset.
        gaps: whether the official release itself lacks frames within clips.
        totals: part -> numbers of clips that a whole release describes, whatever their label; several where several
            releases or copies circulate.
        recordings: whether `totals` count recordings, one of which may hold several clips.
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
        """The part that a configuration asks for: `data.part`, or the first; "" where the set has one only."""
        return data.part or next(iter(self.parts), "")

    def people_in(self, part: str) -> int | None:
        """Return the number of subjects announced for a part, None where unknown."""
        known = not self.counted or part in self.counted
        return self.part_people.get(part, self.people if known else None)

    def has_crops(self, data: FolderData) -> bool:
        """Return whether the frames of the part that a configuration asks for are crops of faces already."""
        return self.part(data) in self.crops

    def not_found(self, root: Path, what: str) -> DatasetNotFoundError:
        """The error for a missing root, sheet or folder of frames: expected, got, and both remedies."""
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
    """The note which folder the frames were read from.

    Args:
        place: that folder.
        data: with the part that was asked for.
        card: of the data set.
        names: part -> names of folders that are that part's, without regard to case; the folder itself decides, or
            else the one above it. Several such tables are asked one after the other.

    Raises:
        SampleError: the name says that the frames are another part's, as where `data.root` is that part's folder.
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
    """Absolute path of the data set's folder; DatasetNotFoundError when there is none."""
    root = Path(data.root).expanduser().resolve()
    if not root.is_dir():
        raise card.not_found(root, "the folder itself")
    return root


def config_errors(data: FolderData, card: DatasetCard) -> list[str]:
    """What is wrong with the configuration of an official data set, one sentence each."""
    found = limit_errors(data, "data")
    if data.labels is not None and data.labels not in card.label_sets:
        found.append(f"data.labels: expected null or one of {', '.join(card.label_sets)}, got {data.labels!r}")
    if data.part is not None and data.part not in card.parts:
        known = f"null or one of {', '.join(card.parts)}" if card.parts else f"null ({card.title} has one part only)"
        found.append(f"data.part: expected {known}, got {data.part!r}")
    if data.repairs_table is not None and not data.repairs:
        found.append("data.repairs_table: expected null where data.repairs=false, which applies none of its rows")
    return found
