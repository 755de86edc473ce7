"""Apex spotting: the frame of the strongest expression between an annotated onset and offset.

Contract: a spotter takes grey frames (T, H, W) from onset to offset, of a face that fills them, and gives the place
0..T-1 of the apex; it looks at one clip and no label. `spotted` puts the places into the table, marks their source
and says so in a note. `python -m mer.inputs.measure apex` scores all of them on drawn clips.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from mer.config import InputConfig
from mer.corpus.checks import raise_rows
from mer.corpus.clips_on_disk import frame_number
from mer.corpus.coded import ALL
from mer.corpus.samples import SampleTable
from mer.errors import SampleError
from mer.inputs import spans
from mer.inputs.flow import dis
from mer.inputs.frames import read_span
from mer.inputs.hashes import file_hashes
from mer.inputs.images import resize, to_grey
from mer.inputs.steady import middle, motion_of, similarity, steadied
from mer.inputs.store import Files, Step
from mer.provenance import digest, write_json

#: Raise when a spotter finds another frame in the same clip.
CODE_VERSION = 1
#: Side of the frames in which flow is measured, and of the grid on which change over time is judged.
SIDE, GRID = 128, 28
#: Where eyes are in a cropped face: middle and half axes as shares of the sides. Left out, for blinks and glances are
#: larger than expressions and none of them. Drawn clips: error 3.4 frames with the eyes, 2.4 without.
EYES, EYE_AXES = ((0.3, 0.31), (0.7, 0.31)), (0.17, 0.11)
#: Deviation in frames over which motion is smoothed in time.
SMOOTHING = 2.0
#: Least distance of the apex from both ends, frames.
MARGIN = 4
#: Shares of the way from onset to apex before motion begins: units of one expression do not start together.
DELAYS = (0.0, 0.15, 0.3)
#: Power of the share of its motion that a place must owe to the course of an expression to have a say, and power of
#: the evidence in the median over frames. Chosen with the values above on 80 drawn clips (seeds 501, 601): error 2.3
#: frames, 5.1 of the middle frame.
AGREEMENT, SHARPNESS = 16, 2

Spotter = Callable[[np.ndarray], int]


def halfway(frames: np.ndarray) -> int:
    """The frame in the middle, the usual stand-in: micro-expressions rise and fall in about the same time."""
    return (len(frames) - 1) // 2


def flow_course(frames: np.ndarray) -> int:
    """The apex by motion and by change of grey levels since onset, both without those of the head: `course_peak`."""
    small, face = _small(frames), middle((SIDE, SIDE))
    kept, fields, levels = skin(), [], []
    for frame in small:
        held = steadied(small[0], frame, dis, rounds=1)
        held *= small[0][face].mean() / max(float(held[face].mean()), 1e-6)  # lamps flicker
        field = dis(small[0], held)
        own = field - motion_of(similarity(field, face), field.shape[1:])
        fields.append([resize(channel.astype(np.float32), GRID)[kept] for channel in own])
        levels.append(_soft(held)[kept])
    motion = np.array(fields).reshape(len(frames), -1)
    return course_peak(motion, np.stack(levels))


def frame_difference(frames: np.ndarray) -> int:
    """The apex by change of grey levels against the line from the onset frame to the offset frame: search by halves.

    The half with the larger sum of change is searched on, until one frame is left. Sources: Yan et al., Quantifying
    micro-expressions with constraint local model and local binary pattern, ECCV workshops 2014, for change since onset;
    Liong et al., Automatic apex frame spotting in micro-expression database, ACPR 2015, for regions and the search.
    Cheap, but the head's motion counts.
    """
    levels = np.stack([_soft(frame)[skin()] for frame in _small(frames)])
    levels = gaussian_filter1d(levels, SMOOTHING, axis=0)
    line = np.linspace(0, 1, len(levels))[:, None]
    curve = np.abs(levels - (1 - line) * levels[0] - line * levels[-1]).mean(axis=1)
    return halves(curve - curve.min())


#: Spotter by `input.apex`; `annotated` takes the table's.
SPOTTERS: dict[str, Spotter] = {"middle": halfway, "flow": flow_course, "difference": frame_difference}


def course_peak(*kinds: np.ndarray) -> int:
    """Place of the apex in measurements over time, each (T, P) at P places: when a rise and fall explains them best.

    For each frame as apex, a course that rises from onset and falls to offset, as half waves of a cosine, is fitted to
    every place beside a linear drift; places count by what it explains, times the explained share to the power
    `AGREEMENT`, so that what moves at its own pace (lids, lips that swallow) is not heard. The evidence of the kinds is
    multiplied; the median over frames, weighted by it, is the apex. Ours.
    """
    evidence = np.prod([_evidence(values) for values in kinds], axis=0)
    if not evidence.max() > 0:
        return (len(evidence) - 1) // 2
    weights = np.cumsum((evidence / evidence.max()) ** SHARPNESS)
    return int(np.searchsorted(weights, weights[-1] / 2))


def _evidence(values: np.ndarray) -> np.ndarray:
    """How well each frame as apex explains measurements (T, P): (T,), at most 1."""
    count = len(values)
    margin = min(MARGIN, (count - 1) // 2)
    moved = _without_drift(gaussian_filter1d(values.astype(float), SMOOTHING, axis=0))
    total = (moved**2).sum(axis=0) + 1e-12
    evidence = np.zeros(count)
    for apex in range(margin, count - margin):
        found = np.zeros(values.shape[1])
        for delay in DELAYS:
            course = _without_drift(rise_and_fall(count, apex, delay)[:, None])
            # sums, for BLAS would wake all threads of a busy machine
            explained = (course * moved).sum(axis=0) ** 2 / max(float((course**2).sum()), 1e-12)
            found = np.maximum(found, explained * (explained / total) ** AGREEMENT)
        evidence[apex] = found.sum()
    return evidence / max(float(evidence.max()), 1e-12)


def rise_and_fall(count: int, apex: int, delay: float) -> np.ndarray:
    """Course (T,) from 0 at the first frame, later by `delay` of the way, to 1 at the apex and 0 at the last frame."""
    time = np.arange(count)
    start = delay * apex
    rise, fall = (time - start) / max(apex - start, 1e-9), (count - 1 - time) / max(count - 1 - apex, 1e-9)
    return 0.5 - 0.5 * np.cos(np.pi * np.clip(np.where(time <= apex, rise, fall), 0, 1))


def halves(curve: np.ndarray) -> int:
    """Place that a search by halves ends at: always into the half with the larger sum, the earlier one if equal."""
    first, end = 0, len(curve)
    while end - first > 1:
        half = (first + end + 1) // 2
        first, end = (first, half) if curve[first:half].sum() >= curve[half:end].sum() else (half, end)
    return first


def skin() -> np.ndarray:
    """What is judged of a cropped face: its middle without the eyes, bool (`GRID`, `GRID`)."""
    kept = middle((GRID, GRID))
    y, x = (np.mgrid[:GRID, :GRID] + 0.5) / GRID
    for eye in EYES:
        kept &= ((x - eye[0]) / EYE_AXES[0]) ** 2 + ((y - eye[1]) / EYE_AXES[1]) ** 2 >= 1
    return kept


def spotted(table: SampleTable, config: InputConfig, cache_dir: Path, *, progress: bool = False) -> SampleTable:
    """The table with apexes as `config.apex` asks for; itself where that is `annotated`.

    Args:
        table: the samples; clips whose apex is looked for need `folder`, onset and offset.
        config: `apex`, a key of `SPOTTERS`, and `apex_for`.
        cache_dir: what was found is kept in `apex/<key>.json` below it.
        progress: whether a bar is shown.

    Raises:
        SampleError: names every clip that cannot be searched.
    """
    if config.apex == "annotated":
        return table
    return with_apexes(table, config, step(table, config, cache_dir, progress=progress), progress=progress)


def step(table: SampleTable, config: InputConfig, cache_dir: Path, *, progress: bool = False) -> Step[str]:
    """How the apexes that are asked for come about; nothing is computed. Entries are paths of frames. As `spotted`."""
    cache = Path(cache_dir).expanduser()
    files = [_span(row) for row in _asked(table, config)]
    paths = [path for some in files if not isinstance(some, SampleError) for path in some]
    hashes = file_hashes(paths, cache, title=f"frames of {table.name}", progress=progress)

    def settings(place: int) -> dict[str, Any]:
        own = files[place]
        return {
            "files": None if isinstance(own, SampleError) else [hashes[path].hex()[:16] for path in own],
            "method": config.apex,
            "code": CODE_VERSION,
            "library": cv2.__version__,
        }

    entries = [cache / "apex" / f"{digest(settings(place))}.json" for place in range(len(files))]

    def make(place: int) -> str:
        own = files[place]
        assert not isinstance(own, SampleError)  # `Step` makes none of these
        found = SPOTTERS[config.apex](np.stack([to_grey(frame) for frame in read_span(own)]))
        write_json(entries[place], {**settings(place), "data": table.name, "frames": len(own), "place": found})
        return own[found]

    return Step(f"apexes of {table.name}", files, kept=lambda place: _kept(entries[place], files[place]), make=make)


def with_apexes(table: SampleTable, config: InputConfig, places: Step[str], *, progress: bool = False) -> SampleTable:
    """The table with the apexes of a step; errors as `spotted`."""
    bad, found = [], {}
    with places.results(progress=progress) as results:
        for row, result in zip(_asked(table, config), results, strict=True):
            if isinstance(result, SampleError):
                bad.append(f"{row['sample_id']}: {result}")
            else:
                found[row["sample_id"]] = Path(result)
    remedy = "Complete their folders, or set input.apex=annotated and data.missing_apex."
    raise_rows(bad, f"{table.name}: clips in which no apex can be looked for:", remedy, shown=ALL)
    frame = table.frame.copy()
    for index, sample in enumerate(frame["sample_id"]):
        if sample in found:
            frame.loc[index, "apex_path"] = str(found[sample])
            frame.loc[index, "apex"] = frame_number(found[sample].name)
            frame.loc[index, "apex_source"] = config.apex
    note = f"The apex was looked for (input.apex={config.apex}) in {len(found)} of {len(table)} clips."
    return replace(table, frame=frame, notes=(*table.notes, note))


def problems(config: InputConfig) -> list[str]:
    """What is wrong with the choice of the apex, one sentence a key."""
    found = []
    if config.apex not in ("annotated", *SPOTTERS):
        found.append(f"input.apex: expected one of annotated, {', '.join(SPOTTERS)}, got '{config.apex}'")
    if config.apex_for not in ("missing", "all"):
        found.append(f"input.apex_for: expected missing or all, got '{config.apex_for}'")
    return found


def _asked(table: SampleTable, config: InputConfig) -> list[dict[str, Any]]:
    """Rows whose apex is looked for."""
    rows: list[dict[str, Any]] = table.frame.to_dict("records")  # type: ignore[assignment]
    return [row for row in rows if config.apex_for == "all" or row["apex_source"] != "annotated"]


def _span(row: dict[str, str]) -> Files:
    try:
        return tuple(map(str, spans.between(row, "onset", "offset")))
    except SampleError as error:
        return error


def _kept(entry: Path, files: Files) -> str | None:
    """The frame that was found in a clip of these files, None where nothing is kept or the entry is damaged."""
    try:
        place = json.loads(entry.read_text(encoding="utf-8"))["place"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    if isinstance(files, SampleError) or not isinstance(place, int) or not 0 <= place < len(files):
        return None
    return files[place]


def _small(frames: np.ndarray) -> np.ndarray:
    return np.stack([resize(frame.astype(np.float32), SIDE) for frame in frames])


def _soft(frame: np.ndarray) -> np.ndarray:
    """Grey levels on the grid, smoothed against noise."""
    return resize(cv2.GaussianBlur(frame, (0, 0), 1.5), GRID)


def _without_drift(values: np.ndarray) -> np.ndarray:
    """Values (T, P) minus their first and a line through it that fits best: what creeps on is no expression."""
    moved = values - values[0]
    time = np.arange(len(values), dtype=float)[:, None]
    return moved - time * ((time * moved).sum(axis=0) / max(float((time**2).sum()), 1e-12))
