"""Drawn faces in large frames before one background: what a camera delivers before anybody crops.

Contract: a person's face stands at one place and in one size in all frames of all clips; the background is the same
for all people, but for the noise of the camera, which is another in every frame.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np

from mer.data.synthetic.layouts.writing import LayoutClip
from mer.utils.seeding import seed_from

#: Side of the pasted drawing as a share of the frame's height, and by how much it differs from person to person.
SIDE, SPREAD = 0.4, 0.1
#: Where its middle lies, as shares of width and height.
ACROSS, DOWN = (0.3, 0.7), (0.35, 0.65)
#: Share of the drawing over which its border fades into the background: narrow, so that hair, ears and neck, which
#: move with the head, stay around the face.
FADE = 0.05
#: Grey levels of the camera's noise.
NOISE = 2.0


def in_scene(clip: LayoutClip, frame: tuple[int, int], seed: int) -> LayoutClip:
    """Return the clip with frames of this width and height, in which its drawn frames are a small part."""
    rng = np.random.default_rng(seed_from(seed, "scene", str(clip.subject)))
    width, height = frame
    side = round(SIDE * height * rng.uniform(1 - SPREAD, 1 + SPREAD))
    corner = round(rng.uniform(*ACROSS) * width - side / 2), round(rng.uniform(*DOWN) * height - side / 2)
    return replace(clip, frames=lambda number: paste(clip.frames(number), frame, corner, side, seed, number))


def paste(
    drawing: np.ndarray, frame: tuple[int, int], corner: tuple[int, int], side: int, seed: int, number: int
) -> np.ndarray:
    """Return the frame uint8 (H, W[, 3]) with the drawing, `side` pixels high, at `corner` (x, y)."""
    behind, noise = _background(frame, seed)
    rng = np.random.default_rng(seed_from(seed, "camera", str(number)))
    whole = behind + np.roll(noise, rng.integers(0, noise.shape), axis=(0, 1))
    if drawing.ndim == 3:
        whole = np.repeat(whole[..., None], 3, axis=2)
    face = cv2.resize(drawing, (side, side), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    ramp = np.clip((0.5 - np.abs((np.arange(side) + 0.5) / side - 0.5)) / FADE, 0, 1).astype(np.float32)
    share = np.outer(ramp, ramp)
    share = share[..., None] if drawing.ndim == 3 else share
    x, y = corner
    part = whole[y : y + side, x : x + side]
    part += share * (face - part)
    return np.clip(np.rint(whole), 0, 255).astype(np.uint8)


@lru_cache(maxsize=2)
def _background(frame: tuple[int, int], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Background with broad and fine structure, and noise of one frame: float32 (H, W) each."""
    rng = np.random.default_rng(seed_from(seed, "background"))
    broad = cv2.resize(rng.uniform(60, 150, (9, 16)).astype(np.float32), frame, interpolation=cv2.INTER_CUBIC)
    fine = rng.normal(0, 4, frame[::-1])
    return (broad + fine).astype(np.float32), rng.normal(0, NOISE, frame[::-1]).astype(np.float32)
