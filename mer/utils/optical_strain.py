"""Optical strain of a flow field."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def strain(flow: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Optical strain of a flow (2, H, W): Frobenius norm of its symmetric gradient, (H, W), per pixel.

    Source: Shreve et al., Macro- and micro-expression spotting in long videos using spatio-temporal strain, FG 2011.
    """
    du_dy, du_dx = np.gradient(flow[0])
    dv_dy, dv_dx = np.gradient(flow[1])
    return np.sqrt(du_dx**2 + dv_dy**2 + 0.5 * (du_dy + dv_dx) ** 2)
