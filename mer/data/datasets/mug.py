"""Read MUG: posed emotions of 52 people (of 86 recorded), 19 fps, from neutral to the peak and back.

Layout: `subjects3/001/happiness/take000/img_0000.jpg`; some people's folders hold a folder of the same name. No apex.
Source: Aifanti, Papachristou, Delopoulos, "The MUG facial expression database", WIAMIS 2010.
"""

from __future__ import annotations

import re
from pathlib import Path

from mer.config import FolderData
from mer.data.loading.annotations import Annotations, ClipAnnotation
from mer.data.loading.dataset_card import USUAL, DatasetCard, open_root
from mer.data.loading.dataset_registry import DATASETS
from mer.data.loading.file_search import find_folder, frames_or_fault, numbered_folders, subfolders
from mer.data.samples.label_sets import canonical_emotion, emotion_labels, three_classes

_SIX = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")

CARD = DatasetCard(
    key="mug",
    title="MUG",
    expected_files=("subjects3/001/happiness/take000/img_0000.jpg",),
    how_to_get="ask the Multimedia Understanding Group, Thessaloniki: mug.ee.auth.gr/fed (signed licence).",
    label_sets={
        USUAL: emotion_labels(*_SIX, source="the six posed emotions", excluded=("neutral",)),
        "all": emotion_labels(*_SIX, "neutral", source="all folders of the set"),
        "megc2019": three_classes(*_SIX, "neutral"),
    },
    people=52,
)

_PERSON = re.compile(r"0*(\d+)")


@DATASETS.register("mug", card=CARD)
def read(data: FolderData, cache_dir: Path) -> Annotations:
    """Read the takes of MUG below `data.root`, without apex; subjects are three digits, clips `happiness_take000`.

    Raises:
        DatasetNotFoundError: the frames are missing.
        SampleError: two folders have the number of one person.
    """
    root = open_root(data, CARD)
    people = find_folder(root, ("subjects3", "MUG/subjects3", "."), holds=_PERSON)
    if people is None:
        raise CARD.not_found(root, "the folder subjects3 with a folder for each person")
    clips, faults = [], []
    for number, outer in sorted(numbered_folders(people, _PERSON).items()):
        # Some people's folders hold only a folder of the same name.
        person = subfolders(outer).get(outer.name.casefold(), outer)
        for emotion, place in subfolders(person).items():
            for take, folder in subfolders(place).items():
                index = frames_or_fault(folder)
                if isinstance(index, str):
                    faults.append(index)
                    continue
                where, name = f"folder {outer.name}/{emotion}/{take}", f"{canonical_emotion(emotion)}_{take}"
                clips.append(
                    ClipAnnotation(where, f"{number:03d}", name, min(index), None, max(index), "", emotion, "", folder)
                )
    notes = ("Onset and offset are the first and the last frame of each take.",)
    return Annotations(tuple(clips), people, notes, tuple(faults))
