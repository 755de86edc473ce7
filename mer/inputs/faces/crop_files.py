"""Write and open the crops of one clip in the cache: a folder of PNG files with an index, complete or absent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mer.config import FaceConfig
from mer.inputs.cache.file_hashes import file_hashes
from mer.inputs.faces import mtcnn
from mer.inputs.faces.alignment import alignment, crop
from mer.inputs.frames.image_files import read_image
from mer.utils.atomic_files import read_json, write_folder_atomically, write_json
from mer.utils.disk_space import name_full_disk
from mer.utils.hashing import stream_sha256
from mer.utils.timing import WRITING, timed

#: File in a folder of crops with their settings and the size of each, or null if no face was found.
INDEX = "crops.json"


@dataclass(frozen=True)
class Crops:
    """Store the folder of one clip's crops, and whether a face was found."""

    folder: Path
    found: bool


def open_crops(folder: Path, hashes: Mapping[str, bytes] | None = None) -> Crops | None:
    """Return the crops of a folder, or None if it is absent, incomplete, or differs from what was written.

    Args:
        folder: folder of the crops.
        hashes: known SHA-256 of files by path. For a file without one, and for crops of earlier versions, whose index
            has no hashes, only the size is compared.
    """
    try:
        index = read_json(folder / INDEX)
        crops, written = index["crops"], index.get("sha256", {})
        whole = crops is None or all((folder / name).stat().st_size == size for name, size in crops.items())
        found = {name: (hashes or {}).get(str(folder / name)) for name in written}
        whole = whole and all(value is None or value.hex() == written[name] for name, value in found.items())
    except (OSError, ValueError, LookupError, AttributeError, TypeError):
        return None
    return Crops(folder, found=crops is not None) if whole else None


def crop_hashes(folders: Sequence[Path], cache_dir: Path) -> dict[str, bytes]:
    """Return the SHA-256 of all crops in these folders by path; unchanged files are not read again."""
    paths = [str(path) for folder in folders if folder.is_dir() for path in sorted(folder.glob("*.png"))]
    return file_hashes(paths, cache_dir, title="crops of faces")


def _is_whole(folder: Path) -> bool:
    """Return whether another process has written these crops meanwhile, without damage."""
    hashes = {str(path): bytes.fromhex(stream_sha256(path)) for path in folder.glob("*.png")}
    return open_crops(folder, hashes) is not None


def make_crops(
    target: Path,
    first: str,
    paths: Sequence[str],
    face: FaceConfig,
    points: np.ndarray | None,
    index: Mapping[str, Any],
) -> Crops:
    """Write the crops of a clip's frames and an index to the folder `target`; without a face, the index only.

    Args:
        target: the folder, which appears when it is complete.
        first: the frame in which the face is detected.
        paths: the frames.
        face: detector and size of the crops.
        points: landmarks (5, 2) from a file; None if there are none.
        index: settings of the crops, JSON values.
    """
    start = read_image(first)
    if face.detector == "mtcnn":
        points = mtcnn.landmarks(start, smallest=face.smallest)
    with (
        name_full_disk(target.parent),
        write_folder_atomically(target, keep=lambda: _is_whole(target)) as folder,
    ):
        if points is not None:
            matrix = alignment(points, face.size)
            for path in paths:
                picture = Image.fromarray(crop(read_image(path), matrix, face.size))
                with timed(WRITING):
                    picture.save(folder / crop_name(Path(path)), compress_level=1)
        sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
        hashes = {name: stream_sha256(folder / name) for name in sizes}
        write_json(folder / INDEX, {**index, "crops": None if points is None else sizes, "sha256": hashes})
    return Crops(target, found=points is not None)


def crop_name(path: Path) -> str:
    """Return the file name of a frame's crop, which keeps the frame number."""
    return f"{path.stem}.png"
