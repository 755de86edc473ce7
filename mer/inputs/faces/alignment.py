"""Align a face: fit the similarity from landmarks to a template, and crop with it."""

from __future__ import annotations

import cv2
import numpy as np

POINTS = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
#: Positions of the landmarks in the crop, as shares of its side: the usual five-point template of face recognition (112
#: pixels, pupils 35.2 apart), enlarged so that brows and chin are just inside.
TEMPLATE = np.array([[0.300, 0.310], [0.700, 0.310], [0.502, 0.538], [0.336, 0.772], [0.667, 0.770]])


def alignment(landmarks: np.ndarray, size: int) -> np.ndarray:
    """Return the similarity, a matrix (2, 3), that maps landmarks (5, 2) in pixels to `TEMPLATE` in a crop of `size`.

    Fitted by least squares over shift, turn and scale, without mirroring.
    """
    goal = TEMPLATE @ [1, 1j] * size - (0.5 + 0.5j)  # the middle of the first pixel is 0
    place = np.asarray(landmarks, dtype=float) @ [1, 1j]
    apart = place - place.mean()
    turn = (apart.conj() * (goal - goal.mean())).sum() / (np.abs(apart) ** 2).sum()
    shift = goal.mean() - turn * place.mean()
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def crop(frame: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Return the frame warped by a matrix (2, 3) to (S, S[, 3]), same dtype, with repeated border."""
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale < 1:  # warping skips pixels, so details finer than the crop's pixels are blurred first
        frame = cv2.GaussianBlur(frame, (0, 0), 0.5 * np.sqrt(1 / scale**2 - 1) + 1e-3)
    return cv2.warpAffine(frame, matrix, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
