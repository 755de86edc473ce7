"""Decide which clips a face detector crops, and describe it.

Contract: `face.detector=auto` crops the data sets whose card says that their frames show more than the face, and no
others. The decision depends on the table only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mer.config import FaceConfig
from mer.data.samples.table import SampleTable
from mer.inputs.frames.image_files import read_image

AUTO = "auto"


def detector_of(face: FaceConfig) -> FaceConfig:
    """Return the configuration with the name of a detector in place of `auto`."""
    return replace(face, detector="mtcnn") if face.detector == AUTO else face


def rows_to_crop(table: SampleTable, face: FaceConfig) -> np.ndarray:
    """Return for each row of the table whether its frames must be cropped, bool (N,)."""
    if face.detector != AUTO:
        return np.full(len(table), face.detector != "none")
    return table.frame["dataset"].isin(uncropped_sets(table)).to_numpy()


def uncropped_sets(table: SampleTable) -> list[str]:
    """Return the data sets of a table whose frames show more than the face."""
    return [name for name in table.uncropped if not _drawn_as_crops(table, name)]


def warning(names: Sequence[str]) -> str:
    """Return the warning that whole frames of these data sets are read as if they were faces."""
    return (
        f"Faces: frames of {', '.join(names)} show more than the face and are NOT cropped (face.detector=none), so the "
        "network hardly sees the face and scores may be those of chance. face=auto crops them."
    )


def describe_faces(table: SampleTable, face: FaceConfig) -> str:
    """Describe how the faces of a table from `align_faces` were cropped."""
    notes = [note for note in table.notes if note.startswith("Faces: ")]
    if notes:
        return " ".join(notes).removeprefix("Faces: ")
    why = "" if face.detector == "none" else ", since no data set here is known to show more"
    return f"frames are taken as crops of faces{why}"


def _drawn_as_crops(table: SampleTable, name: str) -> bool:
    """Return whether a data set was drawn as crops, with square frames, which no recording has."""
    if not table.synthetic:
        return False
    first = table.frame[table.frame["dataset"] == name].iloc[0]
    height, width = read_image(first["onset_path"] or first["apex_path"]).shape[:2]
    return height == width
