"""Aligned crops of faces: landmarks of one frame a clip, one similarity for all its frames, crops in the cache.

Contract: the onset frame decides (the apex where there is no onset), so that alignment adds no motion. A clip without
a face is listed or dropped, never guessed. `align_faces` gives the table again, its paths pointing to the crops, whose
names keep the frame numbers; whoever reads it need not know.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from mer.config import FaceConfig, InputConfig
from mer.data.loading.annotations import ALL
from mer.data.samples.schema import raise_for_rows
from mer.data.samples.table import SampleTable
from mer.errors import SampleError
from mer.inputs.cache.cached_step import CachedStep, Files
from mer.inputs.cache.file_hashes import file_hashes
from mer.inputs.faces import mtcnn
from mer.inputs.faces.alignment import POINTS, alignment, crop
from mer.inputs.frames import clip_frames
from mer.inputs.frames.image_files import read_image
from mer.inputs.representations.registry import REPRESENTATIONS, SPAN
from mer.utils.atomic_files import write_folder_atomically, write_json
from mer.utils.hashing import digest
from mer.utils.timing import WRITING, timed

#: Raise when the same frames give other crops.
CODE_VERSION = 1
#: File in a folder of crops: what decided them, and the bytes of each, or that no face was found.
INDEX = "crops.json"
DETECTORS = ("none", "mtcnn", "precomputed")
#: Columns of a table of landmarks; left and right are those of the picture.
COLUMNS = ("sample_id", *(f"{point}_{axis}" for point in POINTS for axis in "xy"))


def align_faces(
    table: SampleTable, face: FaceConfig, config: InputConfig, cache_dir: Path, *, progress: bool = False
) -> SampleTable:
    """The table with crops in place of frames; itself where no detector is asked for.

    Args:
        table: the samples.
        face: detector, landmarks, size of the crops, and what is done with a clip without a face.
        config: the input, which decides what frames are cropped.
        cache_dir: crops go to `faces/<key>/` below it.
        progress: whether a bar is shown.

    Raises:
        SampleError: names every clip without a face, and every frame that cannot be read.
    """
    if face.detector == "none":
        return table
    return apply_crops(table, face, plan_crops(table, face, config, cache_dir, progress=progress), progress=progress)


@dataclass(frozen=True)
class Crops:
    """Crops of one clip: their folder, and whether there are any, i.e. a face was found."""

    folder: Path
    found: bool


def plan_crops(
    table: SampleTable, face: FaceConfig, config: InputConfig, cache_dir: Path, *, progress: bool = False
) -> CachedStep[Crops]:
    """Plan the crops of a table from the content of its files, without computing any. Arguments as `align_faces`."""
    cache = Path(cache_dir).expanduser()
    known = _landmarks(face) if face.detector == "precomputed" else {}
    rows: list[dict[str, Any]] = table.frame.to_dict("records")  # type: ignore[assignment]
    files = [_files(row, config) for row in rows]
    paths = [path for some in files if not isinstance(some, SampleError) for path in some]
    hashes = file_hashes(paths, cache, title=f"frames of {table.name}", progress=progress)

    def settings(place: int) -> dict[str, Any]:
        row, points = rows[place], known.get(rows[place]["sample_id"])
        own = files[place]
        paths = () if isinstance(own, SampleError) else own
        return {
            "files": [(Path(path).name, hashes[path].hex()[:16]) for path in paths],
            "first": Path(row["onset_path"] or row["apex_path"]).name,
            "landmarks": None if points is None else points.tolist(),
            **{key: value for key, value in asdict(face).items() if key not in ("landmarks", "missed")},
            "code": CODE_VERSION,
            "library": cv2.__version__,
        }

    folders = [cache / "faces" / digest(settings(place)) for place in range(len(rows))]

    def make(place: int) -> Crops:
        row, own = rows[place], files[place]
        assert not isinstance(own, SampleError)  # `CachedStep` makes none of these
        index = {**settings(place), "data": table.name}
        return _make(folders[place], row, own, face, known.get(row["sample_id"]), index)

    return CachedStep(f"faces of {table.name}", files, load=lambda place: _kept(folders[place]), compute=make)


def apply_crops(
    table: SampleTable, face: FaceConfig, crops: CachedStep[Crops], *, progress: bool = False
) -> SampleTable:
    """The table with the crops of a step in place of frames; errors as `align_faces`."""
    rows: list[dict[str, Any]] = table.frame.to_dict("records")  # type: ignore[assignment]
    bad: list[str] = []
    missed: list[str] = []
    changed: list[dict[str, Any]] = []
    with crops.results(progress=progress) as results:
        for row, result in zip(rows, results, strict=True):
            if isinstance(result, SampleError):
                bad.append(f"{row['sample_id']}: {result}")
            elif not result.found:
                missed.append(row["sample_id"])
            else:
                folder = str(result.folder) if row["folder"] else ""
                changed.append({**row, "folder": folder, **_paths(row, result.folder)})
    raise_for_rows(bad, f"{table.name}: clips whose frames cannot be used:", "Copy these files again.", shown=ALL)
    if missed and (face.missed == "error" or not changed):
        remedy = (
            "Give landmarks (face.detector=precomputed), a lower face.smallest, or leave them out (face.missed=drop)."
        )
        raise_for_rows(missed, f"{table.name}: no face found in {len(missed)} of {len(rows)} clips:", remedy, shown=ALL)
    note = f"Faces: {face.detector} in {len(changed)} of {len(rows)} clips, crops of {face.size} pixels."
    if missed:
        note += f" Left out, without a face: {', '.join(missed)}."
    return replace(table, frame=pd.DataFrame(changed), notes=(*table.notes, note))


def config_errors(face: FaceConfig) -> list[str]:
    """What is wrong with the configuration of faces, one sentence a key."""
    found = []
    if face.detector not in DETECTORS:
        found.append(f"face.detector: expected one of {', '.join(DETECTORS)}, got '{face.detector}'")
    if face.detector == "mtcnn":
        found += mtcnn.config_errors()
    if (face.detector == "precomputed") != (face.landmarks is not None):
        found.append(
            f"face.landmarks: expected a CSV file with face.detector=precomputed and null otherwise, got "
            f"{face.landmarks} with {face.detector}"
        )
    if not 28 <= face.size <= 1024:
        found.append(f"face.size: expected 28 to 1024 pixels, got {face.size}")
    if face.smallest < mtcnn.WINDOW:
        found.append(f"face.smallest: expected {mtcnn.WINDOW} or more pixels, got {face.smallest}")
    if face.missed not in ("error", "drop"):
        found.append(f"face.missed: expected error or drop, got '{face.missed}'")
    return found


def _kept(folder: Path) -> Crops | None:
    """Crops as they were made, None where there are none or some are missing or cut."""
    try:
        crops = json.loads((folder / INDEX).read_text(encoding="utf-8"))["crops"]
        whole = crops is None or all((folder / name).stat().st_size == size for name, size in crops.items())
    except (OSError, ValueError, LookupError, AttributeError, TypeError):
        return None
    return Crops(folder, found=crops is not None) if whole else None


def _make(
    target: Path,
    row: Mapping[str, str],
    paths: Sequence[str],
    face: FaceConfig,
    points: np.ndarray | None,
    index: Mapping[str, Any],
) -> Crops:
    """Crops of a clip's frames in the folder `target`, with an index; that there is no face is kept too."""
    start = _levels(row["onset_path"] or row["apex_path"])
    if face.detector == "mtcnn":
        points = mtcnn.landmarks(start, smallest=face.smallest)
    with write_folder_atomically(target, keep=lambda: _kept(target) is not None) as folder:
        if points is not None:
            matrix = alignment(points, face.size)
            for path in paths:
                picture = Image.fromarray(crop(_levels(path), matrix, face.size))
                with timed(WRITING):
                    picture.save(folder / _name(Path(path)), compress_level=1)
        sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
        write_json(folder / INDEX, {**index, "crops": None if points is None else sizes})
    return Crops(target, found=points is not None)


