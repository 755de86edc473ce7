"""CBAM, the convolutional block attention module: a weight for each channel, then one for each position.

Source: Woo, Park, Lee, Kweon, ECCV 2018, its formulas; the authors' code adds biases and a batch normalisation to them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mer.models.attention.registry import UNITS


@UNITS.register("spatial")
class SpatialAttention(nn.Module):
    """y = a r with one map a = sigmoid(conv 7x7 of [mean over channels, largest over channels]); neutral where a is 1.

    Source: the spatial part of Woo et al. 2018. r, y: (N, C, H, W), a: (N, 1, H, W). Parameters: 2 x 7 x 7 = 98.
    Multiply-adds: 98HW + CHW.

    Args:
        channels: C of the block; the weights are as many for any.
    """

    has_map = True

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)

    def forward(self, r: Tensor, *, s: Tensor, h1: Tensor, h2: Tensor) -> tuple[Tensor, Tensor]:
        """The block's output (N, C, H, W) and its map (N, 1, H, W)."""
        pooled = torch.cat([r.mean(dim=1, keepdim=True), r.amax(dim=1, keepdim=True)], dim=1)
        a = torch.sigmoid(self.conv(pooled))
        return r * a, a

    def multiply_adds(self, height: int, width: int) -> int:
        """Of one sample's forward pass at H x W positions."""
        return (self.conv.weight.numel() + self.channels) * height * width


@UNITS.register("cbam")
class BlockAttention(nn.Module):
    """y = a g r: weights of channels g = sigmoid(MLP(mean(r)) + MLP(max(r))), (N, C), then `SpatialAttention` on g r.

    Neutral where g and a are 1. Source: Woo et al. 2018. r, y: (N, C, H, W), a: (N, 1, H, W). MLP(x) = W1 relu(W0 x),
    W0 (C/16, C), W1 (C, C/16), shared by both. Parameters: 2C x C/16 + 98. Multiply-adds: 4C x C/16 + 98HW + 2CHW.

    Args:
        channels: C of the block.
        reduction: 16 in the paper; at least one hidden unit is kept.
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
        """The block's output (N, C, H, W) and the map of its spatial part (N, 1, H, W)."""
        means, maxima = r.mean(dim=(2, 3)), r.amax(dim=(2, 3))
        g = torch.sigmoid(self.excite(F.relu(self.squeeze(means))) + self.excite(F.relu(self.squeeze(maxima))))
        return self.spatial(r * g[:, :, None, None], s=s, h1=h1, h2=h2)

    def multiply_adds(self, height: int, width: int) -> int:
        """Of one sample's forward pass at H x W positions."""
        twice = 2 * (self.squeeze.weight.numel() + self.excite.weight.numel())
        return twice + self.excite.out_features * height * width + self.spatial.multiply_adds(height, width)
