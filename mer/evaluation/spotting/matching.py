"""Match spotted intervals to true ones: call `match_intervals` for pairs and counts.

Contract: an interval is a row of a table with the columns `video`, `kind` (micro or macro), `onset` and `offset`
(frames, both included). A true positive has an intersection over union of 0.5 or more with a true interval of its video
and kind; one true interval has at most one spotted one and the reverse. Of all such matchings one with the most pairs
is taken, among them one with the largest overlap. Every video counts, also one without true or spotted intervals.
Source: spotting guidelines of MEGC 2020 to 2025, which sum over all videos as if they were one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import linear_sum_assignment

from mer.errors import MerError

#: Least intersection over union of a true positive.
LEAST_IOU = 0.5
KINDS = ("micro", "macro")

Spans = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Matches:
    """Pairs of true and spotted intervals, and how many there are a video.

    Attributes:
        pairs: columns `truth` and `found` (places of the rows in the tables given, from 0) and `iou`.
        counts: index `video`, columns `subject`, `tp`, `fp`, `fn`; every video once.
    """

    pairs: pd.DataFrame
    counts: pd.DataFrame

    def by_subject(self) -> npt.NDArray[np.int64]:
        """Return true positives, false positives and false negatives of S subjects, (S, 3), in sorted order."""
        return self.counts.groupby("subject", sort=True)[["tp", "fp", "fn"]].sum().to_numpy()


def overlaps(truth: Spans, found: Spans) -> npt.NDArray[np.float64]:
    """Return the intersection over union of N true and M spotted intervals in frames, both ends included: (N, M).

    Args:
        truth: onset and offset (N, 2).
        found: onset and offset (M, 2).
    """
    first = np.maximum(truth[:, None, 0], found[None, :, 0])
    last = np.minimum(truth[:, None, 1], found[None, :, 1])
    shared = np.clip(last - first + 1, 0, None)
    lengths = (np.diff(part, axis=1)[:, 0] + 1 for part in (truth, found))
    return shared / (np.add.outer(*lengths) - shared)


def match_spans(truth: Spans, found: Spans, least: float = LEAST_IOU) -> list[tuple[int, int, float]]:
    """Return the pairs (true, spotted, overlap) of a largest one-to-one matching, by the place of the true interval."""
    shares = overlaps(truth, found)
    allowed = shares >= least
    # a pair is worth more than all overlaps together, so that their number comes first
    worth = np.where(allowed, 1 + min(shares.shape, default=0) + shares, 0.0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    return [(int(i), int(k), float(shares[i, k])) for i, k in zip(rows, columns, strict=True) if allowed[i, k]]


def match_intervals(
    truth: pd.DataFrame, found: pd.DataFrame, videos: pd.DataFrame, kinds: tuple[str, ...] = KINDS
) -> Matches:
    """Match the spotted intervals of all videos, each kind by itself.

    Args:
        truth: true intervals, see the module; other columns are left alone.
        found: spotted intervals in the same form.
        videos: every video that was looked at, with its `subject`; columns `video`, `subject`.
        kinds: those that count; rows of another are passed over.

    Raises:
        MerError: an interval lies in no video, is not in whole frames, ends before it begins or is of no known kind,
            or a video is listed twice or without a subject.
    """
    _check(truth, found, videos)
    pairs: list[tuple[int, int, float]] = []
    counts = videos.set_index("video")[["subject"]].assign(tp=0, fp=0, fn=0)
    for video in counts.index:
        for kind in kinds:
            places = [np.flatnonzero((t["video"] == video) & (t["kind"] == kind)) for t in (truth, found)]
            matched = match_spans(spans_of(truth.iloc[places[0]]), spans_of(found.iloc[places[1]]))
            pairs += [(int(places[0][i]), int(places[1][k]), share) for i, k, share in matched]
            counts.loc[video, ["tp", "fn", "fp"]] += np.array([len(matched), *(len(p) - len(matched) for p in places)])
    return Matches(pd.DataFrame(pairs, columns=["truth", "found", "iou"]), counts)


def spans_of(table: pd.DataFrame) -> Spans:
    """Return onset and offset of each row, (N, 2)."""
    return table[["onset", "offset"]].to_numpy(np.int64)


def _check(truth: pd.DataFrame, found: pd.DataFrame, videos: pd.DataFrame) -> None:
    if videos[["video", "subject"]].isna().to_numpy().any():
        raise MerError("videos: expected a name and a subject for each video, got an empty cell")
    if len(twice := videos["video"][videos["video"].duplicated()]):
        raise MerError(f"videos: {twice.iloc[0]!r} is listed twice; expected every video once")
    known = set(videos["video"])
    for name, table in (("true", truth), ("spotted", found)):
        for wrong, what in (
            (~table["video"].isin(known), "lies in no listed video"),
            ((table[["onset", "offset"]] % 1 != 0).any(axis=1), "is not in whole frames"),
            (table["onset"] > table["offset"], "ends before it begins"),
            (~table["kind"].isin(KINDS), f"is of no known kind ({', '.join(KINDS)})"),
        ):
            if wrong.any():
                row = table[wrong].iloc[0]
                span = f"frames {row['onset']} to {row['offset']} of {row['video']!r}, kind {row['kind']!r}"
                raise MerError(f"{name} interval {table.index[wrong][0]} ({span}) {what}")
