"""Keep the rows of the table of frames while a video is read: some 25 numbers a face and frame, no pixels."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np
import pandas as pd

from mer.data.facs.geometry import Array
from mer.video.faces.face_track import Track
from mer.video.faces.quality import THRESHOLDS, FaceQuality, mark_light, measure
from mer.video.reading.frame_source import VideoFrame

#: Landmarks of a face: pupils, tip of the nose, corners of the mouth, image left first.
LANDMARKS = 5
X, Y = ([f"{axis}_{place}" for place in range(LANDMARKS)] for axis in "xy")
_MEASURED = (
    *("frame", "time", "face_id", "face_x", "face_y", "face_width", "face_height", "face_score", "success"),
    *("yaw", "pitch", "roll", "light"),
)
COLUMNS = (*_MEASURED, *X, *Y)
#: Flags of single frames; each is a bit of a number while the video is read.
_FLAGS = tuple(THRESHOLDS)


class FrameRows:
    """One row for each face in each frame, one for a frame without a face."""

    def __init__(self) -> None:
        self._values = array("d")
        self._flags = array("q")
        self.count = 0

    def add(self, frame: VideoFrame, grey: np.ndarray, tracks: Sequence[Track]) -> None:
        """Add the rows of the next frame; `grey` is (H, W) uint8 of the same picture."""
        self.count += 1
        for track in tracks or (None,):
            row = measure(frame.index, frame.time, grey, track)
            places = np.full(2 * LANDMARKS, np.nan) if track is None else track.landmarks.T.ravel()
            self._values.extend((*(getattr(row, name) for name in _MEASURED), *places))
            self._flags.append(sum(1 << _FLAGS.index(name) for name in row.flags))

    def table(self) -> pd.DataFrame:
        """Return the rows, `frame` and `success` as whole numbers, `face_id` as whole numbers or missing, `flags`."""
        values = np.array(self._values).reshape(-1, len(COLUMNS))
        table = pd.DataFrame(values, columns=list(COLUMNS))
        table["face_id"] = table["face_id"].where(table["success"] > 0)
        flags = np.array(self._flags, dtype=np.int64)
        for _, own in table.dropna(subset=["face_id"]).groupby("face_id"):
            rows = [FaceQuality(0, time, light=light) for time, light in zip(own["time"], own["light"], strict=True)]
            flags[own.index.to_numpy()] |= [
                sum(1 << _FLAGS.index(name) for name in row.flags) for row in mark_light(rows)
            ]
        words = {bits: " ".join(name for k, name in enumerate(_FLAGS) if bits >> k & 1) for bits in set(flags.tolist())}
        table["flags"] = [words[bits] for bits in flags.tolist()]
        return table.astype({"frame": "int64", "success": "int64", "face_id": "Int64"})


def landmarks_of(row: pd.Series) -> Array:
    """Return the landmarks (5, 2) of a row."""
    return np.stack([row[X].to_numpy(dtype=float), row[Y].to_numpy(dtype=float)], axis=1)
