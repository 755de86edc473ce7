"""SimAM: a weight for every number of a feature map from how far it stands out in its channel; no parameters.

Source: Yang, Zhang, Li, Xie, ICML 2021, equations 4 and 5. The variance is over all M = HW positions as in the paper's
text; the authors' code divides by M - 1, which fails at the 1x1 maps of a small input's last stage.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mer.models.attention.registry import UNITS

#: lambda of the paper.
REGULARISER = 1e-4


@UNITS.register("simam")
class SimAM(nn.Module):
    """y = g r, g = sigmoid(d / (4 (mean(d) + lambda)) + 1/2), d = (r - mean(r))^2, (N, C, H, W); neutral where g is 1.

    Source: Yang et al. 2021; means are over the positions of a channel. r, y: (N, C, H, W). Parameters: none.
    Multiply-adds: 3CHW (square, quotient, scaling).

    Args:
        channels: C of the block; the unit does the same for any.
    """

    has_map = False

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, r: Tensor, *, s: Tensor, h1: Tensor, h2: Tensor) -> tuple[Tensor, None]:
        """The block's output (N, C, H, W); no map, since every channel has its own."""
        d = (r - r.mean(dim=(2, 3), keepdim=True)).square()
        inverse_energy = d / (4 * (d.mean(dim=(2, 3), keepdim=True) + REGULARISER)) + 0.5
        return r * torch.sigmoid(inverse_energy), None

    def multiply_adds(self, height: int, width: int) -> int:
        """Of one sample's forward pass at H x W positions."""
        return 3 * self.channels * height * width
