"""Measure the motion of faces over time while frames are read: call `CourseRecorder.update`, then `courses`.

Contract: each frame is compared with the frame about `LAG` seconds before, both cut out by their own place of the face,
so the frame rate may vary and an error of place is part of the head's motion, which is fitted and taken out. A few
crops of each face and some forty numbers a frame are kept, so memory does not grow with the frames' pixels.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import pandas as pd
from scipy.ndimage import percentile_filter

from mer.data.facs.geometry import Array
from mer.video.faces.aligned_motion import view_crop
from mer.video.interval import Interval
from mer.video.motion.face_regions import CELLS, CROP, PATCH_REGIONS, PATCHES, PLACES, VIEW, pupil_weights
from mer.video.motion.rigid_motion import PARTS, PATCH_MOTION, head_motion
from mer.video.reading.frame_source import VideoFrame

#: Seconds between the frames that are compared: half of a short micro-expression. Motion is given over this time.
LAG = 0.12
#: Shares of `LAG` that the frames may really lie apart: less at the beginning, more at 4.2 to 8 frames a second.
APART = (0.25, 2.0)
#: Local contrast is measured in windows of this many pixels, and brought to `CONTRAST` grey levels; noise of `NOISE`
#: levels is not raised.
WINDOW, CONTRAST, NOISE = 25, 40.0, 4.0
#: Seconds around a frame in which the usual brightness of the pupils is looked for, and its percentile: eyes are open
#: most of the time.
USUAL_SECONDS, USUAL_PERCENTILE = 3.0, 40

_PATCHES = len(PATCHES)
_WIDTH = 1 + 2 * _PATCHES + len(PARTS) + 1
_PUPILS = pupil_weights().mean(axis=0).astype(np.float32)


@dataclass(frozen=True)
class FacePlace:
    """Where a face is in a frame.

    Attributes:
        face_id: which face.
        to_pixels: similarity (2, 3) from face units to pixels of the frame.
        jumped: whether its place is not to be compared with that in the frame before: a new face, a cut.
    """

    face_id: int
    to_pixels: Array
    jumped: bool = False


@dataclass(frozen=True)
class TimeCourse:
    """Motion of one face in T frames.

    Attributes:
        face_id: which face.
        frames: numbers of the frames in which it is seen, rising.
        times: their times, seconds.
        motion: displacement over `LAG` of each patch of `face_regions`, without the head's: (T, P, 2), face units; NaN
            where no frame of the same face lies `LAG` before.
        head: motion of the head over `LAG`, `rigid_motion.PARTS`: (T, 6); NaN as `motion`.
        pupils: brightness of the pupils against their surroundings, in local deviations: it rises when lids close.
    """

    face_id: int
    frames: Array
    times: Array
    motion: Array
    head: Array
    pupils: Array

    @property
    def closure(self) -> Array:
        """How far the lids are closed (T,): 0 as usual, about 0.5 and more in a blink."""
        return lid_closure(self.times, self.pupils)

    def interval(self, places: tuple[int, int, int], **about: Any) -> Interval:
        """Return the interval whose onset, apex and offset are at `places` 0..T-1; `about` are further fields."""
        frames, times = self.frames[list(places)].tolist(), self.times[list(places)].tolist()
        names = ("onset", "apex", "offset")
        numbers = dict(zip(names, frames, strict=True))
        seconds = {f"{name}_time": time for name, time in zip(names, times, strict=True)}
        return Interval(face_id=self.face_id, **numbers, **seconds, **about)

    def table(self) -> pd.DataFrame:
        """Return one row a frame: `frame, time, face_id, motion, motion_REGION..., blink, head_PART...`.

        `motion_REGION` is the length of the fastest patch's displacement over `LAG`, `motion` the greatest of them.
        """
        lengths = np.hypot(self.motion[..., 0], self.motion[..., 1])
        regions = {
            f"motion_{region}": lengths[:, [one == region for one in PATCH_REGIONS]].max(axis=1) for region in PLACES
        }
        return pd.DataFrame(
            {
                "frame": self.frames,
                "time": self.times,
                "face_id": self.face_id,
                "motion": lengths.max(axis=1),
                **regions,
                "blink": self.closure,
                **{f"head_{part}": self.head[:, index] for index, part in enumerate(PARTS)},
            }
        )


@dataclass
class _Face:
    """What is kept of a face: numbers of its frames, and crops of the latest ones."""

    frames: array[int] = field(default_factory=lambda: array("q"))
    times: array[float] = field(default_factory=lambda: array("d"))
    numbers: array[float] = field(default_factory=lambda: array("f"))
    crops: deque[tuple[float, np.ndarray]] = field(default_factory=deque)


class CourseRecorder:
    """Measures the motion of all faces of a source, frame by frame."""

    def __init__(self) -> None:
        self._faces: dict[int, _Face] = {}
        # the finest scale is the crop's own: the usual one is a quarter of it, and lost half of a motion below a pixel
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._flow.setFinestScale(0)

    def update(self, frame: VideoFrame, grey: np.ndarray, places: Sequence[FacePlace]) -> None:
        """Measure the faces in the next frame; `grey` is (H, W) uint8 of the same picture."""
        for place in places:
            face = self._faces.setdefault(place.face_id, _Face())
            if place.jumped:
                face.crops.clear()
            crop = levelled(view_crop(grey, place.to_pixels, VIEW, CROP))
            while face.crops and frame.time - face.crops[0][0] > APART[1] * LAG:
                face.crops.popleft()
            values = np.full(_WIDTH, np.nan, dtype=np.float32)
            if face.crops:
                time, before = min(face.crops, key=lambda kept: abs(frame.time - LAG - kept[0]))
                apart = (frame.time - time) / LAG
                if apart >= APART[0]:
                    values[:-1] = self._measured(before, crop, apart)
            values[-1] = float((crop * _PUPILS).sum()) / CONTRAST
            face.frames.append(frame.index)
            face.times.append(frame.time)
            face.numbers.extend(values.tolist())
            face.crops.append((frame.time, crop))

    def _measured(self, before: np.ndarray, after: np.ndarray, apart: float) -> Array:
        """Return 1, the motion of the patches and of the head over `LAG`, from crops that lie `apart` times `LAG`."""
        start = np.zeros((CROP, CROP, 2), np.float32)
        flow = self._flow.calc(before, after, start)
        cells = cv2.resize(flow, (CELLS, CELLS), interpolation=cv2.INTER_AREA).reshape(-1, 2).astype(np.float64)
        cells *= VIEW.width / CROP
        head = head_motion(cells)
        own = np.einsum("pc,ck->pk", PATCHES, cells) - PATCH_MOTION @ head
        return np.concatenate([[apart], np.concatenate([own.ravel(), head]) / apart])

    def courses(self) -> list[TimeCourse]:
        """Return the time courses of all faces so far, by id."""
        found = []
        for face_id, face in sorted(self._faces.items()):
            values = np.array(face.numbers, dtype=np.float64).reshape(-1, _WIDTH)
            end = 1 + 2 * _PATCHES
            found.append(
                TimeCourse(
                    face_id,
                    np.array(face.frames),
                    np.array(face.times),
                    values[:, 1:end].reshape(-1, _PATCHES, 2),
                    values[:, end:-1],
                    values[:, -1],
                )
            )
        return found


def levelled(crop: np.ndarray) -> np.ndarray:
    """Return a crop (H, W) uint8 with local mean 128 and local deviation `CONTRAST`, so that light does not matter."""
    grey = crop.astype(np.float32)
    rest = grey - _local_mean(grey)
    deviation = np.sqrt(_local_mean(rest * rest))
    return np.asarray(np.clip(np.rint(128 + rest * (CONTRAST / (deviation + NOISE))), 0, 255).astype(np.uint8))


def _local_mean(grey: np.ndarray) -> np.ndarray:
    return cv2.boxFilter(grey, -1, (WINDOW, WINDOW), borderType=cv2.BORDER_REPLICATE)


def lid_closure(times: Array, pupils: Array) -> Array:
    """Return brightness of the pupils (T,) above its usual level around each time."""
    if not len(times):
        return np.zeros(0)
    step = max(float(np.median(np.diff(times))) if len(times) > 1 else USUAL_SECONDS, 1e-4)
    size = min(int(USUAL_SECONDS / step), len(times)) | 1
    return np.asarray(pupils - percentile_filter(pupils, USUAL_PERCENTILE, size=size, mode="nearest"))
