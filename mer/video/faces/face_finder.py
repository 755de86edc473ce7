"""Find faces in single frames, upright or turned by quarters, and place them in face coordinates.

Contract: pure functions of one frame. Face coordinates are those of `mer.data.facs.geometry` (middle between the
pupils, unit = their distance), so what is drawn there and what is measured here lie at the same place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from mer.data.facs.geometry import AVERAGE
from mer.inputs.faces import mtcnn

#: Longest side at which faces are looked for; a larger frame is shrunk.
LONGEST = 640
#: Smallest face that is looked for, as a share of the shorter side of the frame.
SMALLEST = 0.1
#: Probability that a face needs: drawn faces have .8 and more; and one that is found only where the frame is turned,
#: less what is taken off there, since the detector knows upright faces best.
SURE, SURE_TURNED, TURNED_LESS = 0.75, 0.95, 0.1
#: Landmarks of the average face in face units: pupils, tip of the nose, corners of the mouth.
PLACES = np.array(
    [
        [-0.5, 0.0],
        [0.5, 0.0],
        [0.0, 0.85 * AVERAGE.nose_length],
        [-AVERAGE.mouth_width, AVERAGE.mouth_height],
        [AVERAGE.mouth_width, AVERAGE.mouth_height],
    ]
)


@dataclass(frozen=True)
class FoundFace:
    """A face in a frame: landmarks (5, 2) in pixels (x, y) as `mtcnn.Face`, and its probability."""

    landmarks: np.ndarray
    score: float


def find_faces(pixels: np.ndarray, *, quarters: Sequence[int] = (0,)) -> list[FoundFace]:
    """Return the faces in a frame (H, W, 3) uint8, the largest first.

    Args:
        pixels: the frame.
        quarters: turns of the frame, in quarters anticlockwise, that are searched; what is found by the best is taken.
    """
    scale = min(1.0, LONGEST / max(pixels.shape[:2]))
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else pixels
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the networks are so small that threads wait for each other much longer than they work
    try:
        ranked = [_search(small, turn, scale, SURE_TURNED if turn and len(quarters) > 1 else SURE) for turn in quarters]
    finally:
        torch.set_num_threads(threads)
    return max(ranked, key=lambda one: one[0])[1]


def _search(small: np.ndarray, turn: int, scale: float, sure: float) -> tuple[float, list[FoundFace]]:
    """Return the faces of a shrunk frame turned by quarters, at their place in the frame, and how good the best is."""
    picture = np.ascontiguousarray(np.rot90(small, turn))
    smallest = max(20, round(SMALLEST * min(picture.shape[:2])))
    faces = [face for face in mtcnn.detect(picture, smallest=smallest) if face.probability > sure]
    score = max((face.probability for face in faces), default=0.0) - (TURNED_LESS if turn else 0)
    return score, [_found(picture, face, turn, small.shape, scale) for face in faces]


def _found(picture: np.ndarray, face: mtcnn.Face, turn: int, shape: tuple[int, ...], scale: float) -> FoundFace:
    """Return a face of a turned and shrunk picture at its place in the frame."""
    landmarks = _turned_back(mtcnn.refined(picture, face.landmarks), turn, shape)
    return FoundFace((landmarks + 0.5) / scale - 0.5, face.probability)


def quarter_of(landmarks: np.ndarray) -> int:
    """Return by how many quarters anticlockwise a frame is turned for the face with these landmarks to be upright."""
    matrix = face_frame(landmarks)
    return round(np.arctan2(matrix[1, 0], matrix[0, 0]) / (np.pi / 2)) % 4


def _turned_back(points: np.ndarray, quarters: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return points of a picture that `numpy.rot90` turned by `quarters` in the picture of `shape` before."""
    height, width = shape[:2]
    x, y = points[:, 0], points[:, 1]
    turned = {0: (x, y), 1: (width - 1 - y, x), 2: (width - 1 - x, height - 1 - y), 3: (y, height - 1 - x)}
    return np.stack(turned[quarters], axis=1)


def face_frame(landmarks: np.ndarray) -> np.ndarray:
    """Return the similarity (2, 3) from face units to pixels that fits landmarks (5, 2) best, by least squares."""
    place, goal = PLACES @ [1, 1j], np.asarray(landmarks, dtype=float) @ [1, 1j]
    apart = place - place.mean()
    turn = (apart.conj() * (goal - goal.mean())).sum() / (np.abs(apart) ** 2).sum()
    shift = goal.mean() - turn * place.mean()
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
