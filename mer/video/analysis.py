"""Analyse a video: faces, motion over time, intervals, answers; call `analyse`.

Contract: the source is read once for faces and motion and once more for the frames of its intervals; nothing of it is
kept but numbers and small pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import cv2
import pandas as pd

from mer.errors import SampleError
from mer.inputs.cache.threads import one_thread
from mer.video.answering import answer_intervals
from mer.video.answers.recognisers import Recogniser
from mer.video.faces.face_finder import face_frame
from mer.video.faces.face_track import FaceTracker
from mer.video.faces.quality import in_words, slow
from mer.video.frame_rows import FrameRows
from mer.video.given_intervals import GivenInterval, given_intervals
from mer.video.interval import Interval
from mer.video.motion.time_course import CourseRecorder, FacePlace, TimeCourse
from mer.video.reading.frame_source import FrameSource, VideoFrame
from mer.video.results import UNFINISHED, VideoResult
from mer.video.spotting import DEFAULT, spot

#: Shows how far reading has come; takes the source, what is done with it, and hands its frames on.
Progress = Callable[[FrameSource, str], Iterable[VideoFrame]]


@dataclass(frozen=True)
class Analysis:
    """How a video is analysed.

    Attributes:
        every_face: whether all faces are followed, or the largest only.
        spotter: key of `SPOTTERS`.
        given: intervals of the user in place of the spotter's.
    """

    every_face: bool = False
    spotter: str = DEFAULT
    given: Sequence[GivenInterval] | None = None

    def __post_init__(self) -> None:
        """Raise a SampleError where frames of a given interval are out of order."""
        for one in self.given or ():
            apex = one.offset if one.apex is None else one.apex
            if not 0 <= one.onset <= apex <= one.offset or one.onset == one.offset:
                raise SampleError(
                    "expected frames from 0 on, onset before offset and apex in between, got onset "
                    f"{one.onset}, apex {'to be found' if one.apex is None else one.apex}, offset {one.offset}"
                )


def silent(source: FrameSource, what: str) -> Iterable[VideoFrame]:
    """Show nothing: hand on the frames of a source."""
    return source


def analyse(
    source: FrameSource, recognisers: Sequence[Recogniser], how: Analysis, progress: Progress = silent
) -> VideoResult:
    """Return what is known of a video.

    Raises:
        VideoError: no frame can be read.
        SampleError: no given interval fits the video.
    """
    # motion is measured beside the search in the next frame: both let go of Python's lock, and the order is the same
    with one_thread(), ThreadPoolExecutor(1) as beside:
        tracker, recorder, rows = FaceTracker(every=how.every_face), CourseRecorder(), FrameRows()
        measured: Future[None] | None = None
        for frame in progress(source, "faces and motion"):
            grey = cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2GRAY)
            tracks = tracker.update(frame, grey)
            places = [FacePlace(track.face_id, face_frame(track.landmarks), track.jumped) for track in tracks]
            if measured is not None:
                measured.result()
            measured = beside.submit(recorder.update, frame, grey, places)
            rows.add(frame, grey, tracks)
        if measured is not None:
            measured.result()
        notes = list(source.notes)  # they are cleared when it is read again
        courses = recorder.courses()
        table = _with_motion(rows.table(), courses)
        if how.given is None:
            intervals = spot(courses, how.spotter)
        else:
            intervals, missed = _given(how.given, courses, rows.count)
            notes += missed
        low_rate = slow(table["time"].drop_duplicates().tolist())
        notes += [f"Flag {name}: {in_words(name, number)}." for name, number in low_rate.items()]
        found = answer_intervals(progress(source, "answers"), intervals, table, recognisers)
        found = [replace(one, flags=_flags(one.interval, table, low_rate)) for one in found]
    return VideoResult(source.name, table, found, rows.count, _seconds(table), notes)


def _given(
    given: Sequence[GivenInterval], courses: Sequence[TimeCourse], count: int
) -> tuple[list[Interval], list[str]]:
    """Return the intervals in which a face is seen, and a sentence on each other; raise if no one is left."""
    found, missed = [], []
    for one in given:
        if one.offset >= count:
            raise SampleError(
                f"frames {one.onset} to {one.offset}: expected frames of this video, 0 to {count - 1}; count from 0"
            )
        try:
            found += given_intervals([one], courses)
        except SampleError as error:
            missed.append(f"Left out: {error}.")
    if not found:
        raise SampleError(" ".join(missed))
    return sorted(found, key=lambda one: (one.onset, one.face_id)), missed


def _flags(one: Interval, table: pd.DataFrame, of_video: Collection[str]) -> tuple[str, ...]:
    """Return the flags that the face has in the frames of an interval, those of the whole video, and `UNFINISHED`."""
    inside = table[table["frame"].between(one.onset, one.offset) & (table["face_id"] == one.face_id)]
    names = {name for flags in inside["flags"].unique() for name in flags.split()}
    return (*sorted(names | {*of_video}), *(() if one.whole else (UNFINISHED,)))


def _with_motion(table: pd.DataFrame, courses: Sequence[TimeCourse]) -> pd.DataFrame:
    """Return the rows with the columns of the time courses."""
    if not courses:
        return table.assign(motion=float("nan"))
    motion = pd.concat([course.table().drop(columns="time") for course in courses]).astype({"face_id": "Int64"})
    return table.merge(motion, on=["frame", "face_id"], how="left", validate="one_to_one")


def _seconds(table: pd.DataFrame) -> float:
    """Return the time of the last frame and one step."""
    times = table["time"].drop_duplicates()
    return float(times.iloc[-1] + (times.diff().median() if len(times) > 1 else 0.0))
