"""Write a copy of a video with the followed faces, their motion and the intervals drawn in: `write_annotated`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd

from mer.data.synthetic.videos.video_file import encoder
from mer.utils.atomic_files import write_atomically
from mer.video.frame_rows import landmarks_of
from mer.video.reading.frame_source import VideoFrame
from mer.video.results import FoundInterval, VideoResult

#: Times of the copy are those of the video in milliseconds.
MILLISECOND = Fraction(1, 1000)
#: Colours of a face at rest and in an interval.
CALM, MOVING = (235, 235, 235), (255, 150, 40)
#: Longest side of the copy; a larger video is shrunk.
LONGEST = 1280


def write_annotated(path: Path, frames: Iterable[VideoFrame], result: VideoResult) -> None:
    """Write the copy as H.264, or MPEG-4 where PyAV has no encoder for it; without sound."""
    name, options = encoder()
    with write_atomically(path) as temporary, av.open(str(temporary), "w") as container:
        stream = None
        last = -1
        for frame, drawn in _drawn(frames, result):
            if stream is None:
                stream = container.add_stream(name, rate=_rate(result), options=options)
                stream.height, stream.width = drawn.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.codec_context.time_base = MILLISECOND
            picture = av.VideoFrame.from_ndarray(drawn, format="rgb24")
            last = max(last + 1, round(1000 * frame.time))
            picture.pts, picture.time_base = last, MILLISECOND
            container.mux(stream.encode(picture))
        if stream is not None:
            container.mux(stream.encode())


def _rate(result: VideoResult) -> Fraction:
    """Return frames a second for the header; the times say it exactly."""
    return Fraction(min(max(result.count / max(result.seconds, 1e-3), 1), 1000)).limit_denominator(1001)


def _drawn(frames: Iterable[VideoFrame], result: VideoResult) -> Iterator[tuple[VideoFrame, np.ndarray]]:
    seen = result.frames.dropna(subset=["face_id"])
    numbers = seen["frame"].to_numpy()
    active: dict[int, list[FoundInterval]] = defaultdict(list)
    for one in result.intervals:
        for index in range(one.interval.onset, one.interval.offset + 1):
            active[index].append(one)
    most = float(np.nanmax(result.frames["motion"])) if result.frames["motion"].notna().any() else 0.0
    shape = None
    for frame in frames:
        scale = min(1.0, LONGEST / max(frame.pixels.shape[:2]))
        # H.264 halves the colours, so sides are even; a video whose size changes keeps its first one
        shape = shape or tuple(max(2, int(side * scale) // 2 * 2) for side in frame.pixels.shape[:2])
        drawn = cv2.resize(frame.pixels, shape[::-1], interpolation=cv2.INTER_AREA)
        factor = np.array(shape[::-1]) / frame.pixels.shape[1::-1]
        first, end = np.searchsorted(numbers, [frame.index, frame.index + 1])
        for _, row in seen.iloc[first:end].iterrows():
            own = [one for one in active.get(frame.index, ()) if one.interval.face_id == row["face_id"]]
            _draw_face(drawn, row, own, factor, most)
        yield frame, drawn


def _draw_face(drawn: np.ndarray, row: pd.Series, own: list[FoundInterval], factor: np.ndarray, most: float) -> None:
    box = row[["face_x", "face_y", "face_width", "face_height"]].to_numpy(dtype=float) * np.tile(factor, 2)
    left, top, wide, high = (round(float(value)) for value in box)
    colour, thick = (MOVING if own else CALM), max(1, round(max(drawn.shape) / 600))
    cv2.rectangle(drawn, (left, top), (left + wide, top + high), colour, thick)
    for x, y in landmarks_of(row) * factor:
        cv2.circle(drawn, (round(x), round(y)), thick + 1, colour, -1, cv2.LINE_AA)
    if most > 0 and np.isfinite(row["motion"]):
        cv2.rectangle(drawn, (left, top + high - 4), (left + int(wide * row["motion"] / most), top + high), colour, -1)
    for place, one in enumerate(own):
        text = f"{one.number} {one.interval.kind}"
        if one.answer is not None and one.answer.emotion:
            text += f" {one.answer.emotion}{'?' if one.answer.uncertain else ''} {' '.join(one.answer.present)}"
        at = (max(2, left), max(14, top - 6 - 16 * place))
        for width, ink in ((3, (0, 0, 0)), (1, colour)):  # a dark rim, to be read on any ground
            cv2.putText(drawn, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, ink, width, cv2.LINE_AA)
