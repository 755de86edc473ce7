"""Read CK+: 593 posed sequences of 123 people, from neutral to the peak; 327 sequences have an emotion.

Layout: `cohn-kanade-images/S011/001/S011_001_00000016.png`; `Emotion/S011/001/S011_001_00000016_emotion.txt` holds one
number (0 neutral .. 7 surprise) and is missing for sequences without a label. The last frame is the peak.
Source: Lucey, Cohn, Kanade, Saragih, Ambadar, Matthews, "The Extended Cohn-Kanade Dataset (CK+)", CVPR workshops 2010.
"""

from __future__ import annotations

import re
from pathlib import Path

from mer.config import FolderData
from mer.data.loading.annotations import Annotations, ClipAnnotation
from mer.data.loading.dataset_card import USUAL, DatasetCard, open_root
from mer.data.loading.dataset_registry import DATASETS
from mer.data.loading.file_search import clip_folder, find_folder, frames_or_fault, numbered_folders, subfolders
from mer.data.samples.label_sets import emotion_labels, three_classes

EMOTIONS = ("neutral", "anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")
# Table 1 of the paper; 327 in all.
_COUNTS = {"anger": 45, "contempt": 18, "disgust": 59, "fear": 25, "happiness": 69, "sadness": 28, "surprise": 83}
_NONE = ("neutral", "")

CARD = DatasetCard(
    key="ck_plus",
    title="CK+",
    expected_files=(
        "cohn-kanade-images/S011/001/S011_001_00000016.png",
        "Emotion/S011/001/S011_001_00000016_emotion.txt",
    ),
    how_to_get="ask its authors, Lucey et al., doi 10.1109/CVPRW.2010.5543262 (a signed licence is needed).",
    label_sets={
        USUAL: emotion_labels(
            *_COUNTS, source="the seven emotions of the labelled sequences", excluded=_NONE, published=_COUNTS
        ),
        "megc2019": three_classes(
            *_COUNTS, *_NONE, published={"negative": 45 + 18 + 59 + 25 + 28, "positive": 69, "surprise": 83}
        ),
    },
    people=123,
)

_PERSON = re.compile(r"s0*(\d+)", re.IGNORECASE)


@DATASETS.register("ck_plus", card=CARD)
def read(data: FolderData, cache_dir: Path) -> Annotations:
    """Read the sequences of CK+ below `data.root`, with emotion "" if unlabelled; subjects are `S011`.

    Raises:
        DatasetNotFoundError: the frames or the labels are missing.
        SampleError: two folders have the number of one person.
    """
    root = open_root(data, CARD)
    images = find_folder(root, ("cohn-kanade-images", "extended-cohn-kanade-images/cohn-kanade-images"), holds=_PERSON)
    labels = find_folder(root, ("Emotion", "Emotion_labels/Emotion", "Emotion_labels"), holds=_PERSON)
    if images is None or labels is None:
        raise CARD.not_found(root, "the folder cohn-kanade-images" if images is None else "the folder Emotion")
    clips, faults = [], []
    for number, person in sorted(numbered_folders(images, _PERSON).items()):
        for folder in subfolders(person).values():
            index = frames_or_fault(folder)
            emotion = _emotion(clip_folder(clip_folder(labels, person.name), folder.name))
            if isinstance(index, str):
                faults.append(index)
                continue
            if emotion is None:
                faults.append(f"{folder}: expected a number 0..7 in its *_emotion.txt")
                continue
            first, last = min(index), max(index)
            where = f"folder {person.name}/{folder.name}"
            clips.append(
                ClipAnnotation(where, f"S{number:03d}", folder.name, first, last, last, "", emotion, "", folder)
            )
    notes = ("Onset is the first frame of each sequence, apex and offset the last.",)
    return Annotations(tuple(clips), images, notes, tuple(faults))


def _emotion(folder: Path) -> str | None:
    """Return the emotion in the label file of a folder; "" without a file, None if it holds something else."""
    files = sorted(folder.glob("*_emotion.txt")) if folder.is_dir() else []
    if not files:
        return ""
    try:
        number = float(files[0].read_text(encoding="ascii", errors="replace"))
    except ValueError:
        return None
    return EMOTIONS[int(number)] if number in range(len(EMOTIONS)) else None