def _files(row: dict[str, str], config: InputConfig) -> Files:
    try:
        return tuple(map(str, _frames(row, config)))
    except SampleError as error:
        return error


def _frames(row: dict[str, str], config: InputConfig) -> list[Path]:
    """Frames of a clip that the input, or the search for its apex, will look at."""
    keys = [Path(row[f"{name}_path"]) for name in ("onset", "apex", "offset") if row[f"{name}_path"]]
    if config.apex != "annotated" and (config.apex_for == "all" or row["apex_source"] != "annotated"):
        keys += clip_frames.frames_between(row, "onset", "offset")
    elif config.magnify or SPAN in REPRESENTATIONS[config.representation].frames:
        keys += clip_frames.frames_between(row, "onset", "apex")
    return list(dict.fromkeys(keys))


def _paths(row: dict[str, str], folder: Path) -> dict[str, str]:
    """Paths of the key frames' crops."""
    columns = (f"{name}_path" for name in ("onset", "apex", "offset"))
    return {column: str(folder / _name(Path(row[column]))) if row[column] else "" for column in columns}


def _name(path: Path) -> str:
    return f"{path.stem}.png"


def _levels(path: str) -> np.ndarray:
    """The frame as uint8; SampleError for deeper files, whose range is not known."""
    frame = read_image(path)
    if frame.dtype != np.uint8:
        raise SampleError(f"{path}: expected 8 bits a channel, got deeper values; convert the frames to 8 bits")
    return frame


def _landmarks(face: FaceConfig) -> dict[str, np.ndarray]:
    """Landmarks (5, 2) by sample id from the CSV; SampleError where a column or a number is missing."""
    path = Path(str(face.landmarks)).expanduser()
    try:
        listed = pd.read_csv(path, dtype={"sample_id": str})
    except (OSError, ValueError) as error:
        raise SampleError(f"face.landmarks: {path} cannot be read: {error}") from error
    absent = [column for column in COLUMNS if column not in listed.columns]
    if absent:
        raise SampleError(f"{path}: expected the columns {', '.join(COLUMNS)}; missing: {', '.join(absent)}")
    numbers = listed[list(COLUMNS[1:])].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
    bad = [f"row {k + 2}: {listed['sample_id'][k]}" for k in np.nonzero(~np.isfinite(numbers).all(axis=1))[0]]
    raise_for_rows(bad, f"{path}: expected a number in every landmark column, got none in", "Leave such rows out.")
    return dict(zip(listed["sample_id"], numbers.reshape(-1, 5, 2), strict=True))
