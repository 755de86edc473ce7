"""Weigh each row and each column of every channel: coordinate attention (unit `coordinate`).

Source: the formulas of Hou, Zhou, Feng, CVPR 2021, with the batch normalisation of their figure 2 and the hard swish of
their code; the biases of their code are left out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mer.models.attention.registry import UNITS


@UNITS.register("coordinate")
class CoordinateAttention(nn.Module):
    """Compute y = g_h g_w r with row weights g_h (N, C, H, 1) and column weights g_w (N, C, 1, W).

    y equals r where both are 1. f = hardswish(BN(F1 [row means; column means])) is (N, m, H + W) with m the larger of
    C/32 and 8; g_h = sigmoid(Fh f) uses the first H positions of f, g_w = sigmoid(Fw f) the last W.
    Source: Hou et al. 2021. r, y: (N, C, H, W). Parameters: 3mC + 2m.
    Multiply-adds: 2mC (H + W) + 2CHW, and m (H + W) for the normalisation.

    Args:
        channels: C of the block.
        reduction: divisor of C, 1 or more, 32 in the paper.

    Raises:
        ValueError: if `reduction` is below 1.
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
        """Return the block's output (N, C, H, W) and None, since each channel has its own weights of positions."""
        height, width = r.shape[2:]
        means = torch.cat([r.mean(dim=3, keepdim=True), r.mean(dim=2, keepdim=True).transpose(2, 3)], dim=2)
        f = F.hardswish(self.bn(self.join(means)))
        f_rows, f_columns = f.split([height, width], dim=2)
        rows = torch.sigmoid(self.rows(f_rows))
        columns = torch.sigmoid(self.columns(f_columns.transpose(2, 3)))
        return r * rows * columns, None

    def multiply_adds(self, height: int, width: int) -> int:
        """Return the multiply-adds of one sample's forward pass at H x W positions."""
        hidden, channels = self.join.out_channels, self.join.in_channels
        return (2 * hidden * channels + hidden) * (height + width) + 2 * channels * height * width
