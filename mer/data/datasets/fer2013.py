"""Read FER2013: 35,887 still images from the web, 48x48 grey, six emotions and neutral, as numbers in a CSV.

Layout: `fer2013.csv` with the columns emotion (0 anger .. 6 neutral), pixels (48*48 grey levels), Usage (Training,
PublicTest, PrivateTest). Images are written as PNG files to the cache, never beside the CSV. People are not identified.
Source: Goodfellow et al., "Challenges in representation learning", ICONIP 2013.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from mer.config import FolderData
from mer.data.loading.annotations import Annotations, ClipAnnotation
from mer.data.loading.dataset_card import NAMELESS, USUAL, DatasetCard, open_root
from mer.data.loading.dataset_registry import DATASETS
from mer.data.loading.file_search import subfolders
from mer.data.samples.label_sets import emotion_labels, three_classes
from mer.errors import MerError, SampleError
from mer.utils.atomic_files import write_atomically, write_folder_atomically
from mer.utils.png_files import is_whole_png

EMOTIONS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
SIDE = 48
# Of all three parts together; 35,887.
_COUNTS = {
    "anger": 4953,
    "disgust": 547,
    "fear": 5121,
    "happiness": 8989,
    "sadness": 6077,
    "surprise": 4002,
    "neutral": 6198,
}
_USAGES = {"training": "training", "publictest": "public_test", "privatetest": "private_test"}

CARD = DatasetCard(
    key="fer2013",
    title="FER2013",
    expected_files=("fer2013.csv",),
    how_to_get="from the challenge's page, kaggle.com/c/challenges-in-representation-learning (rules to be accepted).",
    label_sets={
        USUAL: emotion_labels(*_COUNTS, source="the set's own seven classes", published=_COUNTS),
        "megc2019": three_classes(*_COUNTS),
    },
    parts={"all": "all images", **{part: f"images of Usage {usage}" for usage, part in _USAGES.items()}},
    crops=("all", *_USAGES.values()),
    counted=("all",),
    still=True,
)


@DATASETS.register("fer2013", card=CARD)
def read(data: FolderData, cache_dir: Path) -> Annotations:
    """Read the images of FER2013, each a clip of one frame with its own subject; writes PNG files to the cache.

    Raises:
        DatasetNotFoundError: fer2013.csv does not exist.
        SampleError: a column is missing.
    """
    root = open_root(data, CARD)
    table = next(
        (path for place in (root, *subfolders(root).values()) if (path := place / "fer2013.csv").is_file()), None
    )
    if table is None:
        raise CARD.not_found(root, "the file fer2013.csv")
    name = hashlib.sha256(table.read_bytes()).hexdigest()[:16]
    folder = Path(cache_dir).expanduser().resolve() / "fer2013" / name
    part = CARD.part(data)
    if not folder.is_dir():
        _write_images(table, folder)
    clips, faults = [], []
    for line, emotion, usage, pixels in _rows(table):
        if not emotion.isdecimal() or int(emotion) >= len(EMOTIONS):
            faults.append(f"line {line}, column emotion: expected 0..{len(EMOTIONS) - 1}, got {emotion!r}")
        elif usage.casefold() not in _USAGES:
            faults.append(f"line {line}, column Usage: expected one of {', '.join(_USAGES)}, got {usage!r}")
        elif pixels is None:
            faults.append(f"line {line}, column pixels: expected {SIDE * SIDE} grey levels 0..255")
        elif part in ("all", _USAGES[usage.casefold()]):
            clip, word = f"{usage}_{line:05d}", EMOTIONS[int(emotion)]
            files = {line: folder / f"{line:05d}.png"}
            if not is_whole_png(files[line]):
                with write_atomically(files[line]) as temporary:
                    _write_png(temporary, pixels)
            place = f"line {line}"
            clips.append(ClipAnnotation(place, clip, clip, None, line, None, "", word, "", folder, files=files))
    return Annotations(tuple(clips), table, (NAMELESS,), tuple(faults))


def _rows(table: Path) -> Iterator[tuple[int, str, str, np.ndarray | None]]:
    """Return line, emotion, usage and pixels (48, 48) uint8 of each row; pixels are None if they cannot be used."""
    with table.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        # Some copies have " Usage" and " pixels".
        names = {(name or "").strip().casefold(): name for name in reader.fieldnames or ()}
        absent = [column for column in ("emotion", "usage", "pixels") if column not in names]
        if absent:
            raise SampleError(
                f"{table}: expected the columns emotion, pixels, Usage, missing {', '.join(absent)}. "
                "Take fer2013.csv from the challenge's archive again."
            )
        for row in reader:
            emotion, usage, text = ((row[names[key]] or "").strip() for key in ("emotion", "usage", "pixels"))
            yield reader.line_num, emotion, usage, _pixels(text)


def _pixels(text: str) -> np.ndarray | None:
    try:
        values = np.array(text.split(), dtype=np.int64)
    except ValueError:
        return None
    fits = values.size == SIDE * SIDE and values.min() >= 0 and values.max() <= 255
    return values.astype(np.uint8).reshape(SIDE, SIDE) if fits else None


def _write_images(table: Path, folder: Path) -> None:
    """Write all usable images as PNG files; the folder appears when it is complete."""
    # another process may finish first, with equal images
    with write_folder_atomically(folder, keep=folder.is_dir) as partial:
        for line, _, _, pixels in _rows(table):
            if pixels is not None:
                _write_png(partial / f"{line:05d}.png", pixels)


def _write_png(path: Path, pixels: np.ndarray) -> None:
    """Write an image as PNG, whatever the name of the file."""
    done, content = cv2.imencode(".png", pixels)
    if not done:
        raise MerError(f"{path}: could not be encoded")
    path.write_bytes(content.tobytes())
