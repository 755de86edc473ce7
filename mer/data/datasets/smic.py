"""Read SMIC: 164 micro-expressions of 16 people at 100 fps (HS), 71 of 8 of them also at 25 fps (VIS, NIR).

It has three classes. Layout: `SMIC_all_cropped/HS/s03/micro/negative/s3_ne_01/reg_image034013.bmp`; raw frames are in
the same layout in `SMIC_all_raw`. Subjects and clips may be padded with zeros, so numbers are compared. The set has no
sheet: the first frame is the onset, the last the offset, and no apex was annotated.
Source: Li, Pfister, Huang, Zhao, Pietikainen, "A Spontaneous Micro-expression Database", FG 2013.
"""

from __future__ import annotations

import re
from pathlib import Path

from mer.config import FolderData
from mer.data.loading.annotations import Annotations, ClipAnnotation
from mer.data.loading.dataset_card import USUAL, DatasetCard, frames_note, open_root
from mer.data.loading.dataset_registry import DATASETS
from mer.data.loading.file_search import find_folder, frames_or_fault, numbered_folders, subfolders
from mer.data.samples.label_sets import LabelSet, identity_mapping

_THREE = ("negative", "positive", "surprise")

CARD = DatasetCard(
    key="smic",
    title="SMIC",
    expected_files=("SMIC_all_cropped/HS/s03/micro/negative/s3_ne_01/reg_image034013.bmp",),
    how_to_get="ask the Center for Machine Vision and Signal Analysis, Oulu: oulu.fi/cmvs/node/41319 (signed licence).",
    label_sets={
        USUAL: LabelSet(
            classes=_THREE,
            mapping=identity_mapping(*_THREE),
            source="the set's own classes, also those of MEGC 2019",
            published={"negative": 70, "positive": 51, "surprise": 43},
        )
    },
    parts={
        f"{camera}_{version}": f"{what}, {how}, `SMIC_all_{version}/{camera.upper()}/`"
        for camera, what in (
            ("hs", "high speed, 100 fps"),
            ("vis", "visible light, 25 fps"),
            ("nir", "near infrared, 25 fps"),
        )
        for version, how in (("cropped", "registered and cropped faces"), ("raw", "whole images"))
    },
    crops=("hs_cropped", "vis_cropped", "nir_cropped"),
    counted=("hs_cropped", "hs_raw"),
    totals={
        f"{camera}_{version}": (164 if camera == "hs" else 71,)
        for camera in ("hs", "vis", "nir")
        for version in ("cropped", "raw")
    },
    people=16,
)

_SUBJECT = re.compile(r"s0*(\d+)", re.IGNORECASE)
_CLIP = re.compile(r"s0*(\d+)_(ne|po|sur)_0*(\d+)", re.IGNORECASE)
_CODES = {"ne": "negative", "po": "positive", "sur": "surprise"}


@DATASETS.register("smic", card=CARD)
def read(data: FolderData, cache_dir: Path) -> Annotations:
    """Read the clips of SMIC below `data.root`; subjects are `s03`, clips `s03_ne_01`, with any padding of the folders.

    Raises:
        DatasetNotFoundError: the folder or its frames are missing.
        SampleError: two folders have the number of one person, or the folder is another part.
    """
    root = open_root(data, CARD)
    camera, version = CARD.part(data).split("_")
    places = (f"SMIC_all_{version}/{camera}", f"SMIC_all_{version}/SMIC_all_{version}/{camera}", camera, ".")
    people = find_folder(root, places, holds=_SUBJECT)
    if people is None:
        raise CARD.not_found(root, f"the folder {places[0].upper()} with a folder for each subject")
    cameras = {part: [part.split("_")[0]] for part in CARD.parts}
    versions = {part: [f"SMIC_all_{part.split('_')[1]}"] for part in CARD.parts}
    read_from = frames_note(people, data, CARD, cameras, versions)
    clips: list[ClipAnnotation] = []
    faults: list[str] = []
    for number, person in sorted(numbered_folders(people, _SUBJECT).items()):
        micro = subfolders(person).get("micro")
        by_label = subfolders(micro) if micro else {}
        for label in (label for label in _THREE if label in by_label):
            for folder in subfolders(by_label[label]).values():
                clip = _clip(folder, number, label)
                if isinstance(clip, str):
                    faults.append(clip)
                else:
                    clips.append(clip)
    if not clips and not faults:
        raise CARD.not_found(root, "clips in sNN/micro/negative, positive, surprise")
    notes = ("Onset and offset are the first and the last frame of each clip's folder.", read_from)
    return Annotations(tuple(clips), people, notes, tuple(faults))


def _clip(folder: Path, person: int, label: str) -> ClipAnnotation | str:
    """Return the clip in a folder, or a sentence with the error."""
    match = _CLIP.fullmatch(folder.name)
    if match is None:
        return f"{folder}: expected a name like s3_ne_01"
    number, code, take = int(match.group(1)), match.group(2).lower(), int(match.group(3))
    if number != person or _CODES[code] != label:
        return f"{folder}: subject and class in the name differ from the folders above it"
    index = frames_or_fault(folder)
    if isinstance(index, str):
        return index
    subject, name = f"s{person:02d}", f"s{person:02d}_{code}_{take:02d}"
    return ClipAnnotation(f"folder {folder.name}", subject, name, min(index), None, max(index), "", label, "", folder)
