"""Measure the accuracy of flow, head motion, apex and faces on known motion: `mer benchmark flow|head|apex|faces`.

Contract: prints one table; everything is drawn from the seeds in the command, so that the same command gives the same
errors (times differ). Drawn clips are no recordings: the figures compare methods, they promise nothing on real faces.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from mer.config import SyntheticData
from mer.data.synthetic.clip_design import design_clips
from mer.data.synthetic.clip_rendering import VIEW, ClipSpec, Pose, ground_truth, render_frame
from mer.inputs.apex.spotters import SPOTTERS
from mer.inputs.faces import mtcnn
from mer.inputs.faces.alignment import alignment
from mer.inputs.flow.dense_flow import METHODS, dense_flow
from mer.inputs.flow.head_motion import central_mask
from mer.inputs.frames.image_files import resize
from mer.utils.optical_strain import strain

#: Shifts in pixels, of parts of a pixel to several.
SHIFTS = ((0.1, 0.0), (0.4, -0.2), (-0.7, 0.5), (1.3, 0.6), (-2.5, 1.5), (4.0, -3.0))
#: Head motion from onset to apex in `head`: shift in pupil distances / 2, turn in radians, growth.
DRIFT = 0.04
#: Side of the map of strain that is compared with the truth.
MAP = 28

Rows = Iterator[tuple[str, ...]]


def flow(clips: int, seed: int, size: int) -> Rows:
    """Yield the mean end-point error in pixels on shifted noise and drawn clips, correlation of strain, and time."""
    yield "flow", "shifted noise", "drawn clips", "strain, correlation", "ms a pair"
    pairs = [(shifted(np.random.default_rng(seed), size, by), by) for by in SHIFTS]
    drawn = [(*_key_frames(spec), ground_truth(spec).flow) for spec in _specs(clips, seed, size)]
    face, small_face = central_mask((size, size)), central_mask((MAP, MAP))
    for name, method in {"none (zero motion)": _zero, **METHODS}.items():
        start = time.perf_counter()
        plain = [_error(method(*frames), np.array(by)[:, None, None], face) for frames, by in pairs]
        fields = [(method(onset, apex), known) for onset, apex, known in drawn]
        spent = (time.perf_counter() - start) / (len(pairs) + len(drawn))
        likeness = [
            np.corrcoef(*(_strain(part)[small_face] for part in pair))[0, 1] for pair in fields if pair[0].any()
        ]
        errors = [_error(field, known, face) for field, known in fields]
        shown = f"{np.median(likeness):.2f}" if likeness else "-"
        yield name, f"{np.mean(plain):.3f}", f"{np.mean(errors):.3f}", shown, f"{1000 * spent:.0f}"


def head(clips: int, seed: int, size: int) -> Rows:
    """Yield the mean strain outside the expression in clips with head motion, before and after its removal."""
    yield "flow", "head motion left in", "taken out", "ratio", "head at rest"
    specs = [_drifting(spec, number) for number, spec in enumerate(_specs(clips, seed, size))]
    still = [replace(spec, drift=Pose()) for spec in specs]
    for name in METHODS:
        left, taken = (
            np.mean([_strain_elsewhere(spec, name, stabilise) for spec in specs]) for stabilise in (False, True)
        )
        rest = np.mean([_strain_elsewhere(spec, name, stabilise=False) for spec in still])
        yield name, f"{left:.4f}", f"{taken:.4f}", f"{left / taken:.1f}", f"{rest:.4f}"


def apex(clips: int, seed: int, size: int) -> Rows:
    """Yield the error of the apex in frames."""
    yield "apex", "mean error, frames", "median", "s a clip"
    errors: dict[str, list[int]] = {name: [] for name in SPOTTERS}
    spent = dict.fromkeys(SPOTTERS, 0.0)
    for spec in _specs(clips, seed, size):
        frames = np.stack([render_frame(spec, frame) for frame in range(spec.onset, spec.offset + 1)])
        for name, spot in SPOTTERS.items():
            start = time.perf_counter()
            errors[name].append(abs(spot(frames.astype(np.float32)) - (spec.apex - spec.onset)))
            spent[name] += time.perf_counter() - start
    for name, found in errors.items():
        yield name, f"{np.mean(found):.2f}", f"{np.median(found):.1f}", f"{spent[name] / clips:.2f}"


def faces(clips: int, seed: int, size: int) -> Rows:
    """Yield the distance of the eyes between crops of a face and of the same face turned and scaled, pixels of 224."""
    yield "faces", "missed", "eyes apart, mean", "90%", "largest", "ms a frame"
    rng = np.random.default_rng(seed)
    apart, missed, spent = [], 0, 0.0
    for spec in _specs(clips, seed, size):
        places = []
        for degrees, scale in ((0.0, 1.0), (rng.uniform(-20, 20), rng.uniform(0.7, 1.4))):
            picture, eyes = placed(spec, degrees, scale)
            start = time.perf_counter()
            points = mtcnn.landmarks(picture, smallest=60)
            spent += time.perf_counter() - start
            if points is not None:
                matrix = alignment(points, 224)
                places.append(matrix[:, :2] @ eyes + matrix[:, 2:])
        missed += 2 - len(places)
        if len(places) == 2:
            apart.append(float(np.hypot(*(places[0] - places[1])).max()))
    shown = [f"{value:.2f}" for value in (np.mean(apart), np.quantile(apart, 0.9), np.max(apart))]
    yield "mtcnn", f"{missed} of {2 * clips}", *shown, f"{500 * spent / clips:.0f}"


def shifted(rng: np.random.Generator, size: int, by: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Return two pictures (S, S) of waves, the second shifted by `by` pixels to the right and down."""
    y, x = np.mgrid[:size, :size].astype(np.float32)
    pictures = [np.full((size, size), 128, np.float32), np.full((size, size), 128, np.float32)]
    for _ in range(60):
        length, angle, phase = rng.uniform(6, 40), rng.uniform(0, 2 * np.pi), rng.uniform(0, 2 * np.pi)
        for picture, (right, down) in zip(pictures, ((0.0, 0.0), by), strict=True):
            along = (x - right) * np.cos(angle) + (y - down) * np.sin(angle)
            picture += 12 * np.sin(2 * np.pi * along / length + phase)
    return np.clip(np.rint(pictures[0]), 0, 255), np.clip(np.rint(pictures[1]), 0, 255)


