"""Make soft shapes and noise on a grid of face coordinates, (2, T, T) arrays of x and y."""

from __future__ import annotations

import cv2
import numpy as np

from mer.data.facs.geometry import Array


def smooth_noise(
    rng: np.random.Generator, resolution: int, wavelength: float, stretch: tuple[float, float] = (1, 1)
) -> Array:
    """Return smooth noise of standard deviation 1, (T, T); `wavelength` in pixels, `stretch` along x and y."""
    white = rng.standard_normal((resolution, resolution))
    smooth = cv2.GaussianBlur(white, (0, 0), sigmaX=wavelength * stretch[0] / 3, sigmaY=wavelength * stretch[1] / 3)
    return np.asarray(smooth / smooth.std(), dtype=np.float64)


def inside(distance: Array, softness: float = 0.012) -> Array:
    """Return 1 where the distance to an outline is negative, 0 where it is positive, with a soft edge."""
    return 1 / (1 + np.exp(np.clip(distance / softness, -40, 40)))


def bump(grid: Array, x: float, y: float, sx: float, sy: float) -> Array:
    """Return a Gaussian of height 1 at (x, y)."""
    return np.exp(-0.5 * (((grid[0] - x) / sx) ** 2 + ((grid[1] - y) / sy) ** 2))


def mirrored_pair(grid: Array, x: float, y: float, sx: float, sy: float) -> Array:
    """Return two Gaussians, mirrored about the midline."""
    return bump(grid, x, y, sx, sy) + bump(grid, -x, y, sx, sy)
