"""Coordinate attention: a weight for each row and one for each column of every channel.

Source: Hou, Zhou, Feng, CVPR 2021, its formulas with the batch normalisation of its figure 2 and the hard swish of the
authors' code; that code's biases are left out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mer.models.attention.registry import UNITS


@UNITS.register("coordinate")
class CoordinateAttention(nn.Module):
    """y = g_h g_w r with weights of rows g_h (N, C, H, 1) and of columns g_w (N, C, 1, W); neutral where both are 1.

    f = hardswish(BN(F1 [row means; column means])), (N, m, H + W), with m = C/32 or 8, the larger; g_h = sigmoid(Fh f)
    on its first H places, g_w = sigmoid(Fw f) on its last W. Source: Hou et al. 2021. r, y: (N, C, H, W).
    Parameters: 3mC + 2m.     Multiply-adds: 2mC (H + W) + 2CHW, and m (H + W) of the normalisation.

    Args:
        channels: C of the block.
        reduction: 32 in the paper.
    """

    has_map = False

    def __init__(self, channels: int, *, reduction: int = 32) -> None:
        super().__init__()
        if reduction < 1:
            raise ValueError(f"reduction: expected 1 or more, got {reduction}")
        hidden = max(8, channels // reduction)
        self.join = nn.Conv2d(channels, hidden, 1, bias=False)
        self.bn = nn.BatchNorm2d(hidden)
        self.rows = nn.Conv2d(hidden, channels, 1, bias=False)
        self.columns = nn.Conv2d(hidden, channels, 1, bias=False)

    def forward(self, r: Tensor, *, s: Tensor, h1: Tensor, h2: Tensor) -> tuple[Tensor, None]:
        """The block's output (N, C, H, W); no map, since every channel has its own."""
        height, width = r.shape[2:]
        means = torch.cat([r.mean(dim=3, keepdim=True), r.mean(dim=2, keepdim=True).transpose(2, 3)], dim=2)
        f = F.hardswish(self.bn(self.join(means)))
        of_rows, of_columns = f.split([height, width], dim=2)
        rows = torch.sigmoid(self.rows(of_rows))
        columns = torch.sigmoid(self.columns(of_columns.transpose(2, 3)))
        return r * rows * columns, None

    def multiply_adds(self, height: int, width: int) -> int:
        """Of one sample's forward pass at H x W positions."""
        hidden, channels = self.join.out_channels, self.join.in_channels
        return (2 * hidden * channels + hidden) * (height + width) + 2 * channels * height * width
