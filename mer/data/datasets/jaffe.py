"""Read JAFFE: 213 still images of 10 women, six posed emotions and neutral, grey 256x256.

Layout: one folder of files `KA.AN1.39.tiff` (subject, emotion and take, serial number), also `KA.AN1.39.tiff.bmp`.
Source: Lyons, Akamatsu, Kamachi, Gyoba, "Coding facial expressions with Gabor wavelets", FG 1998.
"""

from __future__ import annotations

import re
from pathlib import Path

from mer.config import FolderData
from mer.data.loading.annotations import Annotations, ClipAnnotation
from mer.data.loading.dataset_card import USUAL, DatasetCard, open_root
from mer.data.loading.dataset_registry import DATASETS
from mer.data.loading.file_search import frame_number, subfolders
from mer.data.samples.label_sets import emotion_labels, three_classes

CODES = {
    "AN": "anger",
    "DI": "disgust",
    "FE": "fear",
    "HA": "happiness",
    "NE": "neutral",
    "SA": "sadness",
    "SU": "surprise",
}
# Counted by public loaders; 213 in all.
_COUNTS = {"anger": 30, "disgust": 29, "fear": 32, "happiness": 31, "neutral": 30, "sadness": 31, "surprise": 30}

CARD = DatasetCard(
    key="jaffe",
    title="JAFFE",
    expected_files=("KA.AN1.39.tiff",),
    how_to_get="ask its authors, Lyons et al.: zenodo.org/record/3451524 (terms of use to be accepted).",
    label_sets={
        USUAL: emotion_labels(*_COUNTS, source="the set's own seven classes", published=_COUNTS),
        "megc2019": three_classes(*_COUNTS, published={"negative": 30 + 29 + 32 + 31, "positive": 31, "surprise": 30}),
    },
    still=True,
    people=10,
)

_NAME = re.compile(r"([A-Z]{2})\.([A-Z]{2})(\d+)\.(\d+)(\.[a-z]+)+", re.IGNORECASE)


@DATASETS.register("jaffe", card=CARD)
def read(data: FolderData, cache_dir: Path) -> Annotations:
    """Read the images of JAFFE below `data.root`, each a clip of one frame (the serial number); subjects are `KA`.

    Raises:
        DatasetNotFoundError: no image with such a name is found.
    """
    root = open_root(data, CARD)
    places = (root, *subfolders(root).values())
    images = next((place for place in places if any(_NAME.fullmatch(path.name) for path in place.iterdir())), None)
    if images is None:
        raise CARD.not_found(root, "images with names like KA.AN1.39.tiff")
    clips: dict[tuple[str, str], ClipAnnotation] = {}
    faults = []
    for path in sorted(images.iterdir(), key=lambda path: (len(path.name), path.name)):
        match = _NAME.fullmatch(path.name)
        if match is None or frame_number(path.name) is None:
            continue
        subject, code, take, serial = (text.upper() for text in match.groups()[:4])
        if code not in CODES:
            faults.append(f"{path}: expected one of {', '.join(CODES)} in the name, got {code}")
            continue
        name, number = f"{code}{take}.{serial}", int(serial)
        clip = ClipAnnotation(
            *(f"file {path.name}", subject, name, None, number, None, "", CODES[code], "", images),
            files={number: path},
        )
        # An image as .tiff and as .tiff.bmp is one clip; the shorter name comes first.
        clips.setdefault((subject, name), clip)
    return Annotations(tuple(clips.values()), images, errors=tuple(faults))
