"""Compute the optical strain of a flow field with `strain`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def strain(flow: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Return the optical strain (H, W) of a flow (2, H, W) in pixels, the Frobenius norm of its symmetric gradient.

    Source: Shreve et al., Macro- and micro-expression spotting in long videos using spatio-temporal strain, FG 2011.
    """
    du_dy, du_dx = np.gradient(flow[0])
    dv_dy, dv_dx = np.gradient(flow[1])
    return np.sqrt(du_dx**2 + dv_dy**2 + 0.5 * (du_dy + dv_dx) ** 2)
