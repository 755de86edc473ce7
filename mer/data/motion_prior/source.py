"""Load the motion prior, labelled motion maps drawn from action units: `load` gives the samples, `pixels` the maps.

There are no files and no recorded faces. Contract: map i depends only on the configuration, the side of the map and i,
not on the number of maps or processes. Two families of maps alternate, smooth flow (`smooth_maps`) and flow with total
variation (`total_variation_maps`), since the method behind measured maps is often unknown.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields, replace
from typing import Any, TypeVar

import cv2
import numpy as np
import pandas as pd

from mer.config import MotionPriorData
from mer.config_check import limit_errors
from mer.data import facs
from mer.data.motion_prior import smooth_maps, total_variation_maps
from mer.data.samples.table import SampleTable
from mer.data.synthetic.profiles import PROFILES
from mer.provenance import available_cores
from mer.utils.processes import without_main

#: Version of the drawing; raise it with every change of a value. It is the clip of every map in the table, so the
#: table's hash, and every stage trained on the maps, depends on it.
DRAWING = 2

#: Lowest and highest strength of an expression; below .3 the errors of flow exceed a unit's motion.
STRENGTH = (0.3, 1.0)

#: Expected irrelevant units per map. There are half as many blinks as maps, as in half a second to a second of people
#: at rest.
IRRELEVANT = 0.8

#: Maps that one process draws at a time; for fewer maps no process is started.
CHUNK = 500

Units = tuple[facs.Activation, ...]

#: Crops of laboratories (`data.crops`): lowest and highest share of the height above the pupils, of the width that the
#: face fills, and of height over width in face units (maps of other crops are stretched to squares).
PUPILS, FILL, STRETCH = (0.25, 0.45), (0.6, 1.0), (1.0, 1.4)

#: Columns of the sample table that stay empty without files.
_FRAMES = ("onset", "apex", "offset")
_TEXTS = ("apex_source", "onset_path", "apex_path", "offset_path", "folder")

#: Part of the drawing -> fields of `SmoothNoise` and `MeasurementNoise` that are 0 without it. `irrelevant` are units
#: unrelated to the emotion, mostly blinks.
PARTS: dict[str, tuple[str, ...]] = {
    "faces": ("variety", "anatomy"),
    "crops": ("crop", "turn", "warp"),
    "head": ("shift", "affine", "parallax"),
    "errors": ("noise", "fading", "fade", "grain"),
    "outliers": ("patches", "spots", "hair", "background"),
    "flatness": ("flat", "dead", "terrace"),
    "irrelevant": (),
}

Settings = TypeVar("Settings", smooth_maps.SmoothNoise, total_variation_maps.MeasurementNoise)


def _smooth(
    units: Units,
    size: int,
    rng: np.random.Generator,
    without: Sequence[str] = (),
    view: facs.View = smooth_maps.CROP,
) -> smooth_maps.Map:
    return smooth_maps.motion_map(units, size, rng, view=view, disturbance=_less(smooth_maps.SmoothNoise(), without))


def _variational(
    units: Units,
    size: int,
    rng: np.random.Generator,
    without: Sequence[str] = (),
    view: facs.View = total_variation_maps.CROP,
) -> smooth_maps.Map:
    return total_variation_maps.variational_map(
        units, size, rng, view=view, how=_less(total_variation_maps.MeasurementNoise(), without)
    )


def _less(settings: Settings, without: Sequence[str]) -> Settings:
    """Return the settings with the fields of the parts in `without` set to 0."""
    off = {name for part in without for name in PARTS[part]}
    values = {each.name: getattr(settings, each.name) for each in fields(settings) if each.name in off}
    zeros: dict[str, Any] = {
        name: (0.0,) * len(value) if isinstance(value, tuple) else 0.0 for name, value in values.items()
    }
    return replace(settings, **zeros)


#: Family -> function that draws a map from activations, side, generator and the parts to leave out.
FAMILIES: dict[str, Callable[..., smooth_maps.Map]] = {"smooth": _smooth, "variational": _variational}


def config_errors(data: MotionPriorData) -> list[str]:
    """Return the errors in the configuration, one sentence per key."""
    found = limit_errors(data, "data", {"motion families": FAMILIES, "motion parts": PARTS})
    known = PROFILES.get(_profile(data))
    if known is None:
        found.append(f"data.labels: expected one of {', '.join(PROFILES)}, got {data.labels!r}")
    least = 20 * len(known.counts) if known else 1
    if 1 <= data.maps < least:
        found.append(f"data.maps: expected at least {least}, got {data.maps}: 20 a class")
    if not data.families:
        found.append(f"data.families: expected some of {', '.join(FAMILIES)}, got none")
    return found


def load(data: MotionPriorData) -> SampleTable:
    """Return the samples of the prior with label, emotion and action units of every map, before any is drawn."""
    classes = tuple(PROFILES[_profile(data)].counts)
    rows = []
    for index in range(data.maps):
        label, emotion, units = _label_and_units(data, index)
        face = f"{data.seed}-{index:07d}"  # another seed means other people
        rows.append((f"motion_prior/{face}", face, "+".join(facs.au_text(units)), emotion, label))
    note = (
        f"Motion drawn from action units (labels {_profile(data)}, seed {data.seed}), every map a face of its own; no "
        "person was recorded, and scores on these maps say nothing of scores on real faces."
    )
    frame = pd.DataFrame(rows, columns=["sample_id", "subject", "aus", "emotion", "label"])
    frame = frame.assign(
        dataset="motion_prior", clip=str(DRAWING), **dict.fromkeys(_FRAMES, pd.NA), **dict.fromkeys(_TEXTS, "")
    )
    return SampleTable(frame, classes, name="motion prior", notes=(note,), synthetic=True)


def pixels(data: MotionPriorData, table: SampleTable, size: int) -> np.ndarray:
    """Return the maps of the table's rows: u (right), v (down), strain, (N, 3, size, size) float32, integers 0..255.

    Every channel is stretched and rounded, as in image files of such maps, so the zero and the scale of motion are
    lost.
    """
    indices = [int(sample.rpartition("-")[2]) for sample in table.frame["sample_id"]]
    return draw_maps(data, size, indices=indices)


def draw_maps(
    data: MotionPriorData, size: int, *, indices: list[int] | None = None, processes: int | None = None
) -> np.ndarray:
    """Draw the maps `indices` (default: all), (N, 3, size, size) float32; `processes` None = one per core."""
    wanted = list(range(data.maps)) if indices is None else indices
    parts = [wanted[start : start + CHUNK] for start in range(0, len(wanted), CHUNK)]
    workers = min(len(parts), processes or available_cores())
    if workers <= 1:
        drawn = [_draw(data, size, part) for part in parts]
    else:
        pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
        try:
            with without_main():
                futures = [pool.submit(_draw, data, size, part) for part in parts]
            drawn = [future.result() for future in futures]
        finally:
            pool.shutdown(cancel_futures=True)  # an interrupted run waits for no map that nobody has begun
    return np.concatenate(drawn).astype(np.float32)


def _profile(data: MotionPriorData) -> str:
    """Return the name of the label set, a key of `PROFILES`."""
    return data.labels or "megc2019"


def _draw(data: MotionPriorData, size: int, indices: list[int]) -> np.ndarray:
    """Draw the maps of these indices, stretched to grey levels: (N, 3, size, size) uint8."""
    cv2.setNumThreads(1)  # each process uses one core
    maps = np.empty((len(indices), 3, size, size), dtype=np.uint8)
    for row, index in enumerate(indices):
        family = data.families[index % len(data.families)]
        units, rng = _label_and_units(data, index)[2], np.random.default_rng([data.seed, index, 1])
        own = {}
        if data.crops == "laboratories":
            own["view"] = laboratory_view(np.random.default_rng([data.seed, index, 2]))
        drawn = FAMILIES[family](units, size, rng, data.without, **own)
        low, high = drawn.min(axis=(1, 2), keepdims=True), drawn.max(axis=(1, 2), keepdims=True)
        maps[row] = np.rint((drawn - low) / np.maximum(high - low, 1e-9) * 255)
    return maps


def laboratory_view(rng: np.random.Generator) -> facs.View:
    """Draw the part of the face that another laboratory's crop shows."""
    width = 2 * facs.AVERAGE.face_width / rng.uniform(*FILL)
    height = width * rng.uniform(*STRETCH)
    return facs.View(0.0, height * (0.5 - rng.uniform(*PUPILS)), width, height)


def _label_and_units(data: MotionPriorData, index: int) -> tuple[str, str, Units]:
    """Return label, emotion and action units of map `index`."""
    profile = PROFILES[_profile(data)]
    rng = np.random.default_rng([data.seed, index, 0])
    shares = np.array(list(profile.counts.values()), dtype=float) ** (1 - data.evenness)
    # steps of the golden section fill 0..1 evenly, so every class has its share in any few hundred maps
    place = (0.5 + index * 0.6180339887498949) % 1.0
    label = list(profile.counts)[min(int(np.searchsorted(np.cumsum(shares / shares.sum()), place)), len(shares) - 1)]
    mixture = profile.emotions[label]
    weights = np.array(list(mixture.values()))
    emotion = list(mixture)[int(rng.choice(len(weights), p=weights / weights.sum()))]
    units = () if emotion == "neutral" else facs.sample_activations(emotion, rng, STRENGTH)
    expected = 0.0 if "irrelevant" in data.without else IRRELEVANT
    return label, emotion, units + facs.sample_irrelevant(rng, expected, taken=[unit.code for unit in units])
