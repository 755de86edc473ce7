"""Aligned crops of faces: landmarks of one frame a clip, one similarity for all its frames, crops in the cache.

Contract: the onset frame decides (the apex where there is no onset), so that alignment adds no motion. A clip without
a face is listed or dropped, never guessed. `aligned` gives the table again, its paths pointing to the crops, whose
names keep the frame numbers; whoever reads it need not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from PIL import Image
from rich.progress import track

from mer.config import FaceConfig, InputConfig
from mer.corpus.checks import raise_rows
from mer.corpus.coded import ALL
from mer.corpus.samples import SampleTable
from mer.errors import SampleError
from mer.inputs import mtcnn, spans
from mer.inputs.frames import in_threads
from mer.inputs.images import read_image
from mer.inputs.represent import REPRESENTATIONS, SPAN
from mer.provenance import digest, file_hash, write_folder_atomically

#: Raise when the same frames give other crops.
CODE_VERSION = 1
DETECTORS = ("none", "mtcnn", "precomputed")
POINTS = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
#: Columns of a table of landmarks; left and right are those of the picture.
COLUMNS = ("sample_id", *(f"{point}_{axis}" for point in POINTS for axis in "xy"))
#: Where the landmarks come to lie, as shares of the side: proportions of the usual five-point template of face
#: recognition (112 pixels, pupils 35.2 apart), larger, so that brows and chin are just inside.
TEMPLATE = np.array([[0.300, 0.310], [0.700, 0.310], [0.502, 0.538], [0.336, 0.772], [0.667, 0.770]])


def alignment(landmarks: np.ndarray, size: int) -> np.ndarray:
    """Matrix (2, 3) of the similarity that takes landmarks (5, 2) in pixels nearest to `TEMPLATE` in a crop of `size`.

    Least squares over shift, turn and scale: never a mirror.
    """
    goal = TEMPLATE @ [1, 1j] * size - (0.5 + 0.5j)  # the middle of the first pixel is 0
    place = np.asarray(landmarks, dtype=float) @ [1, 1j]
    apart = place - place.mean()
    turn = (apart.conj() * (goal - goal.mean())).sum() / (np.abs(apart) ** 2).sum()
    shift = goal.mean() - turn * place.mean()
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def crop(frame: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """The frame under a matrix (2, 3), (S, S[, 3]) of its dtype; the border repeats outwards, shrinking averages."""
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < 1:  # bilinear values skip pixels, so what is finer than the crop goes first
        frame = cv2.GaussianBlur(frame, (0, 0), 0.5 * np.sqrt(1 / scale**2 - 1) + 1e-3)
    return cv2.warpAffine(frame, matrix, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def aligned(
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
    known = _landmarks(face) if face.detector == "precomputed" else {}

    def one(row: dict[str, str]) -> Path | SampleError | None:
        try:
            return _cropped(row, face, config, known, Path(cache_dir).expanduser())
        except SampleError as error:
            return error

    rows: list[dict[str, Any]] = table.frame.to_dict("records")  # type: ignore[assignment]
    bad: list[str] = []
    missed: list[str] = []
    changed: list[dict[str, Any]] = []
    with in_threads(one, rows) as results:
        bar = track(results, f"faces of {table.name}", total=len(rows), disable=not progress, transient=True)
        for row, result in zip(rows, bar, strict=True):
            if isinstance(result, SampleError):
                bad.append(f"{row['sample_id']}: {result}")
            elif result is None:
                missed.append(row["sample_id"])
            else:
                changed.append({**row, "folder": str(result) if row["folder"] else "", **_paths(row, result)})
    raise_rows(bad, f"{table.name}: clips whose frames cannot be used:", "Copy these files again.", shown=ALL)
    if missed and (face.missed == "error" or not changed):
        remedy = (
            "Give landmarks (face.detector=precomputed), a lower face.smallest, or leave them out (face.missed=drop)."
        )
        raise_rows(missed, f"{table.name}: no face found in {len(missed)} of {len(rows)} clips:", remedy, shown=ALL)
    note = f"Faces: {face.detector} in {len(changed)} of {len(rows)} clips, crops of {face.size} pixels."
    if missed:
        note += f" Left out, without a face: {', '.join(missed)}."
    return replace(table, frame=pd.DataFrame(changed), notes=(*table.notes, note))


def problems(face: FaceConfig) -> list[str]:
    """What is wrong with the configuration of faces, one sentence a key."""
    found = []
    if face.detector not in DETECTORS:
        found.append(f"face.detector: expected one of {', '.join(DETECTORS)}, got '{face.detector}'")
    if face.detector == "mtcnn":
        found += mtcnn.problems()
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


def _cropped(
    row: dict[str, str], face: FaceConfig, config: InputConfig, known: Mapping[str, np.ndarray], cache_dir: Path
) -> Path | None:
    """Folder with the crops of a clip's frames; None where it has no face."""
    frames = _frames(row, config)
    first = row["onset_path"] or row["apex_path"]
    points = known.get(row["sample_id"])
    settings = {
        "files": [(path.name, file_hash(str(path))) for path in frames],
        "first": Path(first).name,
        "landmarks": None if points is None else points.tolist(),
        **{key: value for key, value in asdict(face).items() if key not in ("landmarks", "missed")},
        "code": CODE_VERSION,
        "library": cv2.__version__,
    }
    target = cache_dir / "faces" / digest(settings)
    if target.is_dir():
        return target
    start = _levels(first)
    if face.detector == "mtcnn":
        points = mtcnn.landmarks(start, smallest=face.smallest)
    if points is None:
        return None
    matrix = alignment(points, face.size)
    with write_folder_atomically(target) as folder:
        for path in frames:
            Image.fromarray(crop(_levels(str(path)), matrix, face.size)).save(folder / _name(path), compress_level=1)
    return target


def _frames(row: dict[str, str], config: InputConfig) -> list[Path]:
    """Frames of a clip that the input, or the search for its apex, will look at."""
    keys = [Path(row[f"{name}_path"]) for name in ("onset", "apex", "offset") if row[f"{name}_path"]]
    if config.apex != "annotated" and (config.apex_for == "all" or row["apex_source"] != "annotated"):
        keys += spans.between(row, "onset", "offset")
    elif config.magnify or SPAN in REPRESENTATIONS[config.representation].frames:
        keys += spans.between(row, "onset", "apex")
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
    raise_rows(bad, f"{path}: expected a number in every landmark column, got none in", "Leave such rows out.")
    return dict(zip(listed["sample_id"], numbers.reshape(-1, 5, 2), strict=True))
