"""SMIC, high-speed part (HS): 164 micro-expressions of 16 people, 100 fps, cropped faces, three classes.

Layout: `SMIC_all_cropped/HS/s03/micro/negative/s3_ne_01/reg_image034013.bmp`; subjects and clips are padded or not, so
numbers count. There is no sheet: the first frame is the onset, the last the offset, and no apex was annotated.
Source: Li, Pfister, Huang, Zhao, Pietikainen, "A Spontaneous Micro-expression Database", FG 2013.
"""

from __future__ import annotations

import re
from pathlib import Path

from mer.config import FolderData
from mer.corpus.assemble import table_of
from mer.corpus.checks import raise_rows
from mer.corpus.clips_on_disk import find_folder, folders, index_frames, numbered_folders
from mer.corpus.coded import ALL, CodedClip
from mer.corpus.labels import LabelSet, themselves
from mer.corpus.official import USUAL, Official, open_root
from mer.corpus.samples import SampleTable

_THREE = ("negative", "positive", "surprise")

CARD = Official(
    key="smic",
    title="SMIC-HS",
    expects=("SMIC_all_cropped/HS/s03/micro/negative/s3_ne_01/reg_image034013.bmp",),
    apply="ask the Center for Machine Vision and Signal Analysis, Oulu: oulu.fi/cmvs/node/41319 (signed licence).",
    label_sets={
        USUAL: LabelSet(
            classes=_THREE,
            of=themselves(*_THREE),
            source="the set's own classes, also those of MEGC 2019",
            published={"negative": 70, "positive": 51, "surprise": 43},
        )
    },
)

_SUBJECT = re.compile(r"s0*(\d+)", re.IGNORECASE)
_CLIP = re.compile(r"s0*(\d+)_(ne|po|sur)_0*(\d+)", re.IGNORECASE)
_CODES = {"ne": "negative", "po": "positive", "sur": "surprise"}


def load(data: FolderData, cache_dir: Path) -> SampleTable:
    """The samples of SMIC-HS below `data.root`; subjects are `s03`, clips `s03_ne_01` whatever the folders' padding.

    Raises:
        DatasetNotFoundError: the folder or its frames are missing.
        SampleError: folders whose names contradict one another, or without frames.
    """
    root = open_root(data, CARD)
    people = find_folder(root, ("SMIC_all_cropped/HS", "HS", "."), holds=_SUBJECT)
    if people is None:
        raise CARD.not_found(root, "the folder HS with a folder for each subject")
    clips: list[CodedClip] = []
    bad: list[str] = []
    for number, person in sorted(numbered_folders(people, _SUBJECT).items()):
        micro = folders(person).get("micro")
        by_label = folders(micro) if micro else {}
        for label in (label for label in _THREE if label in by_label):
            for folder in folders(by_label[label]).values():
                clip = _clip(folder, number, label)
                if isinstance(clip, str):
                    bad.append(clip)
                else:
                    clips.append(clip)
    head = f"{people}: folders of clips that cannot be used:"
    raise_rows(bad, head, "Put them right in a copy of the data, as in the official archive.", shown=ALL)
    if not clips:
        raise CARD.not_found(root, "clips in sNN/micro/negative, positive, surprise")
    notes = ("Onset and offset are the first and the last frame of each clip's folder.",)
    return table_of(clips, data, CARD, origin=people, notes=notes)


def _clip(folder: Path, person: int, label: str) -> CodedClip | str:
    """The clip in a folder, or what is wrong with it."""
    match = _CLIP.fullmatch(folder.name)
    if match is None:
        return f"{folder}: expected a name like s3_ne_01"
    number, code, take = int(match.group(1)), match.group(2).lower(), int(match.group(3))
    if number != person or _CODES[code] != label:
        return f"{folder}: subject and class in the name differ from the folders above it"
    index = index_frames(folder)
    if not index:
        return f"{folder}: no frames inside"
    subject, name = f"s{person:02d}", f"s{person:02d}_{code}_{take:02d}"
    return CodedClip(f"folder {folder.name}", subject, name, min(index), None, max(index), "", label, "", folder)
