"""Write the page of a video: its time course, its intervals with pictures and answers, what the answers are worth.

Contract: one file that needs nothing else; nothing is loaded and no script runs, so no picture leaves the machine with
it unless somebody sends the file.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mer.data.facs.units import ACTION_UNITS
from mer.evaluation.report.templating import write_page
from mer.video.answers.recognisers import Recogniser
from mer.video.faces.quality import THRESHOLDS
from mer.video.report.pictures import jpeg_uri, tiles
from mer.video.report.time_course_figure import time_course_figure
from mer.video.results import FOUND, NO_FACE, UNFINISHED, FoundInterval, VideoResult, unit_column

TEMPLATE = "video.html.j2"
#: Most intervals with pictures on a page, the strongest; all stand in the table.
MOST = 60
#: Names of action units for people.
UNIT_NAMES = {f"AU{code}": unit.name for code, unit in ACTION_UNITS.items()}
#: What each flag means.
FLAGS = {
    name: f"{meaning} (threshold {threshold:g} {unit})" for name, (threshold, unit, meaning) in THRESHOLDS.items()
} | {UNFINISHED: "the video, or the time in which the face is seen, ends before the movement does"}
#: Words under pictures.
CAPTIONS = {
    "motion": "motion from onset to apex, enlarged",
    "evidence": "where motion speaks for the answer",
}
#: Heading of each answer, by `VideoResult.status`.
NOTHING_FOUND = {
    NO_FACE: "No face was found in any frame, so nothing was measured.",
    "nothing found": "A face was followed, and nothing in it moved as an expression does. That is an answer.",
}


def write_video_page(
    path: Path, result: VideoResult, recognisers: Sequence[Recogniser], provenance: Mapping[str, str]
) -> Path:
    """Write the page and return its path.

    Args:
        path: the page.
        result: what is known of the video.
        recognisers: the networks that answered.
        provenance: name and value of what the answers depend on.
    """
    shown = sorted(result.intervals, key=lambda one: -np.nan_to_num(one.interval.strength, nan=np.inf))[:MOST]
    shown.sort(key=lambda one: one.number)
    seen = result.frames.dropna(subset=["face_id"])
    context = {
        "video": result,
        "name": Path(result.name).name,
        "nothing": NOTHING_FOUND.get(result.status),
        "micro": sum(one.interval.kind == "micro" for one in result.intervals),
        "found": result.status == FOUND,
        "figures": [
            time_course_figure(
                seen[seen["face_id"] == face],
                [one for one in result.intervals if one.interval.face_id == face],
                result.seconds,
                title=f"Face {face}" if len(result.faces) > 1 else "Motion of the face",
            )
            for face in result.faces
        ],
        "intervals": [_interval(one) for one in shown],
        "flag_shares": _flag_shares(result),
        "flags": FLAGS,
        "networks": [_network(one) for one in recognisers],
        "limits": list(dict.fromkeys(line for one in recognisers for line in one.network.card.get("limits", ()))),
        "provenance": provenance,
    }
    return write_page(path, TEMPLATE, context, folder=Path(__file__).parent)


def _interval(one: FoundInterval) -> dict[str, Any]:
    answer = one.answer
    return {
        "number": one.number,
        "one": one.interval,
        "flags": one.flags,
        "answer": answer,
        "tiles": [
            {
                "picture": jpeg_uri(picture),
                "caption": CAPTIONS.get(name, f"{name}, frame {getattr(one.interval, name, '')}"),
            }
            for name, picture in tiles(one).items()
        ],
        "emotions": [] if answer is None else _bars(answer.emotions, answer.disagreement, [answer.emotion]),
        "units": [] if answer is None else _bars(answer.units, answer.disagreement, answer.present),
    }


def _bars(
    values: Mapping[str, float], spread: Mapping[str, float], best: Collection[str | None]
) -> list[dict[str, Any]]:
    """Return a row for each probability; those of `best` stand out."""
    return [
        {
            "name": unit_column(name),
            "title": UNIT_NAMES.get(name, ""),
            "value": value,
            "spread": spread.get(name),
            "best": name in best,
        }
        for name, value in values.items()
    ]


def _flag_shares(result: VideoResult) -> dict[str, float]:
    """Return the share of the rows with a face that carry each flag, the most frequent first."""
    seen = result.frames.dropna(subset=["face_id"])
    flags = seen["flags"].str.split().explode().dropna()
    shares = flags.value_counts() / max(1, len(seen))
    return {str(name): float(share) for name, share in shares.items()}


def _network(one: Recogniser) -> dict[str, Any]:
    card = one.network.card
    scores = card.get("scores", {})
    plain = {
        name: ", ".join(f"{key} {value}" for key, value in values.items() if not isinstance(value, Mapping))
        for name, values in (scores.items() if isinstance(scores, Mapping) else ())
        if isinstance(values, Mapping)
    }
    trained = card.get("trained_on", {})
    return {
        "source": Path(one.source).name,
        "what": card.get("what", "action units" if one.units else ", ".join(one.names)),
        "trained": trained.get("data", "") if isinstance(trained, Mapping) else str(trained),
        "scores": plain,
    }
