"""Remove head motion before flow: fit a similarity to the flow of the face and warp the apex frame back by it.

Contract: pure functions; the onset frame is never changed. The fit is robust, so it follows most of the skin. It uses
only the middle of the picture, where cropped frames show the face and no background.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

#: Rounds of flow, fit and warp: flow underestimates a large motion, so the second round removes the rest.
ROUNDS = 2
#: Half axes of the ellipse whose pixels are fitted, as shares of half the width and height. Error of the fit on drawn
#: clips with a drifting head, frames of 128 pixels: .11 pixels with all pixels, .03 within this ellipse.
FACE = (0.6, 0.75)
#: Similarities tried as the start of the fit, and pixels used to compare them.
DRAWS, JUDGES = 200, 400
#: Every third pixel is fitted, since flow is smooth and neighbours are alike.
THINNING = 3
#: Steps of the reweighted fit.
STEPS = 10

Flow = Callable[[np.ndarray, np.ndarray], np.ndarray]


def remove_head_motion(onset: np.ndarray, apex: np.ndarray, flow: Flow, *, rounds: int = ROUNDS) -> np.ndarray:
    """Return the apex frame with the head placed as at onset, grey (H, W) float32, with repeated border.

    Args:
        onset: grey frame (H, W).
        apex: grey frame (H, W).
        flow: takes two grey frames (H, W) and returns a field (2, H, W) in pixels.
        rounds: number of rounds of flow, fit and warp.
    """
    total, steady, face = np.eye(3), apex, central_mask(onset.shape)
    for _ in range(rounds):
        total = total @ similarity(flow(onset, steady), face)
        steady = cv2.warpAffine(
            apex,
            total[:2],
            (apex.shape[1], apex.shape[0]),
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
    return steady


def central_mask(shape: tuple[int, ...]) -> np.ndarray:
    """Return the mask, bool (H, W), of the ellipse `FACE` in the middle of a picture (H, W)."""
    y, x = (np.linspace(-1, 1, side) for side in shape)
    return (x[None] / FACE[0]) ** 2 + (y[:, None] / FACE[1]) ** 2 < 1


def similarity(field: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Fit a shift, turn and scale to a flow field (2, H, W); returns the matrix (3, 3) that maps a pixel (x, y, 1).

    Only pixels in `where`, bool (H, W), are used. The fit starts from the best of `DRAWS` similarities through two
    random pixels by the median distance (Rousseeuw 1984), then uses least squares reweighted by Cauchy's function with
    its usual constant, 2.385 robust deviations (Holland and Welsch 1977); a robust deviation is 1.4826 times the median
    distance. The same field gives the same matrix.
    """
    height, width = field.shape[1:]
    y, x = np.mgrid[:height, :width].astype(np.float64)
    centre, scale = np.array([(width - 1) / 2, (height - 1) / 2]), max(height, width) / 2
    row, column = (places[::THINNING] for places in np.nonzero(where))
    place = ((x - centre[0]) + 1j * (y - centre[1]))[row, column] / scale
    moved = field[0, row, column] + 1j * field[1, row, column].astype(np.float64)
    # in complex numbers a similarity is: motion = turn * place + shift
    turn, shift = _drawn(place, moved)
    for _ in range(STEPS):
        distance = np.abs(moved - turn * place - shift)
        deviation = max(1.4826 * float(np.median(distance)), 1e-6)
        weights = 1 / (1 + (distance / (2.385 * deviation)) ** 2)
        weights /= weights.sum()
        # sums instead of BLAS, which would start threads on all cores
        mean_place, mean = (weights * place).sum(), (weights * moved).sum()
        apart = place - mean_place
        turn = (weights * apart.conj() * (moved - mean)).sum() / (weights * np.abs(apart) ** 2).sum()
        shift = mean - turn * mean_place
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]]) / scale
    matrix = np.eye(3)
    matrix[:2, :2] += linear
    matrix[:2, 2] = np.array([shift.real, shift.imag]) - linear @ centre
    return matrix


def motion_of(matrix: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the motion (2, H, W) of every pixel of a picture (H, W) under a matrix (3, 3)."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    return np.stack(
        [matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2] - x, matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2] - y]
    )


def _drawn(place: np.ndarray, moved: np.ndarray) -> tuple[complex, complex]:
    """Return turn and shift through two random pixels, the best of `DRAWS` by median distance to `JUDGES` others."""
    rng = np.random.default_rng(0)
    one, two = rng.integers(len(place), size=(2, DRAWS))
    apart = place[two] - place[one]
    one, two, apart = (values[np.abs(apart) > 0.3] for values in (one, two, apart))  # near pixels give an inexact turn
    turns = (moved[two] - moved[one]) / apart
    shifts = moved[one] - turns * place[one]
    judges = rng.integers(len(place), size=JUDGES)
    distance = np.abs(moved[judges] - turns[:, None] * place[judges] - shifts[:, None])
    best = int(np.median(distance, axis=1).argmin())
    return complex(turns[best]), complex(shifts[best])
