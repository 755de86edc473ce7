"""Invented trees with as many clips and people a class as the originals, in three small frames each."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from mer.config import CompositeData, DataConfig, FolderData
from mer.data.synthetic.layouts.registry import LayoutClip, write_tree
from mer.utils.seeding import seed_from

#: Clips an emotion, of all that a sheet lists: first those of the three classes of MEGC 2019, then the others.
EMOTIONS = {
    "casme2": dict(disgust=63, repression=27, happiness=32, surprise=25, others=99, sadness=7, fear=2),
    "samm": dict(anger=57, contempt=12, disgust=9, fear=8, sadness=6, happiness=26, surprise=15, others=26),
    "smic": dict(negative=70, positive=51, surprise=43),
}
#: The objective classes of MEGC 2018.
CLASSES = ("I", "II", "III", "IV", "V")
#: Clips an objective class.
OBJECTIVE: dict[str, dict[str, int]] = {
    "casme2": {"I": 25, "II": 15, "III": 99, "IV": 26, "V": 20, "VI": 1, "VII": 69},
    "samm": {"I": 24, "II": 13, "III": 20, "IV": 8, "V": 3, "VI": 7, "VII": 84},
    "smic": {"": 164},
}


def write(layout: str, out: Path) -> Path:
    """The tree of a data set with the counts of the original."""
    return write_tree(layout, clips(layout), out)


def clips(layout: str) -> list[LayoutClip]:
    """Its clips, people and classes spread as the challenges count them."""
    emotions = list(_repeated(EMOTIONS[layout]))
    subjects = list(PEOPLE[layout](len(emotions)))
    objective = _objective(layout, subjects)
    return [
        LayoutClip(person, emotion, ("4",), 1, 2, 3, _textured(seed_from(0, layout, place)), grade)
        for place, (person, emotion, grade) in enumerate(zip(subjects, emotions, objective, strict=True))
    ]


def _textured(seed: int) -> Callable[[int], np.ndarray]:
    """Grey frames with texture, other ones for every clip: the leak audit would find equal ones."""
    return lambda number: np.random.default_rng([seed, number]).integers(0, 256, (24, 24), dtype=np.uint8)


def _repeated(counts: Mapping[str, int]) -> Iterator[str]:
    for name, count in counts.items():
        yield from [name] * count


def _casme2_people(count: int) -> Iterator[int]:
    """24 people show the three classes (147 clips); two more show others only."""
    for place in range(count):
        yield place % 24 + 1 if place < 147 else (place - 147) % 26 + 1


def _samm_people(count: int) -> Iterator[int]:
    """28 people, all of whom show the three classes."""
    for place in range(count):
        yield place % 28 + 1


def _smic_people(count: int) -> Iterator[int]:
    for place in range(count):
        yield place % 16 + 1


PEOPLE = {"casme2": _casme2_people, "samm": _samm_people, "smic": _smic_people}


def _objective(layout: str, subjects: Sequence[int]) -> list[str]:
    """Classes I to V for the last clips of CASME II (all 26 people) and for 21 people of SAMM; the rest for others."""
    counts = OBJECTIVE[layout]
    usual, rest = (
        [*_repeated({name: count for name, count in counts.items() if (name in CLASSES) == inside})]
        for inside in (True, False)
    )
    if layout == "casme2":
        return rest + usual
    return [usual.pop() if usual and person <= 21 else rest.pop() for person in subjects]


def composite(root: Path, *, labels: str, layouts: Sequence[str], listed: Path | None = None) -> CompositeData:
    """Configuration of the trees `root/<layout>` as one source, as `conf/data/megc2018.yaml` and `megc2019.yaml` do."""
    parts: dict[str, DataConfig] = {
        layout: FolderData(
            name=layout,
            root=str(root / layout),
            labels=None if layout == "smic" else labels,
            missing_apex="middle" if layout == "smic" else "error",
        )
        for layout in layouts
    }
    return CompositeData(name="composite", parts=parts, list=None if listed is None else str(listed))


def write_list(path: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    """A CSV in the form of an official list."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["dataset", "subject", "clip", "label"])
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_small(layout: str, out: Path) -> Path:
    """A tree of four people who show each of the five classes once, in frames that move by a pixel."""
    emotions = dict(zip(CLASSES, ("happiness", "surprise", "others", "disgust", "repression"), strict=True))
    if layout == "samm":
        emotions = dict(zip(CLASSES, ("happiness", "surprise", "anger", "disgust", "contempt"), strict=True))
    return write_tree(
        layout,
        [
            LayoutClip(person, emotion, ("4",), 1, 2, 3, _moving(seed_from(0, layout, person, place)), grade)
            for person in (1, 2, 3, 4)
            for place, (grade, emotion) in enumerate(emotions.items())
        ],
        out,
    )


def _moving(seed: int) -> Callable[[int], np.ndarray]:
    """Frames of smooth texture that shifts with the frame's number."""
    noise = np.random.default_rng(seed).integers(0, 256, (10, 10), dtype=np.uint8)
    texture = cv2.resize(noise, (80, 80), interpolation=cv2.INTER_CUBIC)
    return lambda number: texture[:64, number : number + 64].copy()
