"""Read Oulu-CASIA NIR&VIS: six posed emotions of 80 people, from neutral to the peak, two cameras and three lights.

Layout: `OriginalImg/{VL,NI}/{Strong,Weak,Dark}/P012/Anger/000.jpeg`. The last frame is the peak.
Source: Zhao, Huang, Taini, Li, Pietikainen, "Facial expression recognition from near-infrared videos", IVC 29(9), 2011.
"""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

from mer.config import FolderData
from mer.data.loading.annotations import Annotations, ClipAnnotation
from mer.data.loading.dataset_card import USUAL, DatasetCard, open_root
from mer.data.loading.dataset_registry import DATASETS
from mer.data.loading.file_search import find_folder, frames_or_fault, numbered_folders, subfolders
from mer.data.samples.label_sets import canonical_emotion, emotion_labels, three_classes

_SIX = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
_CAMERAS = {"vl": "visible light", "ni": "near infrared"}

CARD = DatasetCard(
    key="oulu_casia",
    title="Oulu-CASIA",
    expected_files=("OriginalImg/VL/Strong/P012/Anger/000.jpeg",),
    how_to_get="ask the Center for Machine Vision and Signal Analysis, Oulu: oulu.fi/cmvs (signed licence).",
    label_sets={
        USUAL: emotion_labels(
            *_SIX, source="the set's own six emotions, one sequence a person", published=dict.fromkeys(_SIX, 80)
        ),
        "megc2019": three_classes(*_SIX, published={"negative": 320, "positive": 80, "surprise": 80}),
    },
    parts={
        f"{camera}_{light}": f"{_CAMERAS[camera]}, {light} light, `{camera.upper()}/{light.title()}/`"
        for camera, light in product(_CAMERAS, ("strong", "weak", "dark"))
    },
    people=80,
)

_PERSON = re.compile(r"p0*(\d+)", re.IGNORECASE)


@DATASETS.register("oulu_casia", card=CARD)
def read(data: FolderData, cache_dir: Path) -> Annotations:
    """Read the sequences of one camera and light below `data.root`; subjects are `P012`, the clip is the emotion.

    Raises:
        DatasetNotFoundError: the frames are missing.
        SampleError: two folders have the number of one person.
    """
    root = open_root(data, CARD)
    inside = CARD.part(data).replace("_", "/")
    places = (f"OriginalImg/{inside}", f"B_OriginalImg/{inside}", f"Oulu_CASIA_NIR_VIS/{inside}", inside)
    people = find_folder(root, places, holds=_PERSON)
    if people is None:
        raise CARD.not_found(root, f"the folder OriginalImg/{inside.upper()}")
    clips, faults = [], []
    for number, person in sorted(numbered_folders(people, _PERSON).items()):
        for folder in subfolders(person).values():
            index = frames_or_fault(folder)
            if isinstance(index, str):
                faults.append(index)
                continue
            first, last = min(index), max(index)
            where, emotion = f"folder {person.name}/{folder.name}", folder.name
            name = canonical_emotion(emotion)
            clips.append(ClipAnnotation(where, f"P{number:03d}", name, first, last, last, "", emotion, "", folder))
    notes = ("Onset is the first frame of each sequence, apex and offset the last.",)
    return Annotations(tuple(clips), people, notes, tuple(faults))
