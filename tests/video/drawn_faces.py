"""Drawn faces put into scenes by a known similarity, and a finder that knows it."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from mer.config import SyntheticData
from mer.data.synthetic.clip_design import design_clips
from mer.data.synthetic.clip_rendering import VIEW, render_frame
from mer.video.faces.face_finder import PLACES, FoundFace

#: Side of the drawing, and (height, width) of scenes, pixels.
SIDE, SCENE = 240, (240, 320)


@lru_cache
def drawing(person: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a drawn face at rest (SIDE, SIDE) uint8, and its similarity from face units to pixels (2, 3)."""
    specs = design_clips(SyntheticData(name="synthetic", subjects=6, clips=12, seed=3, size=SIDE))
    spec = next(spec for spec in specs if spec.subject == person)
    pixels = VIEW.pixels(spec.pose_at(spec.onset).forward(np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])), SIDE)
    return render_frame(spec, spec.onset), np.column_stack([pixels[:, 1:] - pixels[:, :1], pixels[:, 0]])


def place(x: float, y: float, unit: float, angle: float = 0.0) -> np.ndarray:
    """Return the similarity (2, 3) that puts the middle between the pupils, `unit` pixels apart, at (x, y)."""
    c, s = unit * np.cos(angle), unit * np.sin(angle)
    return np.array([[c, -s, x], [s, c, y]])


def moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return np.asarray(points) @ matrix[:, :2].T + matrix[:, 2]


def scene(*faces: tuple[int, np.ndarray], background: int = 0) -> np.ndarray:
    """Return a grey scene uint8 with people at places (from face units to pixels) before a smooth background."""
    rng = np.random.default_rng(background)
    picture = cv2.resize(rng.uniform(60, 190, (6, 8)), SCENE[::-1], interpolation=cv2.INTER_CUBIC)
    for person, goal in faces:
        face, own = drawing(person)
        whole = np.vstack([goal, [0, 0, 1]]) @ np.linalg.inv(np.vstack([own, [0, 0, 1]]))
        y, x = np.mgrid[:SIDE, :SIDE] / (SIDE - 1) * 2 - 1
        cover = np.clip((1 - np.hypot(x, y)) * 6, 0, 1)
        shrink = float(np.hypot(*whole[:2, 0]))
        if shrink < 1:
            face = cv2.GaussianBlur(face, (0, 0), 0.5 / shrink)
        layer, cover = (cv2.warpAffine(part.astype(float), whole[:2], SCENE[::-1]) for part in (face, cover))
        picture = picture * (1 - cover) + layer * cover
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def noisy(picture: np.ndarray, seed: int, deviation: float = 2.0) -> np.ndarray:
    noise = deviation * np.random.default_rng(seed).standard_normal(picture.shape)
    return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)


def found(*places: np.ndarray) -> list[FoundFace]:
    """Return what a perfect detector finds of average faces at places."""
    return [FoundFace(moved(PLACES, one), 0.99) for one in places]
