"""Draw what an interval looks like: the face at onset, apex and offset, how the skin moved, what the answer rests on.

Contract: pictures are uint8 (S, S, 3), red first, of one part of the face (`aligned_motion.VIEW`), so a place in one is
the same skin in the others.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

import cv2
import numpy as np

from mer.evaluation.report.input_images import OPACITY, TINT
from mer.inputs.frames.image_files import to_grey
from mer.video.faces.aligned_motion import VIEW, view_crop
from mer.video.results import FoundInterval

#: Side of a picture, pixels: cells of motion maps and of evidence have 6 and 12 of them.
SIDE = 168
#: Arrows a side, and the length in pixels of the one that is longer than 98% of the others.
ARROWS, LONGEST = 14, 14.0
#: Arrows shorter than this share of the longest are left out.
SHORT = 0.2
#: Colour of arrows.
BLUE = (20, 90, 200)
#: Height of the line of words above a picture of a strip, space between pictures, pixels.
WORDS, SPACE = 18, 6


def face_picture(pixels: np.ndarray, to_pixels: np.ndarray) -> np.ndarray:
    """Return the part of a frame (H, W, 3) uint8 in which motion is measured."""
    return np.ascontiguousarray(view_crop(pixels, to_pixels, VIEW, SIDE))


def tiles(one: FoundInterval) -> Mapping[str, np.ndarray]:
    """Return the pictures of an interval by their names, as many as there are."""
    shown = {name: getattr(one.pictures, name) for name in ("onset", "apex", "offset")}
    found = {name: picture for name, picture in shown.items() if picture is not None}
    if one.answer is not None and "apex" in found:
        ground = _pale(found["apex"])
        found["motion"] = arrows(ground, one.answer.motion)
        found["evidence"] = evidence_tint(ground, one.answer.evidence)
    return found


def _pale(picture: np.ndarray) -> np.ndarray:
    """Return the picture in light grey, for drawing on it."""
    grey = np.rint(120 + 0.5 * to_grey(picture)).clip(0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def arrows(ground: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """Return the ground with arrows of a motion (2 or more, H, W): u to the right, v down; the longest: `LONGEST`."""
    u, v = (cv2.resize(part.astype(np.float32), (ARROWS, ARROWS), interpolation=cv2.INTER_AREA) for part in motion[:2])
    length = np.hypot(u, v)
    reach = max(float(np.percentile(length, 98)), 1e-9)
    drawn, cell = ground.copy(), len(ground) / ARROWS
    for row, column in zip(*np.nonzero(length > SHORT * reach), strict=True):
        start = np.array([(column + 0.5) * cell, (row + 0.5) * cell])
        way = np.array([u[row, column], v[row, column]]) / max(reach, length[row, column]) * LONGEST
        ends = [tuple(int(value) for value in np.rint(16 * place)) for place in (start, start + way)]
        cv2.arrowedLine(drawn, ends[0], ends[1], BLUE, 1, cv2.LINE_AA, 4, 0.35)
    return drawn


def evidence_tint(ground: np.ndarray, evidence: np.ndarray) -> np.ndarray:
    """Return the ground with orange where motion speaks for the answer, strongest where it speaks most."""
    share = np.maximum(evidence, 0)
    share = OPACITY * share / max(float(share.max()), 1e-9)
    share = cv2.resize(share.astype(np.float32), ground.shape[1::-1], interpolation=cv2.INTER_LINEAR)[..., None]
    return np.rint((1 - share) * ground + share * TINT).clip(0, 255).astype(np.uint8)


def strip(one: FoundInterval) -> np.ndarray | None:
    """Return the pictures of an interval side by side with a word above each; None where there is none."""
    found = tiles(one)
    if not found:
        return None
    frames = {name: f"{name} {getattr(one.interval, name)}" for name in ("onset", "apex", "offset")}
    columns = []
    for name, picture in found.items():
        top = np.full((WORDS, SIDE, 3), 255, dtype=np.uint8)
        cv2.putText(top, frames.get(name, name), (2, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (40, 40, 40), 1, cv2.LINE_AA)
        columns += [np.vstack([top, picture]), np.full((WORDS + SIDE, SPACE, 3), 255, dtype=np.uint8)]
    return np.hstack(columns[:-1])


def jpeg_uri(picture: np.ndarray) -> str:
    """Return a picture as a JPEG `data:` address, a fifth of the bytes of a PNG."""
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 88])
    return f"data:image/jpeg;base64,{base64.b64encode(encoded.tobytes()).decode('ascii')}"
