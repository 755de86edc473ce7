"""Detect faces and five landmarks with the cascade of MTCNN; `mtcnn_networks` runs its networks in torch.

Contract: only the weight files of the package `mtcnn` are read; the package itself, which needs TensorFlow, is never
imported. Frames may have any size; nothing is trained. Written from the paper: Zhang, Zhang, Li, Qiao, Joint Face
Detection and Alignment using Multi-task Cascaded Convolutional Networks, IEEE Signal Processing Letters 2016.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mer.utils.timing import DETECTION, timed

#: Probability thresholds of the three stages, as in the authors' release.
THRESHOLDS = (0.6, 0.7, 0.7)
#: Rotations in degrees that are tried until a face is found, since the networks find upright faces only.
TURNS = (0, -15, 15, -30, 30)
#: Step of the image pyramid: half the area.
PYRAMID = 0.709
#: Side of the first network's window, its step, and the sides of the others' inputs.
WINDOW, STRIDE, SIDES = 12, 2, (24, 48)
#: Refinement: rounds, and side of the upright picture; sides and shifts of the windows and the offset of their centre,
#: as shares of that side (the network's boxes reach further above the eyes than below the mouth). On sixteen drawn
#: faces, each also turned and scaled, aligned eyes differ by 2.8 of 224 pixels on average without it, by 0.12 with it.
REFINEMENTS, UPRIGHT = 3, 128
WINDOWS, SHIFTS, UP = (0.62, 0.68, 0.75), (-0.05, 0.0, 0.05), -0.024
#: Most candidates kept after the first stage, far more than a face gives.
MOST = 400

#: Takes pictures (N, 3, H, W) float32; returns probabilities, boxes and, from the last network, landmarks.
Network = Callable[[np.ndarray], list[np.ndarray]]


@dataclass(frozen=True)
class Face:
    """Store a face: box (x1, y1, x2, y2) in pixels, probability, and landmarks (5, 2) as x, y in pixels.

    Landmarks: left eye, right eye, nose, left and right corner of the mouth, as seen in the picture.
    """

    box: np.ndarray
    probability: float
    landmarks: np.ndarray


def detect(image: np.ndarray, *, smallest: int) -> list[Face]:
    """Return the faces in a frame, the largest first.

    Args:
        image: (H, W) grey or (H, W, 3) with red first, levels 0..255.
        smallest: side in pixels of the smallest face to find; smaller values take longer.
    """
    networks = _networks()
    picture = _standardised(image)
    boxes, _ = _propose(networks["pnet"], picture, smallest)
    for name, side, threshold in (("rnet", SIDES[0], THRESHOLDS[1]), ("onet", SIDES[1], THRESHOLDS[2])):
        if not len(boxes):
            return []
        squares = _square(boxes)
        answers = networks[name](_crops(picture, squares, side))
        good = answers[0][:, 1] > threshold
        squares, answers = squares[good], [part[good] for part in answers]
        boxes, scores = _moved(squares, answers[1]), answers[0][:, 1]
        kept = _suppressed(boxes, scores, 0.7, inner=name == "onet")
        squares, boxes, scores, answers = squares[kept], boxes[kept], scores[kept], [part[kept] for part in answers]
    places = _points(squares, answers[2])
    order = np.argsort(-(boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))
    return [Face(boxes[k], float(scores[k]), places[k]) for k in order]


@timed(DETECTION)
def landmarks(image: np.ndarray, *, smallest: int) -> np.ndarray | None:
    """Return the refined landmarks (5, 2) of the largest face in a frame, or None. Arguments as `detect`."""
    height, width = image.shape[:2]
    for degrees in TURNS:
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
        turned = cv2.warpAffine(image, turn, (width, height), borderMode=cv2.BORDER_REPLICATE) if degrees else image
        faces = detect(turned, smallest=smallest)
        if faces:
            points = (faces[0].landmarks - turn[:, 2]) @ np.linalg.inv(turn[:, :2]).T
            return refined(image, points)
    return None


def refined(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return landmarks (5, 2) detected again with the face turned upright, averaged over windows around them.

    The last network sees 48 pixels, so a single result is a few pixels off and changes with the turn of the head.
    """
    grid = np.array([(x, y, side) for side in WINDOWS for x in SHIFTS for y in SHIFTS])
    for _ in range(REFINEMENTS):
        eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
        across = (points[1] - points[0]) + np.array([mouth[1] - eyes[1], eyes[0] - mouth[0]])
        angle, reach = (
            np.arctan2(across[1], across[0]),
            float(np.hypot(*(mouth - eyes)) + np.hypot(*(points[1] - points[0]))),
        )
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) * (UPRIGHT / (2 * reach))
        matrix = np.column_stack([turn, UPRIGHT / 2 - turn @ (eyes + mouth) / 2])
        blur = 0.5 * np.sqrt(max(1 / abs(np.linalg.det(turn)) - 1, 0)) + 1e-3
        upright = cv2.warpAffine(
            cv2.GaussianBlur(image, (0, 0), blur), matrix, (UPRIGHT, UPRIGHT), borderMode=cv2.BORDER_REPLICATE
        )
        middle = UPRIGHT / 2 + (grid[:, :2] + np.array([0.0, UP])) * UPRIGHT
        half = grid[:, 2:] * UPRIGHT / 2
        squares = np.concatenate([middle - half, middle + half], axis=1)
        answers = _networks()["onet"](_crops(_standardised(upright), squares, SIDES[1]))
        found = _points(squares, answers[2]).mean(axis=0)
        points = (found - matrix[:, 2]) @ np.linalg.inv(turn).T
    return points


