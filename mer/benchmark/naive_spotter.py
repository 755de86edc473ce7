"""Spot expressions with nothing but the amount of motion in the face, the baseline of `mer benchmark spotting`.

Contract: the face is found once, in the first frame, and cut out at that place ever after; the mean length of optical
flow over `lag` is one curve a kind. Peaks above a threshold become intervals of a fixed length. No
learning, no masks, no correction for the head. Source: the usual recipe of the spotting challenges without its
corrections (Liong, See and Wong 2021, whose half lengths of 6 and 18 frames at 30 a second these are).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
from scipy.signal import find_peaks

from mer.data.facs.geometry import Array
from mer.errors import MerError
from mer.inputs.faces import mtcnn

#: Half the usual length of an expression in seconds, by kind.
HALF_SECONDS = {"micro": 0.2, "macro": 0.6}
#: Share of the way from mean to maximum above which a peak counts.
SHARE = 0.55
#: Side of the face's crop in pixels, and of the smallest face as a share of the shorter side of the frame.
SIDE, SMALLEST = 96, 0.1

Box = tuple[slice, slice]


def spot(video: Path) -> pd.DataFrame:
    """Return the intervals found in a video: columns kind, onset, apex, offset (frames).

    Raises:
        MerError: the first frame shows no face.
    """
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or 0)
        frames = (frame.to_ndarray(format="gray") for frame in container.decode(stream))
        lags = {kind: max(1, round(half * rate)) for kind, half in HALF_SECONDS.items()}
        curves = motion_curves(cropped(frames, video), tuple(lags.values()))
    found = [
        (kind, *span)
        for (kind, lag), curve in zip(lags.items(), curves, strict=True)
        for span in peak_intervals(curve, lag)
    ]
    return pd.DataFrame(found, columns=["kind", "onset", "apex", "offset"])


def cropped(frames: Iterable[np.ndarray], video: Path) -> Iterator[np.ndarray]:
    """Yield the face of each grey frame, (SIDE, SIDE) uint8, at its place in the first frame."""
    box: Box | None = None
    for frame in frames:
        if box is None:
            faces = mtcnn.detect(frame, smallest=round(SMALLEST * min(frame.shape)))
            if not faces:
                raise MerError(f"{video}: the first frame shows no face")
            limits = np.array([frame.shape[1], frame.shape[0]] * 2)
            left, top, right, bottom = (int(edge) for edge in np.clip(np.rint(faces[0].box), 0, limits))
            box = slice(top, bottom), slice(left, right)
        yield cv2.resize(frame[box], (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.uint8)


def motion_curves(crops: Iterable[np.ndarray], lags: tuple[int, ...]) -> list[Array]:
    """Return, for each lag, the mean length of flow from the frame `lag` before to each frame: (T,), 0 at first."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    kept: deque[np.ndarray] = deque(maxlen=max(lags) + 1)
    values: list[list[float]] = [[] for _ in lags]
    for crop in crops:
        kept.append(np.ascontiguousarray(crop))
        for lag, curve in zip(lags, values, strict=True):
            field = np.zeros((*crop.shape, 2), np.float32)
            if len(kept) > lag:
                field = flow.calc(kept[-1 - lag], kept[-1], field).astype(np.float32)
            curve.append(float(np.hypot(field[..., 0], field[..., 1]).mean()))
    return [np.array(curve) for curve in values]


def peak_intervals(curve: Array, lag: int) -> list[tuple[int, int, int]]:
    """Return onset, apex and offset of each peak: `lag` frames before and after the moment of fastest motion.

    A peak lies above the mean by `SHARE` of the way to the maximum, and `lag` frames or more from a higher one.

    Args:
        curve: motion (T,) between frames `lag` apart, at the later of both.
        lag: half the length of an interval in frames.
    """
    if not len(curve) or not np.ptp(curve):
        return []
    smooth = np.convolve(curve, np.ones(lag) / lag, mode="same")
    limit = smooth.mean() + SHARE * (smooth.max() - smooth.mean())
    peaks, _ = find_peaks(smooth, height=limit, distance=lag)
    # motion between two frames happened in the middle between them
    middles = [max(0, int(peak) - lag // 2) for peak in peaks]
    return [(max(0, middle - lag), middle, min(len(curve) - 1, middle + lag)) for middle in middles]
