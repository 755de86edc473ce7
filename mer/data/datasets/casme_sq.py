"""Read CAS(ME)^2: 57 micro- and 300 macro-expressions of 22 people in long recordings, 30 fps.

Layout: `CAS(ME)^2code_final.xlsx`. Its first sheet has no header (participant, clip, onset, apex, offset, AUs, emotion,
type, self-report). Two sheets of naming rules map a participant to the subject in folder names, and a stimulus to its
4-digit code. Frames: `cropped/`, `selectedpic/` by clip, `rawpic/s15/15_0101disgustingteeth/` by recording. If the apex
is the last frame, the offset is 0. Source: Qu, Wang, Yan, Li, Wu, Fu, IEEE TAFFC 9(4), 2018.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from mer.config import FolderData
from mer.data.loading import spreadsheets
from mer.data.loading.annotations import Annotations, ClipAnnotation, clips_of_rows
from mer.data.loading.coding_sheets import find_sheet
from mer.data.loading.dataset_card import USUAL, DatasetCard, frames_note, open_root
from mer.data.loading.dataset_registry import DATASETS
from mer.data.loading.file_search import clip_folder, find_folder, numbered_folders, subfolders
from mer.data.samples.label_sets import emotion_labels, three_classes
from mer.errors import SampleError

_COLUMNS = ("subject", "clip", "onset", "apex", "offset", "aus", "emotion", "type", "self_report")
_PLACES = {"cropped": ("cropped", "."), "selected": ("selectedpic", "."), "raw": ("rawpic", ".")}
# From the paper, for the 57 micro-expressions; not recounted.
_COUNTS = {"negative": 21, "positive": 8, "surprise": 9}

CARD = DatasetCard(
    key="casme_sq",
    title="CAS(ME)^2",
    expected_files=("CAS(ME)^2code_final.xlsx", "cropped/s15/anger1_1/img001.jpg"),
    how_to_get="fill in the form at casme.psych.ac.cn/casme/e3 (a signed licence is needed).",
    label_sets={
        USUAL: replace(
            three_classes(*_COUNTS, "others", published=_COUNTS),
            source="the set's own classes without others, also those of MEGC 2019",
        ),
        "all": emotion_labels(
            *_COUNTS, "others", source="the set's own four classes", published={**_COUNTS, "others": 19}
        ),
    },
    parts={
        f"{kind}_{place}": f"{kind}-expressions, `{_PLACES[place][0]}/`"
        for kind, place in product(("micro", "macro"), _PLACES)
    },
    crops=("micro_cropped", "macro_cropped"),
    counted=tuple(f"micro_{place}" for place in _PLACES),
    people=22,
    part_people={f"{kind}_{place}": people for kind, people in (("micro", 14), ("macro", 20)) for place in _PLACES},
    totals={f"{kind}_{place}": (count,) for kind, count in (("micro", 57), ("macro", 300)) for place in _PLACES},
)

_PERSON = re.compile(r"s?0*(\d+)", re.IGNORECASE)
#: A sheet of naming rules may be a CSV of its own, with the same beginning of its name.
_SHEET = r"(cas\(me\)\^?2|casme(_sq|2)?)?[-_ ]?code[-_ ]?final(?!.*rule).*"


@DATASETS.register("casme_sq", card=CARD)
def read(data: FolderData, cache_dir: Path) -> Annotations:
    """Read the clips of CAS(ME)^2 below `data.root`, micro or macro by `data.part`; subjects are `s15`.

    Raises:
        DatasetNotFoundError: folder, sheet or frames are missing.
        SampleError: the sheet cannot be read, or has not two sheets of naming rules.
    """
    root = open_root(data, CARD)
    kind, place = CARD.part(data).split("_")
    frames = find_folder(root, _PLACES[place], holds=_PERSON)
    if frames is None:
        raise CARD.not_found(root, f"the frames in the folder {_PLACES[place][0]}")
    own = {f"{which}_{one}": places for which in ("micro", "macro") for one, places in _PLACES.items()}
    read_from = frames_note(frames, data, CARD, own)
    sheet = find_sheet(root, _SHEET, frames)
    if sheet is None:
        raise CARD.not_found(root, "the sheet CAS(ME)^2code_final.xlsx")
    first, people, codes = _book(sheet)
    on_disk = numbered_folders(frames, _PERSON)
    notes = [f"Coding sheet: {sheet.name}.", read_from]

    def folder(clip: ClipAnnotation) -> Path:
        person = on_disk.get(int(clip.subject[1:]), frames / clip.subject)
        if place != "raw":
            return clip_folder(person, clip.clip)
        code = codes.get(_stimulus(clip.clip), "none")
        inside = subfolders(person).items() if person.is_dir() else ()
        return next((path for name, path in inside if re.match(rf"\d+_{code}", name)), person / f"*_{code}*")

    rows = [row for row in first if spreadsheets.text(row["type"]).casefold().startswith(kind)]
    zero = [row for row in rows if spreadsheets.text(row["offset"]) == "0"]
    if data.repairs and zero:
        rows = [{**row, "offset": row["apex"]} if row in zero else row for row in rows]
        where = ", ".join(f"row {row['row']}" for row in zero)
        notes.append(f"Offset 0 in {where}: the apex is taken as the last frame (data.repairs=false leaves it).")
    reading = clips_of_rows(rows, sheet, subject=lambda text: people.get(text), folder=folder)
    return replace(reading, notes=(*notes, *reading.notes))


def _book(sheet: Path) -> tuple[list[dict[str, Any]], dict[str, str], dict[str, str]]:
    """Return the rows of the first sheet, participant -> subject, and stimulus -> 4-digit code."""
    book = spreadsheets.open_book(sheet)
    if len(book) == 1:  # each sheet saved as a CSV
        for path in sorted(sheet.parent.glob("*[rR]ule*")):
            if path.suffix.casefold() in spreadsheets.TEXT_SUFFIXES:
                book |= spreadsheets.open_book(path)
    rules = [rows for title, rows in book.items() if "rule" in title.casefold()]
    if len(rules) != 2:
        raise SampleError(
            f"{sheet}: expected two sheets of naming rules after the first one, got sheets {', '.join(book)}. "
            "Take the file from the official archive again, or save all its sheets as CSV, with 'rule1' and 'rule2' in "
            "the names of these two."
        )
    coded = [
        {"row": number, **dict(zip(_COLUMNS, (*cells, *[None] * len(_COLUMNS)), strict=False))}
        for number, cells in enumerate(next(iter(book.values())), start=1)
        if any(spreadsheets.text(cell) for cell in cells)
    ]
    people, codes = {}, {}
    for cells in map(_texts, rules[0]):
        subject = next((cell for cell in cells if re.fullmatch(r"[sS]\d+", cell)), None)
        if subject and cells[-1].isdecimal():
            people[cells[-1]] = f"s{int(subject[1:]):02d}"
    for cells in map(_texts, rules[1]):
        if len(cells) >= 2 and cells[0].isdecimal():
            codes[cells[1].casefold()] = f"{int(cells[0]):04d}"
    return coded, people, codes


def _texts(cells: Sequence[Any]) -> list[str]:
    return [word for word in map(spreadsheets.text, cells) if word]


def _stimulus(clip: str) -> str:
    """Return the stimulus in a clip's name: `anger1_1` -> `anger1`."""
    return clip.rsplit("_", 1)[0].casefold()
