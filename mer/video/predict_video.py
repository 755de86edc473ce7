"""Predict a video: `predict_video` for Python, `predict_into` for a folder of results.

Contract: what is finished is kept, so a killed call, repeated, does what is missing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mer.provenance import environment
from mer.utils.atomic_files import remove_abandoned
from mer.utils.hashing import stream_sha256
from mer.video.analysis import Analysis, Progress, analyse, silent
from mer.video.answers.recognisers import Recogniser, load_recognisers
from mer.video.given_intervals import GivenInterval
from mer.video.prediction_folder import (
    INTERVALS,
    FolderContent,
    finite,
    folder_for,
    identity,
    read_prediction,
    write_prediction,
)
from mer.video.reading.open_source import open_source
from mer.video.results import interval_table, read_interval_table


@dataclass(frozen=True)
class Asked:
    """What is asked about a video, apart from the video.

    Attributes:
        recognisers: the networks.
        how: how it is analysed.
        rate: frames a second of images, or in place of the time stamps of a video; None for what the video says.
        annotate: whether to write an annotated copy.
    """

    recognisers: Sequence[Recogniser]
    how: Analysis
    rate: float | None = None
    annotate: bool = False

    def record(self, video: Path) -> dict[str, Any]:
        """Return the question as plain values; two equal ones about one file have one answer."""
        given = self.how.given
        versions = environment()
        return {
            "source": identity(video),
            "options": {
                "rate": self.rate,
                "faces": "all" if self.how.every_face else "largest",
                "spotter": self.how.spotter if given is None else None,
                "intervals": None if given is None else [asdict(one) for one in given],
                "annotate": self.annotate,
            },
            "networks": {one.source: stream_sha256(one.source) for one in self.recognisers},
            "code": {"mer": versions["versions"]["mer"], "git": versions["git"]},
        }


def predict_video(
    video: str | Path,
    *,
    checkpoints: Sequence[str | Path] = (),
    rate: float | None = None,
    every_face: bool = False,
    intervals: Sequence[tuple[int, int | None, int]] | None = None,
    out: str | Path | None = None,
) -> pd.DataFrame:
    """Return what moved in a video, one row an interval: when, the likeliest emotion, the action units.

    Args:
        video: a video file, or a folder of images.
        checkpoints: of `mer run`, averaged; the packaged networks answer where none of these does.
        rate: frames a second; a folder of images needs it, for a video it replaces its time stamps.
        every_face: whether to follow all faces, or the largest only.
        intervals: (onset, apex, offset) in frames from 0, in place of spotting; an apex of None is looked for.
        out: folder to write tables, pictures and page into, as `mer predict --out`; None writes nothing.

    Returns:
        The columns of docs/video.md; without a row where nothing was found.

    Raises:
        MerError: the video or a checkpoint cannot be read, or an interval does not fit.
    """
    given = None
    if intervals is not None:
        given = [GivenInterval(onset, offset, apex) for onset, apex, offset in intervals]
    asked = Asked(load_recognisers(checkpoints), Analysis(every_face=every_face, given=given), rate)
    path = Path(video).expanduser()
    if out is None:
        result = analyse(open_source(path, rate), asked.recognisers, asked.how)
        return interval_table([result], asked.recognisers)
    folder, _ = predict_into(path, Path(out).expanduser(), asked)
    return read_interval_table(folder / INTERVALS)


def predict_into(video: Path, out: Path, asked: Asked, progress: Progress = silent) -> tuple[Path, bool]:
    """Write what is known of a video into a folder in `out`, unless it is there.

    Returns:
        The folder, and whether it was there.

    Raises:
        MerError: the video cannot be read, or an interval does not fit.
    """
    source = open_source(video, asked.rate)
    folder, record = folder_for(out, video), asked.record(video)
    kept = read_prediction(folder)
    if kept is not None and kept["asked"] == finite(record):
        return folder, True
    result = analyse(source, asked.recognisers, asked.how, progress)
    remove_abandoned(out, re.escape(folder.name))  # by a killed call
    content = FolderContent(result, asked.recognisers, record, environment())
    write_prediction(folder, content, annotate=progress(source, "annotated copy") if asked.annotate else None)
    return folder, False
