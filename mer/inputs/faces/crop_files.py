"""Crops of one clip in the cache: a folder of PNG files with an index, there whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mer.config import FaceConfig
from mer.inputs.faces import mtcnn
from mer.inputs.faces.alignment import alignment, crop
from mer.inputs.frames.image_files import read_image
from mer.utils.atomic_files import read_json, write_folder_atomically, write_json
from mer.utils.timing import WRITING, timed

#: File in a folder of crops: what decided them, and the bytes of each, or that no face was found.
INDEX = "crops.json"


@dataclass(frozen=True)
class Crops:
    """Crops of one clip: their folder, and whether there are any, i.e. a face was found."""

    folder: Path
    found: bool


def open_crops(folder: Path) -> Crops | None:
    """Return the crops as they were made, None where there are none or some are missing or cut."""
    try:
        crops = read_json(folder / INDEX)["crops"]
        whole = crops is None or all((folder / name).stat().st_size == size for name, size in crops.items())
    except (OSError, ValueError, LookupError, AttributeError, TypeError):
        return None
    return Crops(folder, found=crops is not None) if whole else None


def make_crops(
    target: Path,
    first: str,
    paths: Sequence[str],
    face: FaceConfig,
    points: np.ndarray | None,
    index: Mapping[str, Any],
) -> Crops:
    """Write the crops of a clip's frames into the folder `target`, with an index; that there is no face is kept too.

    Args:
        target: the folder, which appears when it is complete.
        first: the frame in which the face is looked for.
        paths: the frames.
        face: detector and size of the crops.
        points: landmarks (5, 2) of the face from elsewhere, None where there are none.
        index: what decided the crops, JSON values.
    """
    start = read_image(first)
    if face.detector == "mtcnn":
        points = mtcnn.landmarks(start, smallest=face.smallest)
    with write_folder_atomically(target, keep=lambda: open_crops(target) is not None) as folder:
        if points is not None:
            matrix = alignment(points, face.size)
            for path in paths:
                picture = Image.fromarray(crop(read_image(path), matrix, face.size))
                with timed(WRITING):
                    picture.save(folder / crop_name(Path(path)), compress_level=1)
        sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
        write_json(folder / INDEX, {**index, "crops": None if points is None else sizes})
    return Crops(target, found=points is not None)


def crop_name(path: Path) -> str:
    """Return the name of the crop of a frame: the number stays in it."""
    return f"{path.stem}.png"
