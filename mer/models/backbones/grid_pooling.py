"""Means over the cells of a grid: where something is, at any size of the input.

Contract: a pure function, the same numbers twice on every device.
"""

from __future__ import annotations

import torch
from torch import Tensor


def grid_means(x: Tensor, cells: int) -> Tensor:
    """Means over a grid of cells, (N, C, cells, cells) from (N, C, H, W), as `adaptive_avg_pool2d` cuts them.

    Written as products with two constant matrices: that function's gradient on a GPU is not the same twice.
    """

    def means(side: int) -> Tensor:
        cell, place = torch.arange(cells, device=x.device)[:, None], torch.arange(side, device=x.device)
        start, end = cell * side // cells, -(-(cell + 1) * side // cells)
        return ((place >= start) & (place < end)).to(x) / (end - start)

    height, width = x.shape[2:]
    return means(height) @ x @ means(width).T
