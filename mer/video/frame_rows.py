"""Keep the rows of the table of frames while a video is read: some 20 numbers a face and frame, no pixels."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np
import pandas as pd

from mer.data.facs.geometry import Array
from mer.video.face_finder import face_frame
from mer.video.face_regions import VIEW
from mer.video.face_track import Track
from mer.video.frame_source import VideoFrame

#: Landmarks of a face: pupils, tip of the nose, corners of the mouth, image left first.
LANDMARKS = 5
X, Y = ([f"{axis}_{place}" for place in range(LANDMARKS)] for axis in "xy")
BOX = ("face_x", "face_y", "face_width", "face_height")
COLUMNS = ("frame", "time", "face_id", *BOX, "face_score", "success", "roll", *X, *Y)
_CORNERS = np.array(
    [(VIEW.x + right * VIEW.width / 2, VIEW.y + down * VIEW.height / 2) for right in (-1, 1) for down in (-1, 1)]
)


class FrameRows:
    """One row for each face in each frame, one for a frame without a face."""

    def __init__(self) -> None:
        self._values = array("d")
        self.count = 0

    def add(self, frame: VideoFrame, tracks: Sequence[Track]) -> None:
        """Add the rows of the next frame."""
        self.count += 1
        for track in tracks:
            x, y = track.landmarks.T
            box = _box(track.landmarks)
            roll = np.degrees(np.arctan2(y[1] - y[0], x[1] - x[0]))
            self._values.extend((frame.index, frame.time, track.face_id, *box, track.score, 1.0, roll, *x, *y))
        if not tracks:
            self._values.extend((frame.index, frame.time, *[np.nan] * 6, 0.0, *[np.nan] * (1 + 2 * LANDMARKS)))

    def table(self) -> pd.DataFrame:
        """Return the rows, `frame` and `success` as whole numbers, `face_id` as whole numbers or missing."""
        values = np.array(self._values).reshape(-1, len(COLUMNS))
        table = pd.DataFrame(values, columns=list(COLUMNS))
        return table.astype({"frame": "int64", "success": "int64", "face_id": "Int64"})


def _box(landmarks: Array) -> tuple[float, float, float, float]:
    """Return left, top, width and height in pixels of the part of the face in which motion is measured."""
    place = face_frame(landmarks)
    corners = _CORNERS @ place[:, :2].T + place[:, 2]
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    return float(left), float(top), float(right - left), float(bottom - top)


def landmarks_of(row: pd.Series) -> Array:
    """Return the landmarks (5, 2) of a row."""
    return np.stack([row[X].to_numpy(dtype=float), row[Y].to_numpy(dtype=float)], axis=1)
