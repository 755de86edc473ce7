"""Define `Interval`: the frames in which a face moves, from onset over apex to offset, spotted or given.

Contract: frames count from 0 in the order of reading, onset and offset belong to the interval; times are seconds from
the first frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

#: Longest micro-expression, seconds; what lasts longer is a macro-expression. Source: Yan et al., How fast are the
#: leaked facial expressions, J. Nonverbal Behavior 37, 2013; the challenges of spotting use the same limit.
MICRO_SECONDS = 0.5

#: Value of `Interval.source` where a user gave the interval.
GIVEN = "given"


@dataclass(frozen=True)
class Interval:
    """One expression of one face."""

    face_id: int
    onset: int
    apex: int
    offset: int
    #: Seconds from the first frame.
    onset_time: float
    apex_time: float
    offset_time: float
    #: Name of the spotter that found it, or `GIVEN`.
    source: str = GIVEN
    #: Greatest displacement of the skin, in distances between the pupils, and the threshold that it passed; NaN where
    #: given.
    strength: float = math.nan
    threshold: float = math.nan
    #: Region of the face that decided, e.g. `brows`; "" where given.
    region: str = ""
    #: Whether it ends by itself; False where the video, or the time in which the face is seen, ends before.
    whole: bool = True

    def __post_init__(self) -> None:
        """Raise a ValueError where frames or times are out of order; callers check what users give before."""
        if not 0 <= self.onset <= self.apex <= self.offset:
            raise ValueError(f"expected 0 <= onset <= apex <= offset, got {self.onset}, {self.apex}, {self.offset}")
        if not self.onset_time <= self.apex_time <= self.offset_time:
            raise ValueError(
                f"expected rising times, got {self.onset_time:g}, {self.apex_time:g}, {self.offset_time:g} s"
            )

    @property
    def seconds(self) -> float:
        """Time from onset to offset."""
        return self.offset_time - self.onset_time

    @property
    def kind(self) -> str:
        """`micro` up to `MICRO_SECONDS`, else `macro`."""
        return "micro" if self.seconds <= MICRO_SECONDS else "macro"
