"""Write what is known of a video into a folder of its own, whole or not at all; find it again.

Contract: a folder is replaced only where it was written for the same video and holds nothing else. `prediction.json`
says what was asked; the same question about an unchanged file is not answered twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mer.errors import DamagedFileError
from mer.inputs.frames.image_files import write_image
from mer.utils.atomic_files import read_json, write_folder_atomically, write_json
from mer.utils.csv_files import write_csv
from mer.video.answers.recognisers import Recogniser
from mer.video.reading.frame_source import VideoFrame
from mer.video.reading.image_frames import images_in
from mer.video.report.annotated import write_annotated
from mer.video.report.page import write_video_page
from mer.video.report.pictures import strip
from mer.video.results import FoundInterval, VideoResult, interval_table, unit_column

#: Files of a folder.
FRAMES, INTERVALS, PREDICTION, PAGE = "frames.csv", "intervals.csv", "prediction.json", "report.html"
ANNOTATED, STRIPS = "annotated.mp4", "strips"
#: Layout of `prediction.json`.
FORMAT = "mer-prediction-1"
#: Digits of numbers in tables: milliseconds in ten hours.
DIGITS = "%.8g"


def identity(video: Path) -> dict[str, Any]:
    """Return what tells a file, or a folder of images, from a changed one: path, bytes, time of the last change."""
    files = images_in(video) if video.is_dir() else [video]
    states = [file.stat() for file in files]
    return {
        "path": str(video.resolve()),
        "files": len(files),
        "bytes": sum(state.st_size for state in states),
        "modified": max((state.st_mtime_ns for state in states), default=0),
    }


def folder_for(out: Path, video: Path) -> Path:
    """Return the folder of a video in `out`: its name without ending, with a number where another has that name."""
    path, number = str(video.resolve()), 1
    stem = (video.resolve().name if video.is_dir() else video.stem) or "video"
    while True:
        folder = out / (stem if number == 1 else f"{stem}-{number}")
        if not folder.exists() or _is_of(folder, path):
            return folder
        number += 1


def _is_of(folder: Path, path: str) -> bool:
    """Return whether a folder was written for this video and holds nothing else."""
    known = {FRAMES, INTERVALS, PREDICTION, PAGE, ANNOTATED, STRIPS}
    if not folder.is_dir() or any(one.name not in known for one in folder.iterdir()):
        return False
    kept = read_prediction(folder)
    return kept is not None and kept["asked"]["source"]["path"] == path


def read_prediction(folder: Path) -> dict[str, Any] | None:
    """Return the content of `prediction.json`; None where there is none of this layout."""
    try:
        kept = read_json(folder / PREDICTION)
        right = kept["format"] == FORMAT and isinstance(kept["asked"]["source"]["path"], str)
    except (FileNotFoundError, NotADirectoryError, DamagedFileError, KeyError, TypeError):
        return None
    return kept if right else None


@dataclass(frozen=True)
class FolderContent:
    """What is written of a video.

    Attributes:
        result: what is known of it.
        recognisers: the networks that answered.
        asked: source, options and networks, as plain values.
        environment: of `mer.provenance.environment`.
    """

    result: VideoResult
    recognisers: Sequence[Recogniser]
    asked: Mapping[str, Any]
    environment: Mapping[str, Any]


def write_prediction(folder: Path, content: FolderContent, *, annotate: Iterable[VideoFrame] | None = None) -> None:
    """Write all files of a video.

    Args:
        folder: of `folder_for`.
        content: what is written.
        annotate: the frames for an annotated copy; None for none.
    """
    result, recognisers = content.result, content.recognisers
    with write_folder_atomically(folder) as work:
        write_csv(work / FRAMES, result.frames, float_format=DIGITS)
        write_csv(work / INTERVALS, interval_table([result], recognisers), float_format=DIGITS)
        for one in result.intervals:
            picture = strip(one)
            if picture is not None:
                write_image(work / STRIPS / f"interval_{one.number:03}.png", picture)
        write_video_page(work / PAGE, result, recognisers, provenance_rows(content.asked, content.environment))
        if annotate is not None:
            write_annotated(work / ANNOTATED, annotate, result)
        record = {
            "format": FORMAT,
            "asked": content.asked,
            "status": result.status,
            "frames": result.count,
            "seconds": result.seconds,
            "faces": result.faces,
            "notes": list(result.notes),
            "intervals": [_plain(one, result.name) for one in result.intervals],
            "cards": {one.source: one.network.card for one in recognisers},
            "environment": content.environment,
        }
        write_json(work / PREDICTION, finite(record))


def _plain(one: FoundInterval, video: str) -> dict[str, Any]:
    """Return an interval as plain values, with all that its answer says."""
    row = one.row(video)
    answer = one.answer
    if answer is None:
        return {**row, "answer": None}
    return {
        **{key: value for key, value in row.items() if key in _WHEN},
        "answer": {
            "emotion": answer.emotion,
            "emotions": dict(answer.emotions),
            "units": {unit_column(name): value for name, value in answer.units.items()},
            "present": [unit_column(name) for name in answer.present],
            "uncertain": answer.uncertain,
            "emotion_by_units": answer.emotion_by_units,
            "objective_class": answer.objective_class,
            "agrees": answer.agrees,
            "agreement": answer.agreement,
            "disagreement": {unit_column(name): value for name, value in answer.disagreement.items()},
            "evidence": answer.evidence.round(4).tolist(),
        },
    }


_WHEN = (
    *("interval", "face_id", "onset", "apex", "offset", "onset_time", "apex_time", "offset_time", "kind"),
    *("strength", "threshold", "region", "source", "flags"),
)


def finite(value: Any) -> Any:
    """Return plain values with None in place of numbers that JSON does not have, and of missing values."""
    if isinstance(value, Mapping):
        return {str(key): finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(one) for one in value]
    plain = value.item() if hasattr(value, "item") else value
    return None if plain is pd.NA or (isinstance(plain, float) and not math.isfinite(plain)) else plain


def provenance_rows(asked: Mapping[str, Any], environment: Mapping[str, Any]) -> dict[str, str]:
    """Return name and value of what the answers depend on, for people."""
    git = environment.get("git")
    changed = ", with uncommitted changes" if git and git["dirty"] else ""
    return {
        "video": asked["source"]["path"],
        "bytes": f"{asked['source']['bytes']:,}",
        **{key: str(value) for key, value in asked["options"].items()},
        **{f"network {name}": value for name, value in asked["networks"].items()},
        "code": f"{git['commit']}{changed}" if git else "an installed package, not a checkout",
        "machine": environment["platform"],
        "Python": environment["python"],
        **{name: str(value) for name, value in environment["versions"].items() if value},
    }
