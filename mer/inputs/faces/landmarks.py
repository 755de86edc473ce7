"""Read landmarks from a CSV file with five points per clip, for `face.detector=precomputed`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from mer.config import FaceConfig
from mer.data.samples.identity import text_key
from mer.data.samples.schema import raise_for_rows
from mer.errors import SampleError
from mer.inputs.faces.alignment import POINTS

#: Columns of the CSV file; left and right are as seen in the picture.
COLUMNS = ("sample_id", *(f"{point}_{axis}" for point in POINTS for axis in "xy"))


def read_landmarks(face: FaceConfig) -> dict[str, np.ndarray]:
    """Return landmarks (5, 2) by sample id from the CSV; raise a SampleError if a column or a number is missing."""
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
    raise_for_rows(bad, f"{path}: expected a number in every landmark column, got none in", "Remove such rows.")
    points = dict(zip(listed["sample_id"], numbers.reshape(-1, 5, 2), strict=True))
    return {**{text_key(str(sample)): found for sample, found in points.items()}, **points}


def landmarks_of(sample_id: str, known: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """Return the landmarks of a sample id, exactly as written or else ignoring case, Unicode form and blanks."""
    return known.get(sample_id, known.get(text_key(sample_id)))
