"""Weigh each channel by the means of all channels: squeeze-and-excitation (unit `se`).

Source: Hu, Shen, Sun, CVPR 2018, without biases, as the authors do in ResNets (arXiv:1709.01507, section 6).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mer.models.attention.registry import UNITS


@UNITS.register("se")
class SqueezeExcitation(nn.Module):
    """Compute y = g r with one weight per channel, g = sigmoid(W2 relu(W1 mean(r))), (N, C).

    y equals r where g is 1. Source: Hu et al. 2018. r, y: (N, C, H, W); W1 is (C/16, C), W2 (C, C/16).
    Parameters: 2C x C/16. Multiply-adds: 2C x C/16 + CHW.

    Args:
        channels: C of the block.
        reduction: divisor of C, 1 or more, 16 in the paper; there is at least one hidden unit.

    Raises:
        ValueError: if `reduction` is below 1.
    """

    has_map = False

    def __init__(self, channels: int, *, reduction: int = 16) -> None:
        super().__init__()
        if reduction < 1:
            raise ValueError(f"reduction: expected 1 or more, got {reduction}")
        hidden = max(1, channels // reduction)
        self.squeeze = nn.Linear(channels, hidden, bias=False)
        self.excite = nn.Linear(hidden, channels, bias=False)

    def forward(self, r: Tensor, *, s: Tensor, h1: Tensor, h2: Tensor) -> tuple[Tensor, None]:
        """Return the block's output (N, C, H, W) and None, since all positions have the same weight."""
        g = torch.sigmoid(self.excite(F.relu(self.squeeze(r.mean(dim=(2, 3))))))
        return r * g[:, :, None, None], None

    def multiply_adds(self, height: int, width: int) -> int:
        """Return the multiply-adds of one sample's forward pass at H x W positions."""
        return self.squeeze.weight.numel() + self.excite.weight.numel() + self.excite.out_features * height * width
