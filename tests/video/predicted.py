"""What is known of an invented video: two faces, three intervals, a gap, answers made up."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mer.video.answers.answer import Answer
from mer.video.frame_rows import COLUMNS, X, Y
from mer.video.interval import Interval
from mer.video.report.pictures import SIDE
from mer.video.results import FoundInterval, Pictures, VideoResult

RATE = 50
CLASSES = ("negative", "positive", "surprise")


def made_answer(*, several: bool = False, uncertain: bool = False) -> Answer:
    """An answer: positive by a smile whose motion goes up in the lower right quarter."""
    motion = np.zeros((3, 28, 28), np.float32)
    motion[1, 16:24, 16:24] = -0.5
    evidence = np.zeros((14, 14))
    evidence[8:12, 8:12] = 0.4
    evidence[2, 2] = -0.3
    return Answer(
        emotions=dict(zip(CLASSES, (0.1, 0.7, 0.2), strict=True)),
        units={"AU4": 0.1, "AU12": 0.9},
        present=("AU12",),
        objective_class="I",
        emotion_by_units="happiness",
        agreement="AU12 means happiness (positive) by EMFACS, as the classes say.",
        agrees=True,
        uncertain=uncertain,
        disagreement={"positive": 0.05, "AU12": 0.02} if several else {},
        evidence=evidence,
        motion=motion,
    )


def interval(onset: int, apex: int, offset: int, face: int = 0, strength: float = 0.02) -> Interval:
    return Interval(
        face, onset, apex, offset, onset / RATE, apex / RATE, offset / RATE,
        source="excursions", strength=strength, threshold=0.01, region="mouth",
    )  # fmt: skip


def frame_table(count: int = 200) -> pd.DataFrame:
    """Rows of face 0 in all frames but 80 to 99, of face 1 from 100 on; face 0 moves fastest in frame 50."""
    rows = []
    for frame in range(count):
        seen = [face for face in (0, 1) if (face == 0 and not 80 <= frame < 100) or (face == 1 and frame >= 100)]
        for face in seen:
            row = dict.fromkeys(COLUMNS, 10.0) | {"frame": frame, "time": frame / RATE, "face_id": face, "success": 1}
            row |= dict(zip(X, (40, 60, 50, 42, 58), strict=True)) | dict(zip(Y, (40, 40, 52, 64, 64), strict=True))
            rows.append(row | {"motion": 0.001 + 0.05 * (frame == 50), "flags": "small" if face else ""})
        if not seen:
            missing = dict.fromkeys([*COLUMNS, "motion"], np.nan)
            rows.append(missing | {"frame": frame, "time": frame / RATE, "success": 0, "flags": ""})
    return pd.DataFrame(rows).astype({"frame": "int64", "success": "int64", "face_id": "Int64"})


def made_result(name: str = "clip.mp4", *, several: bool = False) -> VideoResult:
    """Two intervals of face 0 and one of face 1, whose face is not seen at the apex."""
    rng = np.random.default_rng(0)
    shown = Pictures(*(rng.integers(60, 200, (SIDE, SIDE, 3), dtype=np.uint8) for _ in range(3)))
    found = (
        FoundInterval(1, interval(40, 50, 60), made_answer(several=several), shown),
        FoundInterval(2, interval(100, 140, 160), made_answer(several=several, uncertain=True), shown, ("blurred",)),
        FoundInterval(3, interval(120, 130, 140, face=1), None, Pictures(None, None, shown.offset)),
    )
    return VideoResult(name, frame_table(), found, 200, 4.0, ["72 frames are declared, 200 are there"])


def nothing(status: str) -> VideoResult:
    """A video without a face, or without an interval."""
    frames = frame_table()
    if status == "no face":
        frames = frames[frames["frame"].between(80, 99)]
    return VideoResult("clip.mp4", frames.reset_index(drop=True), (), 200, 4.0)
