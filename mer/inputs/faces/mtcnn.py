"""Face detection with five landmarks: the cascade of MTCNN around its networks, which `mtcnn_networks` runs in torch.

Contract: the weight files of the package `mtcnn` are read, the package itself (which needs TensorFlow) is never
imported. Faces are found in frames of any size; nothing is trained here. Written from the paper: Zhang, Zhang, Li,
Qiao, Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks, IEEE Signal Processing
Letters 2016.
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

from mer.errors import ConfigError
from mer.utils.timing import DETECTION, timed

#: Thresholds of the three stages as in the authors' release; the last is a face's probability.
THRESHOLDS = (0.6, 0.7, 0.7)
#: Turns in degrees that are tried, one after the other, until a face is found: the networks know upright ones.
TURNS = (0, -15, 15, -30, 30)
#: Step of the image pyramid: half the area.
PYRAMID = 0.709
#: Side of the first network's window, its step, and the sides of the others' inputs.
WINDOW, STRIDE, SIDES = 12, 2, (24, 48)
#: Refinement: rounds; side of the upright picture; sides of the windows, their shifts and that of their middle as
#: shares of it (the network's boxes reach higher above the eyes than below the mouth). Sixteen drawn faces, each also
#: turned and scaled: aligned eyes differ by 2.8 pixels of 224 in the mean without it, 0.12 with it.
REFINEMENTS, UPRIGHT = 3, 128
WINDOWS, SHIFTS, UP = (0.62, 0.68, 0.75), (-0.05, 0.0, 0.05), -0.024
#: Candidates kept at most after the first stage; far above what a face gives.
MOST = 400

#: From pictures (N, 3, H, W) float32 to probabilities, boxes and, of the last network, landmarks.
Network = Callable[[np.ndarray], list[np.ndarray]]


@dataclass(frozen=True)
class Face:
    """A face in a frame: box (x1, y1, x2, y2), probability, and landmarks (5, 2), all in pixels (x, y).

    Landmarks: the eye on the left of the picture, the eye on the right, nose, left and right corner of the mouth.
    """

    box: np.ndarray
    probability: float
    landmarks: np.ndarray


def config_errors() -> list[str]:
    """Why the detector cannot be used here, one sentence."""
    lacking = [name for name in ("mtcnn", "lz4", "joblib") if importlib.util.find_spec(name) is None]
    if not lacking:
        return []
    return [
        f"face.detector: mtcnn needs the weights of a package that is not installed ({', '.join(lacking)}); install it "
        "with pip install 'mer[face]', or give landmarks (face.detector=precomputed)"
    ]


def detect(image: np.ndarray, *, smallest: int) -> list[Face]:
    """Faces in a frame, the largest first.

    Args:
        image: (H, W) grey or (H, W, 3) with red first, levels 0..255.
        smallest: side in pixels of the smallest face that is looked for; time grows as it falls.
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
    """Landmarks (5, 2) of the largest face in a frame, refined; None where there is no face. As `detect`."""
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
    """Landmarks (5, 2) found anew with the face upright, as the mean over `WINDOWS` around them.

    Why: the last network sees 48 pixels, so that one answer is a few pixels off and changes with the head's turn.
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
    """Colour (H, W, 3) float32 with mid-grey 0, as the networks take it."""
    picture = np.ascontiguousarray(image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2), np.float32)
    return (picture - 127.5) / 128


def _points(squares: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """Landmarks (N, 5, 2) in pixels from the last network's shares of its squares, first all x, then all y."""
    sides = squares[:, None, 2:] - squares[:, None, :2]
    return squares[:, None, :2] + answers.reshape(-1, 2, 5).transpose(0, 2, 1) * sides


@lru_cache(maxsize=1)
def _networks() -> dict[str, Network]:
    """The three networks, from pictures (N, 3, H, W) to what they answer; ConfigError where there are no weights."""
    lacking = config_errors()
    if lacking:
        raise ConfigError(lacking)
    from mer.inputs.faces.mtcnn_networks import load

    spec: Any = importlib.util.find_spec("mtcnn")
    return load(Path(spec.origin).parent / "assets" / "weights")


def _propose(network: Network, picture: np.ndarray, smallest: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (N, 4) and scores (N,) of the first network over a pyramid of the picture, overlaps taken out."""
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
    """Boxes whose corners are moved by shares of their sides."""
    sides = boxes[:, 2:] - boxes[:, :2]
    return boxes + moves * np.concatenate([sides, sides], axis=1)


def _square(boxes: np.ndarray) -> np.ndarray:
    """Squares about the same middles with the longer side."""
    middle, side = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True)
    return np.concatenate([middle - side / 2, middle + side / 2], axis=1)


def _crops(picture: np.ndarray, squares: np.ndarray, side: int) -> np.ndarray:
    """The squares of a picture at one side (N, 3, S, S), averaged over areas; mid-grey beyond the border."""
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
    """Places of the boxes that overlap none of higher score by more than `most`, best first.

    Overlap is the intersection over the union or, for `inner`, over the smaller of both boxes.
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