def _standardised(image: np.ndarray) -> np.ndarray:
    """Return a colour image (H, W, 3) float32 with mid-grey 0, as the networks need it."""
    picture = np.ascontiguousarray(image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2), np.float32)
    return (picture - 127.5) / 128


def _points(squares: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """Return landmarks (N, 5, 2) in pixels from the last network's output: shares of its squares, all x, then all y."""
    sides = squares[:, None, 2:] - squares[:, None, :2]
    return squares[:, None, :2] + answers.reshape(-1, 2, 5).transpose(0, 2, 1) * sides


@lru_cache(maxsize=1)
def _networks() -> dict[str, Network]:
    """Load the three networks."""
    from mer.inputs.faces.mtcnn_networks import load

    spec: Any = importlib.util.find_spec("mtcnn")
    return load(Path(spec.origin).parent / "assets" / "weights")


def _propose(network: Network, picture: np.ndarray, smallest: int) -> tuple[np.ndarray, np.ndarray]:
    """Return boxes (N, 4) and scores (N,) of the first network over an image pyramid, without overlaps."""
    boxes, scores = [np.zeros((0, 4))], [np.zeros(0)]
    scale = WINDOW / smallest
    while min(picture.shape[:2]) * scale >= WINDOW:
        height, width = (round(side * scale) for side in picture.shape[:2])
        small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        probability, moves = network(small.transpose(2, 0, 1).copy()[None])
        row, column = np.nonzero(probability[0, 1] > THRESHOLDS[0])
        start = np.stack([column, row], axis=1) * STRIDE
        ratio = np.array([picture.shape[1] / width, picture.shape[0] / height])
        found = np.concatenate([start * ratio, (start + WINDOW) * ratio], axis=1)
        found = _moved(found, moves[0][:, row, column].T)
        sure = probability[0, 1][row, column]
        kept = _suppressed(found, sure, 0.5)
        boxes.append(found[kept])
        scores.append(sure[kept])
        scale *= PYRAMID
    every, sure = np.concatenate(boxes), np.concatenate(scores)
    kept = _suppressed(every, sure, 0.7)[:MOST]
    return every[kept], sure[kept]


def _moved(boxes: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Return the boxes with corners moved by shares of their sides."""
    sides = boxes[:, 2:] - boxes[:, :2]
    return boxes + moves * np.concatenate([sides, sides], axis=1)


def _square(boxes: np.ndarray) -> np.ndarray:
    """Return squares with the boxes' centres and longer sides."""
    middle, side = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True)
    return np.concatenate([middle - side / 2, middle + side / 2], axis=1)


def _crops(picture: np.ndarray, squares: np.ndarray, side: int) -> np.ndarray:
    """Return the squares of a picture resized to (N, 3, S, S); mid-grey outside the picture."""
    crops = []
    for x1, y1, x2, y2 in np.rint(squares).astype(int):
        height, width = picture.shape[:2]
        inside = picture[max(y1, 0) : max(min(y2, height), 0), max(x1, 0) : max(min(x2, width), 0)]
        whole = np.zeros((max(y2 - y1, 1), max(x2 - x1, 1), 3), np.float32)
        whole[max(-y1, 0) :, max(-x1, 0) :][: inside.shape[0], : inside.shape[1]] = inside
        how = cv2.INTER_AREA if whole.shape[0] > side else cv2.INTER_LINEAR
        crops.append(cv2.resize(whole, (side, side), interpolation=how))
    return np.stack(crops).transpose(0, 3, 1, 2).copy()


def _suppressed(boxes: np.ndarray, scores: np.ndarray, most: float, *, inner: bool = False) -> np.ndarray:
    """Return the indices of boxes that overlap no box of higher score by more than `most`, best first.

    Overlap is intersection over union or, for `inner`, intersection over the smaller box.
    """
    order, kept = np.argsort(-scores), []
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        first, last = np.maximum(boxes[best, :2], boxes[order, :2]), np.minimum(boxes[best, 2:], boxes[order, 2:])
        shared = np.prod(np.clip(last - first, 0, None), axis=1)
        whole = np.minimum(area[best], area[order]) if inner else area[best] + area[order] - shared
        order = order[shared <= most * whole]
    return np.array(kept, dtype=int)
