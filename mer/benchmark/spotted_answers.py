"""Run the parts of `mer.video` over a drawn video for `mer benchmark spotting`: `watch`, `spotted`, `recognised`.

Contract: a video is read once to follow the face and measure its motion, and once more for the frames that an answer
compares. The first face is the drawn person.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from mer.video.answers.answer import answer
from mer.video.answers.recognisers import Recogniser, load_prior
from mer.video.faces.face_finder import face_frame
from mer.video.faces.face_track import FaceTracker
from mer.video.motion.time_course import CourseRecorder, FacePlace, TimeCourse
from mer.video.reading.open_source import open_source
from mer.video.spotting import spot

#: Columns of intervals.
SPAN = ("kind", "onset", "apex", "offset")


@dataclass(frozen=True)
class Watched:
    """What was seen in a video: similarities (2, 3) from face units to pixels by frame, and the motion of each face."""

    places: dict[int, np.ndarray]
    courses: list[TimeCourse]


def watch(video: Path) -> Watched:
    """Follow the face of a video and measure its motion."""
    tracker, recorder, places = FaceTracker(), CourseRecorder(), {}
    for frame in open_source(video):
        grey = _grey(frame.pixels)
        faces = [FacePlace(one.face_id, face_frame(one.landmarks), one.jumped) for one in tracker.update(frame, grey)]
        recorder.update(frame, grey, faces)
        if faces:
            places[frame.index] = faces[0].to_pixels
    return Watched(places, recorder.courses())


def spotted(watched: Watched, spotter: str) -> pd.DataFrame:
    """Return the intervals that a spotter of `mer.video.spotters` finds: columns `SPAN`."""
    found = spot(watched.courses, spotter)
    return pd.DataFrame([[getattr(one, name) for name in SPAN] for one in found], columns=list(SPAN))


def pictures_of(video: Path, spans: Iterable[pd.DataFrame]) -> dict[int, np.ndarray]:
    """Return the grey frames at onset and apex of intervals, (H, W) uint8 by number."""
    wanted = {int(frame) for table in spans for frame in table[["onset", "apex"]].to_numpy().ravel()}
    return {frame.index: _grey(frame.pixels) for frame in open_source(video) if frame.index in wanted}


def recognised(spans: pd.DataFrame, pictures: dict[int, np.ndarray], watched: Watched) -> pd.DataFrame:
    """Return what the packaged networks say of intervals: `label`, and a probability a unit (`AU12`).

    Cells are empty where the face was not seen at onset or apex.
    """
    rows: list[dict[str, str | float]] = []
    places = watched.places
    for onset, apex in zip(spans["onset"], spans["apex"], strict=True):
        if onset == apex or not {onset, apex} <= places.keys():
            rows.append({})
            continue
        said = answer(pictures[onset], pictures[apex], places[onset], places[apex], _prior())
        rows.append({"label": said.emotion or "", **said.units})
    return pd.DataFrame(rows, index=spans.index, columns=["label", *_units()])


@lru_cache(maxsize=1)
def _prior() -> tuple[Recogniser, ...]:
    return tuple(load_prior())


def _units() -> list[str]:
    return [name for one in _prior() if one.units for name in one.names]


def _grey(pixels: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
