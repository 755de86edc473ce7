"""Weigh each channel by the means of its neighbours: efficient channel attention (unit `eca`).

Source: Wang, Wu, Zhu, Li, Zuo, Hu, CVPR 2020 (ECA-Net).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from mer.models.attention.registry import UNITS


def kernel_size(channels: int) -> int:
    """Return the odd number of neighbours k nearest to (log2(C) + 1) / 2, that is 3, 5, 5, 5 for C 64, 128, 256, 512.

    If two odd numbers are equally near (C = 128), it is the larger one, as in the authors' code.
    """
    whole = int((math.log2(channels) + 1) / 2)
    return whole if whole % 2 else whole + 1


@UNITS.register("eca")
class EfficientChannelAttention(nn.Module):
    """Compute y = g r with one weight per channel, g = sigmoid(mean(r) convolved along the channels), (N, C).

    y equals r where g is 1. Source: Wang et al. 2020. r, y: (N, C, H, W). Parameters: k, see `kernel_size`.
    Multiply-adds: kC + CHW.

    Args:
        channels: C of the block.
    """

    has_map = False

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        size = kernel_size(channels)
        self.neighbours = nn.Conv1d(1, 1, size, padding=size // 2, bias=False)

    def forward(self, r: Tensor, *, s: Tensor, h1: Tensor, h2: Tensor) -> tuple[Tensor, None]:
        """Return the block's output (N, C, H, W) and None, since all positions have the same weight."""
        g = torch.sigmoid(self.neighbours(r.mean(dim=(2, 3))[:, None]))
        return r * g[:, 0, :, None, None], None

    def multiply_adds(self, height: int, width: int) -> int:
        """Return the multiply-adds of one sample's forward pass at H x W positions."""
        return self.channels * (self.neighbours.weight.numel() + height * width)