def placed(spec: ClipSpec, degrees: float, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the onset frame turned and scaled in 640 x 480 pixels, and its pupils (2, 2) as x, y."""
    eyes = np.array(VIEW.pixels(spec.pose_at(spec.onset).forward(np.array([[-0.5, 0.5], [0.0, 0.0]])), spec.size))
    turn = cv2.getRotationMatrix2D((spec.size / 2, spec.size / 2), degrees, scale)
    turn[:, 2] += np.array([320 - spec.size / 2, 240 - spec.size / 2])
    picture = cv2.warpAffine(render_frame(spec, spec.onset), turn, (640, 480), borderMode=cv2.BORDER_REPLICATE)
    return picture, turn[:, :2] @ eyes + turn[:, 2:]


def _specs(clips: int, seed: int, size: int) -> list[ClipSpec]:
    data = SyntheticData(name="synthetic", subjects=min(12, max(clips, 2)), clips=max(clips, 6), seed=seed, size=size)
    return design_clips(data)[:clips]


def _key_frames(spec: ClipSpec) -> tuple[np.ndarray, np.ndarray]:
    return render_frame(spec, spec.onset).astype(np.float32), render_frame(spec, spec.apex).astype(np.float32)


def _zero(onset: np.ndarray, apex: np.ndarray) -> np.ndarray:
    return np.zeros((2, *onset.shape), np.float32)


def _error(field: np.ndarray, known: np.ndarray, where: np.ndarray) -> float:
    return float(np.hypot(*(field - known))[where].mean())


def _strain(field: np.ndarray) -> np.ndarray:
    return strain(np.stack([resize(np.ascontiguousarray(part, dtype=np.float32), MAP) for part in field]))


def _drifting(spec: ClipSpec, number: int) -> ClipSpec:
    """Return the clip with a head that moves by `DRIFT` from onset to apex, in random directions."""
    signs = np.random.default_rng(number).choice([-1.0, 1.0], 4) * DRIFT * 100 / (spec.apex - spec.onset)
    return replace(spec, drift=Pose(signs[0], signs[1], signs[2], 1 + signs[3]), irrelevant=())


def _strain_elsewhere(spec: ClipSpec, method: str, stabilise: bool) -> float:
    onset, apex = _key_frames(spec)
    moving = cv2.dilate(ground_truth(spec).mask.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    field = dense_flow(onset, apex, method=method, stabilise=stabilise)
    return float(strain(field)[central_mask(onset.shape) & ~moving].mean())


MEASUREMENTS: dict[str, Callable[[int, int, int], Rows]] = {"flow": flow, "head": head, "apex": apex, "faces": faces}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the drawn clips and the threads."""
    parser.add_argument("--clips", type=int, default=20, help="drawn clips (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the drawing (default %(default)s)")
    parser.add_argument("--size", type=int, help="side of the frames; default 128, faces 240")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default %(default)s)")


def run(given: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Print the table of the measurement that `given.what` names."""
    if given.clips < 1 or given.threads < 1 or (given.size is not None and given.size < 64):
        parser.error("expected --clips and --threads 1 or more, --size 64 or more")
    torch.set_num_threads(given.threads)
    cv2.setNumThreads(given.threads)
    rows = MEASUREMENTS[given.what](given.clips, given.seed, given.size or (240 if given.what == "faces" else 128))
    shown = Table(*next(rows), title=f"{given.clips} drawn clips, seed {given.seed} (synthetic)")
    for row in rows:
        shown.add_row(*row)
    Console().print(shown)
