"""Define what is known of a video in the end: `VideoResult`, its intervals with answers and pictures, its tables.

Contract: names of columns are those of Py-Feat and OpenFace where these have one. Frames count from 0, times are
seconds from the first frame, places are pixels of the upright frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mer.evaluation.predictions import PROBABILITY_PREFIX
from mer.utils.csv_files import read_csv
from mer.video.answers.answer import Answer
from mer.video.answers.recognisers import Recogniser
from mer.video.interval import Interval

#: What became of a video, the values of `VideoResult.status`.
NO_FACE, NOTHING, FOUND, FAILED = "no face", "nothing found", "found", "failed"

#: Flag of an interval that does not end by itself: the video, or the time in which the face is seen, ends before.
UNFINISHED = "unfinished"
#: Prefix of the columns with the standard deviation over several checkpoints.
SPREAD_PREFIX = "sd_"

_FIRST = (
    *("video", "interval", "face_id", "onset", "apex", "offset", "onset_time", "apex_time", "offset_time", "kind"),
    *("emotion", "probability", "uncertain", "action_units", "emotion_by_units", "objective_class", "agrees"),
    *("strength", "threshold", "region", "source", "flags"),
)
#: Columns of text.
_TEXTS = (
    "video",
    "kind",
    "emotion",
    "action_units",
    "emotion_by_units",
    "objective_class",
    "region",
    "source",
    "flags",
)


@dataclass(frozen=True)
class Pictures:
    """The face at onset, apex and offset, cut to one part of the face: (S, S, 3) uint8 each, None where not seen."""

    onset: np.ndarray | None
    apex: np.ndarray | None
    offset: np.ndarray | None


@dataclass(frozen=True)
class FoundInterval:
    """An interval with its answer.

    Attributes:
        number: from 1, in the order of onsets.
        interval: when.
        answer: what moved; None where the face is not seen at onset and apex.
        pictures: of the face.
        flags: names of what speaks against the answer, of `quality`.
    """

    number: int
    interval: Interval
    answer: Answer | None
    pictures: Pictures
    flags: tuple[str, ...] = ()

    def row(self, video: str) -> dict[str, Any]:
        """Return the row of the table of intervals."""
        one, answer = self.interval, self.answer
        row: dict[str, Any] = {
            "video": video,
            "interval": self.number,
            "face_id": one.face_id,
            **{name: getattr(one, name) for name in _FIRST[3:10]},
            **{name: getattr(one, name) for name in ("strength", "threshold", "region", "source")},
            "flags": " ".join(self.flags),
        }
        if answer is None:
            return {**row, **dict.fromkeys(("emotion", "action_units", "emotion_by_units", "objective_class"), "")}
        emotion = answer.emotion
        return {
            **row,
            "emotion": emotion or "",
            "probability": answer.emotions[emotion] if emotion else np.nan,
            "uncertain": answer.uncertain,
            "action_units": "+".join(str(int(name.removeprefix("AU"))) for name in answer.present),
            "emotion_by_units": answer.emotion_by_units or "",
            "objective_class": answer.objective_class,
            "agrees": answer.agrees,
            **{f"{PROBABILITY_PREFIX}{name}": value for name, value in answer.emotions.items()},
            **{unit_column(name): value for name, value in answer.units.items()},
            **{f"{SPREAD_PREFIX}{unit_column(name)}": value for name, value in answer.disagreement.items()},
        }


def unit_column(name: str) -> str:
    """Return `AU04` for `AU4`, as Py-Feat and OpenFace write it; other names as they are."""
    number = name.removeprefix("AU")
    return f"AU{int(number):02}" if name.startswith("AU") and number.isdecimal() else name


@dataclass(frozen=True)
class VideoResult:
    """What is known of a video.

    Attributes:
        name: of the source.
        frames: one row for each face in each frame, and one for each frame without a face.
        intervals: in the order of onsets.
        count: number of frames.
        seconds: length.
        notes: what a reader has to know, one sentence each.
    """

    name: str
    frames: pd.DataFrame
    intervals: Sequence[FoundInterval]
    count: int
    seconds: float
    notes: Sequence[str] = field(default=())

    @property
    def faces(self) -> list[int]:
        """Ids of the faces, rising."""
        return sorted(int(one) for one in self.frames["face_id"].dropna().unique())

    @property
    def status(self) -> str:
        """Whether an interval was found, or why not."""
        if not self.faces:
            return NO_FACE
        return FOUND if self.intervals else NOTHING


def interval_table(videos: Sequence[VideoResult], recognisers: Sequence[Recogniser]) -> pd.DataFrame:
    """Return one row an interval; the columns are there without an interval too.

    Args:
        videos: what is known of each.
        recognisers: the networks that answered, for the columns.
    """
    named = [
        unit_column(name) if one.units else f"{PROBABILITY_PREFIX}{name}" for one in recognisers for name in one.names
    ]
    rows = [one.row(video.name) for video in videos for one in video.intervals]
    more = dict.fromkeys([*named, *(name for row in rows for name in row if name not in _FIRST)])
    return pd.DataFrame(rows, columns=[*_FIRST, *more])


def read_interval_table(path: Path) -> pd.DataFrame:
    """Return a written table of intervals; texts stay texts, so that `12` is not a number and nothing is empty text."""
    table = read_csv(path, dtype=dict.fromkeys(_TEXTS, str))
    return table.assign(**{name: table[name].fillna("") for name in _TEXTS})
