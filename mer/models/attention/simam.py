"""Weigh each number of a feature map by its distance from the channel's mean, without parameters: SimAM (unit `simam`).

Source: Yang, Zhang, Li, Xie, ICML 2021, equations 4 and 5. The variance is over all M = HW positions, as in the text of
the paper. The authors' code divides by M - 1, which fails for 1x1 maps in the last stage of a small input.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mer.models.attention.registry import UNITS

#: lambda of the paper.
REGULARISER = 1e-4


@UNITS.register("simam")
class SimAM(nn.Module):
    """Compute y = g r with g = sigmoid(d / (4 (mean(d) + lambda)) + 1/2) and d = (r - mean(r))^2.

    y equals r where g is 1. Source: Yang et al. 2021. Means are over the positions of a channel. r, d, g, y:
    (N, C, H, W). Parameters: none. Multiply-adds: 3CHW (square, quotient, scaling).

    Args:
        channels: C of the block, used only for counting.
    """

    has_map = False

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, r: Tensor, *, s: Tensor, h1: Tensor, h2: Tensor) -> tuple[Tensor, None]:
        """Return the block's output (N, C, H, W) and None, since each channel has its own weights of positions."""
        d = (r - r.mean(dim=(2, 3), keepdim=True)).square()
        inverse_energy = d / (4 * (d.mean(dim=(2, 3), keepdim=True) + REGULARISER)) + 0.5
        return r * torch.sigmoid(inverse_energy), None

    def multiply_adds(self, height: int, width: int) -> int:
        """Return the multiply-adds of one sample's forward pass at H x W positions."""
        return 3 * self.channels * height * width
