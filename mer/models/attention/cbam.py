"""Weigh channels, then positions: CBAM, the convolutional block attention module (unit `cbam`), and its spatial part.

Source: the formulas of Woo, Park, Lee, Kweon, ECCV 2018; the authors' code adds biases and a batch normalisation.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mer.models.attention.registry import UNITS


@UNITS.register("spatial")
class SpatialAttention(nn.Module):
    """Compute y = a r with one map a = sigmoid(7x7 convolution of [mean over channels, maximum over channels]).

    y equals r where a is 1. Source: the spatial part of Woo et al. 2018. r, y: (N, C, H, W), a: (N, 1, H, W).
    Parameters: 2 x 7 x 7 = 98. Multiply-adds: 98HW + CHW.

    Args:
        channels: C of the block; the number of weights does not depend on it.
    """

    has_map = True

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)

    def forward(self, r: Tensor, *, s: Tensor, h1: Tensor, h2: Tensor) -> tuple[Tensor, Tensor]:
        """Return the block's output (N, C, H, W) and the map (N, 1, H, W)."""
        pooled = torch.cat([r.mean(dim=1, keepdim=True), r.amax(dim=1, keepdim=True)], dim=1)
        a = torch.sigmoid(self.conv(pooled))
        return r * a, a

    def multiply_adds(self, height: int, width: int) -> int:
        """Return the multiply-adds of one sample's forward pass at H x W positions."""
        return (self.conv.weight.numel() + self.channels) * height * width


@UNITS.register("cbam")
class BlockAttention(nn.Module):
    """Compute y = a g r with channel weights g = sigmoid(MLP(mean(r)) + MLP(max(r))) and `SpatialAttention` on g r.

    y equals r where g and a are 1. Source: Woo et al. 2018. r, y: (N, C, H, W), g: (N, C), a: (N, 1, H, W).
    MLP(x) = W1 relu(W0 x) with W0 (C/16, C) and W1 (C, C/16) is the same for mean and maximum.
    Parameters: 2C x C/16 + 98. Multiply-adds: 4C x C/16 + 98HW + 2CHW.

    Args:
        channels: C of the block.
        reduction: divisor of C, 1 or more, 16 in the paper; the MLP has at least one hidden unit.

    Raises:
        ValueError: if `reduction` is below 1.
    """

    has_map = True

    def __init__(self, channels: int, *, reduction: int = 16) -> None:
        super().__init__()
        if reduction < 1:
            raise ValueError(f"reduction: expected 1 or more, got {reduction}")
        hidden = max(1, channels // reduction)
        self.squeeze = nn.Linear(channels, hidden, bias=False)
        self.excite = nn.Linear(hidden, channels, bias=False)
        self.spatial = SpatialAttention(channels)

    def forward(self, r: Tensor, *, s: Tensor, h1: Tensor, h2: Tensor) -> tuple[Tensor, Tensor]:
        """Return the block's output (N, C, H, W) and the map of the spatial part (N, 1, H, W)."""
        means, maxima = r.mean(dim=(2, 3)), r.amax(dim=(2, 3))
        g = torch.sigmoid(self.excite(F.relu(self.squeeze(means))) + self.excite(F.relu(self.squeeze(maxima))))
        return self.spatial(r * g[:, :, None, None], s=s, h1=h1, h2=h2)

    def multiply_adds(self, height: int, width: int) -> int:
        """Return the multiply-adds of one sample's forward pass at H x W positions."""
        twice = 2 * (self.squeeze.weight.numel() + self.excite.weight.numel())
        return twice + self.excite.out_features * height * width + self.spatial.multiply_adds(height, width)
