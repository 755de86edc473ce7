"""Read a video a second time and answer its intervals: call `answer_intervals`.

Contract: of the frames only those at onset, apex and offset are looked at, and the onset's is kept until its apex, so
memory does not grow with the length.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import pandas as pd

from mer.data.facs.geometry import Array
from mer.video.answers.answer import Answer, answer
from mer.video.answers.recognisers import Recogniser
from mer.video.faces.face_finder import face_frame
from mer.video.frame_rows import landmarks_of
from mer.video.interval import Interval
from mer.video.reading.frame_source import VideoFrame
from mer.video.report.pictures import face_picture
from mer.video.results import FoundInterval, Pictures

_ROLES = ("onset", "apex", "offset")


@dataclass
class _Open:
    """An interval while the video is read."""

    interval: Interval
    onset: tuple[np.ndarray, Array] | None = None
    answer: Answer | None = None
    pictures: dict[str, np.ndarray] = field(default_factory=dict)


def answer_intervals(
    frames: Iterable[VideoFrame], intervals: Sequence[Interval], table: pd.DataFrame, recognisers: Sequence[Recogniser]
) -> list[FoundInterval]:
    """Return the intervals with answers and pictures; reads frames up to the last one that an interval needs.

    Args:
        frames: from the first one on.
        intervals: in the order of onsets.
        table: rows of the frames, for the places of faces.
        recognisers: the networks.
    """
    opened = [_Open(one) for one in intervals]
    wanted: dict[int, list[tuple[_Open, str]]] = defaultdict(list)
    for one in opened:
        for role in _ROLES:
            wanted[getattr(one.interval, role)].append((one, role))
    rows = table[table["frame"].isin(wanted)].dropna(subset=["face_id"])
    places = {(int(row["frame"]), int(row["face_id"])): face_frame(landmarks_of(row)) for _, row in rows.iterrows()}
    last = max(wanted, default=-1)
    for frame in frames if wanted else ():
        if frame.index in wanted:
            grey = cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2GRAY)
            for one, role in wanted[frame.index]:
                place = places.get((frame.index, one.interval.face_id))
                if place is not None:
                    _look(one, role, frame.pixels, grey, place, recognisers)
        if frame.index >= last:
            break
    return [
        FoundInterval(number, one.interval, one.answer, Pictures(*(one.pictures.get(role) for role in _ROLES)))
        for number, one in enumerate(opened, 1)
    ]


def _look(
    one: _Open, role: str, pixels: np.ndarray, grey: np.ndarray, place: Array, recognisers: Sequence[Recogniser]
) -> None:
    one.pictures[role] = face_picture(pixels, place)
    if role == "onset":
        one.onset = (grey, place)
    if role == "apex" and one.onset is not None and one.interval.onset < one.interval.apex:
        before, before_place = one.onset
        one.answer = answer(before, grey, before_place, place, recognisers)
        one.onset = None
