"""Average a feature map over the cells of a grid with `grid_means`, which keeps positions at any input size.

Contract: a pure function; repeated calls return the same numbers on every device.
"""

from __future__ import annotations

import torch
from torch import Tensor


def grid_means(x: Tensor, cells: int) -> Tensor:
    """Return the means over a grid of cells, (N, C, cells, cells) from (N, C, H, W), as `adaptive_avg_pool2d` does.

    It is written as products with two constant matrices, because the gradient of `adaptive_avg_pool2d` on a GPU is not
    reproducible.
    """

    def means(side: int) -> Tensor:
        cell, place = torch.arange(cells, device=x.device)[:, None], torch.arange(side, device=x.device)
        start, end = cell * side // cells, -(-(cell + 1) * side // cells)
        return ((place >= start) & (place < end)).to(x) / (end - start)

    height, width = x.shape[2:]
    return means(height) @ x @ means(width).T
