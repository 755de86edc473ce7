"""Take intervals that a user names instead of spotting them: call `read_intervals`, then `given_intervals`.

Contract: frames count from 0, both ends are included. All errors are named at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mer.errors import SampleError
from mer.utils.csv_files import read_csv
from mer.video.interval import Interval
from mer.video.motion.displacement import displacements
from mer.video.motion.time_course import TimeCourse


@dataclass(frozen=True)
class GivenInterval:
    """An interval that a user names: frames from 0, both ends included; no apex and no face where not said."""

    onset: int
    offset: int
    apex: int | None = None
    face_id: int | None = None


def read_intervals(path: str | Path) -> dict[str, list[GivenInterval]]:
    """Read a CSV with the columns `onset` and `offset`, and `video`, `apex`, `face_id` where known, and any others.

    Returns:
        The intervals of each video by its name in the table; by "" without such a column.

    Raises:
        SampleError: it cannot be read, a column is missing, or rows are wrong; all of them are named.
    """
    try:
        table = read_csv(path)
    except (OSError, ValueError) as error:
        raise SampleError(f"{path}: expected a CSV with the columns onset, offset ({error})") from error
    missing = [name for name in ("onset", "offset") if name not in table]
    if missing:
        raise SampleError(
            f"{path}: expected the columns onset, offset and, where known, apex and face_id; {' and '.join(missing)} "
            f"missing among {', '.join(map(str, table.columns))}"
        )
    known = [name for name in ("onset", "apex", "offset", "face_id") if name in table]
    numbers = table[known].apply(pd.to_numeric, errors="coerce")
    videos = table["video"].fillna("").astype(str).str.strip() if "video" in table else pd.Series("", index=table.index)
    errors: list[str] = []
    given: dict[str, list[GivenInterval]] = {}
    for row, values in enumerate(numbers.to_dict("records"), 2):
        texts = {name: table[name].iloc[row - 2] for name in known}
        wrong = [
            f"{name} {text}"
            for name, text in texts.items()
            if (name in ("onset", "offset") or not pd.isna(text)) and not _whole(values[name])
        ]
        if wrong:
            errors.append(f"row {row}: expected frame numbers from 0, got {', '.join(wrong)}")
            continue
        one = GivenInterval(
            int(values["onset"]), int(values["offset"]), *(_number(values.get(name)) for name in ("apex", "face_id"))
        )
        if not one.onset <= (one.onset if one.apex is None else one.apex) <= one.offset:
            errors.append(f"row {row}: expected onset <= apex <= offset, got {one.onset}, {one.apex}, {one.offset}")
        given.setdefault(videos.iloc[row - 2], []).append(one)
    if errors or not given:
        raise SampleError(f"{path}: " + ("; ".join(errors) or "expected at least one row, got none"))
    return given


def given_intervals(given: Sequence[GivenInterval], courses: Sequence[TimeCourse]) -> list[Interval]:
    """Return intervals that a user names, with times, and apexes where they are missing.

    The face is the one that is seen in most frames of the interval unless it is named. A missing apex is the frame in
    which the skin is furthest from where it is at the onset; the middle frame where that cannot be told.

    Raises:
        SampleError: no face, or not the named one, is seen at the key frames; all such intervals are named.
    """
    found, errors = [], []
    for one in given:
        seen = {
            course.face_id: course
            for course in sorted(courses, key=lambda course: -_seen(course, one.onset, one.offset))
            if one.face_id in (None, course.face_id) and _seen(course, one.onset, one.offset)
        }
        course = next(iter(seen.values()), None)
        apex = None if course is None else _apex(course, one) if one.apex is None else one.apex
        if course is None or apex is None or not {one.onset, apex, one.offset} <= set(course.frames.tolist()):
            face = "a face" if one.face_id is None else f"face {one.face_id}"
            errors.append(f"frames {one.onset} to {one.offset}: {face} is not seen at onset, apex and offset")
            continue
        onset, top, offset = np.searchsorted(course.frames, [one.onset, apex, one.offset]).tolist()
        found.append(course.interval((onset, top, offset)))
    if errors:
        raise SampleError("; ".join(errors) + ". Frames count from 0; the table of frames says where faces are seen")
    return found


def _apex(course: TimeCourse, one: GivenInterval) -> int:
    inside = course.frames[(course.frames >= one.onset) & (course.frames <= one.offset)]
    start, end = course.times[np.isin(course.frames, inside[[0, -1]])][[0, -1]]
    for stretch in displacements(course):
        within = (stretch.times >= start) & (stretch.times <= end)
        if within.any():
            way = np.linalg.norm(stretch.skin[within] - stretch.skin[within][0], axis=2).max(axis=1)
            time = stretch.times[within][way.argmax()]
            return int(inside[np.abs(course.times[np.isin(course.frames, inside)] - time).argmin()])
    return int(inside[len(inside) // 2])


def _seen(course: TimeCourse, onset: int, offset: int) -> int:
    return int(((course.frames >= onset) & (course.frames <= offset)).sum())


def _whole(value: float) -> bool:
    return bool(np.isfinite(value)) and value >= 0 and value == int(value)


def _number(value: float | None) -> int | None:
    return None if value is None or pd.isna(value) else int(value)
