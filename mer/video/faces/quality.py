"""Say of each face in each frame where it is and what makes its motion hard to judge: call `measure`.

Contract: pure functions. Each flag is decided by one number and one threshold of `THRESHOLDS`; both are kept, so that a
table can show why. Columns are named as Py-Feat and OpenFace name them. The turn of the head is estimated from five
landmarks and an average face: it is rough, and pitch is off by 10 degrees and more for a long or short nose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from mer.data.facs.geometry import AVERAGE, View
from mer.video.faces.aligned_motion import view_crop
from mer.video.faces.face_finder import PLACES, face_frame
from mer.video.faces.face_track import Track

#: Number that decides each flag, with its unit, and what it means. `small`, `blurred` and `slow` flag what is below.
THRESHOLDS = {
    "lost": (1.0, "faces", "no face"),
    "small": (30.0, "pixels between the pupils", "face too small"),
    # sharp recordings have .010 and more, blurred by .05 pupil distances .006 and less
    "blurred": (0.006, "of the face's contrast is fine detail", "face blurred"),
    "turned": (25.0, "degrees to a side", "head turned"),
    "light": (0.08, "of the light of the half second before", "light changed"),
    "slow": (29.0, "frames a second", "frame rate too low: a micro-expression has hardly two frames"),
}
#: Flags that are raised by a number above the threshold.
_ABOVE = ("turned", "light")
#: Part of the face whose light and detail are measured: brows to mouth; side in pixels.
VIEW, SIDE = View(0.0, 0.45, 1.7, 1.7), 64
#: Depth of the tip of the nose before the plane of the pupils (28 mm), face units.
NOSE_DEPTH = 0.45
#: Seconds whose median light a frame is compared with.
BEFORE = 0.5
#: Corners of the box around a face, face units: cheekbones, hairline, chin.
_BOX = np.array([[x, y] for x in (-AVERAGE.face_width, AVERAGE.face_width) for y in (-0.95, AVERAGE.chin)])


@dataclass(frozen=True)
class FaceQuality:
    """Store one row of the table of frames.

    Attributes:
        frame: index of the frame from 0.
        time: seconds from the first frame.
        face_id: number of the face, -1 without one.
        face_x: left side of the face's box, pixels; NaN without a face, as in the next columns.
        face_y: its upper side.
        face_width: its width.
        face_height: its height.
        face_score: probability that the detector gave when it saw the face last, 0..1.
        success: 1 with a face, 0 without.
        yaw: turn to a side, degrees, positive if the nose points to the right of the image; rough.
        pitch: nod, degrees, positive if the nose points down; rough.
        roll: degrees, positive if the head leans clockwise in the image.
        light: mean grey level of the face, 0..255.
        flags: number that decided, by the name of the flag.
    """

    frame: int
    time: float
    face_id: int = -1
    face_x: float = np.nan
    face_y: float = np.nan
    face_width: float = np.nan
    face_height: float = np.nan
    face_score: float = np.nan
    success: int = 0
    yaw: float = np.nan
    pitch: float = np.nan
    roll: float = np.nan
    light: float = np.nan
    flags: dict[str, float] = field(default_factory=dict)


def measure(index: int, time: float, grey: np.ndarray, track: Track | None) -> FaceQuality:
    """Return the row of a face in a frame, without the flags `light` and `slow`, which need other frames.

    Args:
        index: of the frame, from 0.
        time: seconds from the first frame.
        grey: (H, W) uint8.
        track: the face; None where there is none.
    """
    if track is None:
        return FaceQuality(index, time, flags={"lost": 0.0})
    matrix = face_frame(track.landmarks)
    corners = _BOX @ matrix[:, :2].T + matrix[:, 2]
    (x, y), (width, height) = corners.min(axis=0), np.ptp(corners, axis=0)
    crop = view_crop(grey, matrix, VIEW, SIDE).astype(np.float32)
    yaw, pitch, roll = head_turn(track.landmarks)
    numbers = {"small": track.pupils, "blurred": fine_detail(crop), "turned": abs(yaw)}
    box = (float(x), float(y), float(width), float(height))
    place = (track.face_id, *box, track.score, 1, yaw, pitch, roll, float(crop.mean()))
    return FaceQuality(index, time, *place, flags=_raised(numbers))


def head_turn(landmarks: np.ndarray) -> tuple[float, float, float]:
    """Return yaw, pitch and roll in degrees from landmarks (5, 2): how far the nose lies off its place at rest."""
    eyes, mouth, nose = landmarks[:2].mean(axis=0), landmarks[3:].mean(axis=0), landmarks[2]
    across = landmarks[1] - landmarks[0]
    unit = max(float(np.hypot(*across)), 1e-9)
    along, down = across / unit, np.array([-across[1], across[0]]) / unit
    rest = PLACES[2, 1] / PLACES[3, 1]
    off = (nose - eyes - rest * (mouth - eyes)) / unit
    yaw, pitch = (np.degrees(np.arctan2(off @ axis, NOSE_DEPTH)) for axis in (along, down))
    return float(yaw), float(pitch), float(np.degrees(np.arctan2(across[1], across[0])))


def fine_detail(crop: np.ndarray) -> float:
    """Return the share of a crop's variance that a blur by one pixel takes away, 0..1; 0 for a flat crop."""
    whole = float(crop.var())
    return float((crop - cv2.GaussianBlur(crop, (0, 0), 1.0)).var()) / whole if whole > 0 else 0.0


def mark_light(rows: Sequence[FaceQuality]) -> list[FaceQuality]:
    """Return the rows of one face in order, with `light` where its light differs from that of just before."""
    times, light = np.array([row.time for row in rows]), np.array([row.light for row in rows])
    marked = []
    for number, row in enumerate(rows):
        before = light[np.searchsorted(times, row.time - BEFORE) : number]
        before = before[np.isfinite(before)]
        if len(before) and np.isfinite(row.light):
            usual = max(float(np.median(before)), 1.0)
            row = replace(row, flags=row.flags | _raised({"light": abs(row.light - usual) / usual}))
        marked.append(row)
    return marked


def slow(times: Sequence[float]) -> dict[str, float]:
    """Return the flag `slow` of a video with its frames a second (median step), empty if it is fast enough."""
    steps = np.diff(np.asarray(times, dtype=float))
    rate = 1 / float(np.median(steps)) if len(steps) else 0.0
    return _raised({"slow": rate})


def in_words(name: str, number: float) -> str:
    """Return what a flag means, its number and its threshold."""
    threshold, unit, meaning = THRESHOLDS[name]
    return f"{meaning} ({number:.3g} {unit}, threshold {threshold:g})"


def _raised(numbers: dict[str, float]) -> dict[str, float]:
    """Return the numbers that are on the wrong side of their threshold."""
    return {
        name: number
        for name, number in numbers.items()
        if (number > THRESHOLDS[name][0] if name in _ABOVE else number < THRESHOLDS[name][0])
    }
