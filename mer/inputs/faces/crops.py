"""Align and crop the faces of a table's clips with `align_faces`; the crops are kept in the cache.

Contract: landmarks of the onset frame (the apex if there is no onset) give one similarity for all frames of a clip, so
alignment adds no motion. A clip without a face is an error or dropped, never guessed. The returned table has the paths
of the crops, whose names keep the frame numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from mer.config import FaceConfig, InputConfig
from mer.config_check import limit_errors
from mer.data.loading.annotations import ALL
from mer.data.samples.schema import raise_for_rows
from mer.data.samples.table import SampleTable
from mer.errors import SampleError
from mer.inputs.cache.cached_step import CachedStep, Files, Watch, ignore_step, plan_step
from mer.inputs.faces.choice import detector_of, rows_to_crop, uncropped_sets, warning
from mer.inputs.faces.crop_files import Crops, crop_hashes, crop_name, make_crops, open_crops
from mer.inputs.faces.landmarks import landmarks_of, read_landmarks
from mer.inputs.frames import clip_frames
from mer.inputs.representations.registry import REPRESENTATIONS, SPAN

#: Raise when the same frames give other crops.
CODE_VERSION = 1


def align_faces(
    table: SampleTable,
    face: FaceConfig,
    config: InputConfig,
    cache_dir: Path,
    *,
    progress: bool = False,
    watch: Watch = ignore_step,
) -> SampleTable:
    """Return the table with crops in place of frames; the same table if nothing has to be cropped.

    Args:
        table: the samples.
        face: detector, landmarks, size of the crops, and whether a clip without a face is an error.
        config: the input, which decides the frames to crop.
        cache_dir: crops are kept in `faces/<key>/` in this folder.
        progress: whether to show a progress bar.
        watch: called with the step before it runs.

    Raises:
        SampleError: names every clip without a face, and every frame that cannot be read.
    """
    mask = rows_to_crop(table, face)
    if not mask.any():
        shown = uncropped_sets(table) if face.detector == "none" else []
        return replace(table, notes=(*table.notes, warning(shown))) if shown else table
    face = detector_of(face)
    rows: list[dict[str, Any]] = table.frame[mask].to_dict("records")
    step = _plan(table.name, rows, face, config, cache_dir, progress=progress)
    watch("faces", step)
    return _apply(table, mask, face, step, progress=progress)


def _plan(
    name: str, rows: list[dict[str, Any]], face: FaceConfig, config: InputConfig, cache_dir: Path, *, progress: bool
) -> CachedStep[Crops]:
    """Plan the crops of some rows of a table from the content of their files, without computing any."""
    known = read_landmarks(face) if face.detector == "precomputed" else {}
    files = [_files(row, config) for row in rows]

    def settings(clip: int, hashes: Mapping[str, bytes]) -> dict[str, Any]:
        row, points = rows[clip], landmarks_of(rows[clip]["sample_id"], known)
        own = files[clip]
        paths = () if isinstance(own, SampleError) else own
        return {
            "files": [(Path(path).name, hashes[path].hex()[:16]) for path in paths],
            "first": Path(_first(row)).name,
            "landmarks": None if points is None else points.tolist(),
            **{key: value for key, value in asdict(face).items() if key not in ("landmarks", "missed")},
            "code": CODE_VERSION,
            "library": cv2.__version__,
        }

    def compute(clip: int, folder: Path, own: dict[str, Any]) -> Crops:
        paths = files[clip]
        assert not isinstance(paths, SampleError)  # `CachedStep` computes nothing for these
        row = rows[clip]
        points = landmarks_of(row["sample_id"], known)
        return make_crops(folder, _first(row), paths, face, points, {**own, "data": name})

    step = plan_step(
        f"faces of {name}",
        files,
        cache_dir,
        place="faces/{}",
        settings=settings,
        load=lambda clip, folder: open_crops(folder, known_crops),
        compute=compute,
        progress=progress,
    )
    known_crops = crop_hashes(step.entries, cache_dir)
    return step


def _apply(
    table: SampleTable, mask: np.ndarray, face: FaceConfig, crops: CachedStep[Crops], *, progress: bool
) -> SampleTable:
    """Return the table with the crops of a step in place of the frames of some rows; errors as `align_faces`."""
    rows: list[dict[str, Any]] = table.frame.to_dict("records")  # type: ignore[assignment]
    total = int(mask.sum())
    bad: list[str] = []
    missed: list[str] = []
    changed: list[dict[str, Any]] = []
    with crops.results(progress=progress) as results:
        crop_of = iter(results)
        for row, wanted in zip(rows, mask, strict=True):
            if not wanted:
                changed.append(row)
                continue
            result = next(crop_of)
            if isinstance(result, SampleError):
                bad.append(f"{row['sample_id']}: {result}")
            elif not result.found:
                missed.append(row["sample_id"])
            else:
                folder = str(result.folder) if row["folder"] else ""
                changed.append({**row, "folder": folder, **_paths(row, result.folder)})
    raise_for_rows(bad, f"{table.name}: clips whose frames cannot be used:", "Copy these files again.", shown=ALL)
    if missed and (face.missed == "error" or len(missed) == total):
        remedy = (
            "Give landmarks (face.detector=precomputed), lower face.smallest, or drop these clips (face.missed=drop)."
        )
        raise_for_rows(missed, f"{table.name}: no face found in {len(missed)} of {total} clips:", remedy, shown=ALL)
    found = total - len(missed)
    note = f"Faces: {face.detector} in {found} of {total} clips, crops of {face.size} pixels."
    if total < len(rows):
        note += f" The frames of the other {len(rows) - total} clips are crops already."
    if missed:
        note += f" Dropped, without a face: {', '.join(missed)}."
    return replace(table, frame=pd.DataFrame(changed), notes=(*table.notes, note), uncropped=())


def config_errors(face: FaceConfig) -> list[str]:
    """Return the errors in the configuration of faces, one sentence each."""
    found = limit_errors(face, "face")
    if (face.detector == "precomputed") != (face.landmarks is not None):
        found.append(
            f"face.landmarks: expected a CSV file with face.detector=precomputed and null otherwise, got "
            f"{face.landmarks} with {face.detector}"
        )
    return found


def _files(row: dict[str, str], config: InputConfig) -> Files:
    try:
        return tuple(map(str, _frames(row, config)))
    except SampleError as error:
        return error


def _frames(row: dict[str, str], config: InputConfig) -> list[Path]:
    """Return the frames of a clip that the input or the apex spotter will read."""
    keys = [Path(row[f"{name}_path"]) for name in ("onset", "apex", "offset") if row[f"{name}_path"]]
    if config.apex != "annotated" and (config.apex_for == "all" or row["apex_source"] != "annotated"):
        keys += clip_frames.frames_between(row, "onset", "offset")
    elif config.magnify or SPAN in REPRESENTATIONS[config.representation].frames:
        keys += clip_frames.frames_between(row, "onset", "apex")
    return list(dict.fromkeys(keys))


def _paths(row: dict[str, str], folder: Path) -> dict[str, str]:
    """Return the paths of the key frames' crops by column."""
    columns = (f"{name}_path" for name in ("onset", "apex", "offset"))
    return {column: str(folder / crop_name(Path(row[column]))) if row[column] else "" for column in columns}


def _first(row: Mapping[str, str]) -> str:
    """Return the frame in which the face is detected."""
    return row["onset_path"] or row["apex_path"]
