"""Head motion taken out before flow: a similarity fitted to the flow of the face, the apex frame warped back by it.

Contract: pure functions; the onset frame is never changed. The fit is robust, so that it follows what most of the skin
does; it looks at the middle of the picture only, where cropped frames show the face and nothing behind it.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

#: Rounds of flow, fit and warp: the second takes what the first flow missed (a large motion is underestimated).
ROUNDS = 2
#: Half axes of the ellipse whose pixels are fitted, as shares of half the width and height. Error of the fit on drawn
#: clips with a drifting head, frames of 128 pixels: .11 pixels with all pixels, .03 within this ellipse.
FACE = (0.6, 0.75)
#: Similarities tried, of which one of pixels that move with the head begins the fit; pixels that judge them.
DRAWS, JUDGES = 200, 400
#: One pixel in so many is fitted: flow is smooth, neighbours say the same.
THINNING = 3
#: Steps of the reweighted fit.
STEPS = 10

Flow = Callable[[np.ndarray, np.ndarray], np.ndarray]


def remove_head_motion(onset: np.ndarray, apex: np.ndarray, flow: Flow, *, rounds: int = ROUNDS) -> np.ndarray:
    """The apex frame with the head where it is at onset: grey (H, W) float32, the border repeated.

    Args:
        onset: grey frame (H, W).
        apex: grey frame (H, W).
        flow: from two grey frames (H, W) to a field (2, H, W) in pixels.
        rounds: of flow, fit and warp.
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
    """The ellipse `FACE` in the middle of a picture (H, W): bool (H, W)."""
    y, x = (np.linspace(-1, 1, side) for side in shape)
    return (x[None] / FACE[0]) ** 2 + (y[:, None] / FACE[1]) ** 2 < 1


def similarity(field: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Matrix (3, 3) that takes a pixel (x, y, 1) to where most of a field (2, H, W) takes it by shift, turn and scale.

    Only pixels in `where`, bool (H, W), take part.

    The best of `DRAWS` similarities through two drawn pixels by the median distance (Rousseeuw 1984), then least
    squares reweighted by Cauchy's function with its usual constant, 2.385 robust deviations (Holland and Welsch 1977),
    these 1.4826 times the median distance. The same field gives the same matrix.
    """
    height, width = field.shape[1:]
    y, x = np.mgrid[:height, :width].astype(np.float64)
    centre, scale = np.array([(width - 1) / 2, (height - 1) / 2]), max(height, width) / 2
    row, column = (places[::THINNING] for places in np.nonzero(where))
    place = ((x - centre[0]) + 1j * (y - centre[1]))[row, column] / scale
    moved = field[0, row, column] + 1j * field[1, row, column].astype(np.float64)
    # as complex numbers a similarity is: motion = turn * place + shift
    turn, shift = _drawn(place, moved)
    for _ in range(STEPS):
        distance = np.abs(moved - turn * place - shift)
        deviation = max(1.4826 * float(np.median(distance)), 1e-6)
        weights = 1 / (1 + (distance / (2.385 * deviation)) ** 2)
        weights /= weights.sum()
        # sums, for BLAS would wake all threads of a busy machine
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
    """Motion (2, H, W) of every pixel of a picture (H, W) under a matrix (3, 3)."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    return np.stack(
        [matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2] - x, matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2] - y]
    )


def _drawn(place: np.ndarray, moved: np.ndarray) -> tuple[complex, complex]:
    """Turn and shift through two drawn pixels each, the ones with the smallest median distance to `JUDGES` others."""
    rng = np.random.default_rng(0)
    one, two = rng.integers(len(place), size=(2, DRAWS))
    apart = place[two] - place[one]
    one, two, apart = (values[np.abs(apart) > 0.3] for values in (one, two, apart))  # near ones tell no turn
    turns = (moved[two] - moved[one]) / apart
    shifts = moved[one] - turns * place[one]
    judges = rng.integers(len(place), size=JUDGES)
    distance = np.abs(moved[judges] - turns[:, None] * place[judges] - shifts[:, None])
    best = int(np.median(distance, axis=1).argmin())
    return complex(turns[best]), complex(shifts[best])
