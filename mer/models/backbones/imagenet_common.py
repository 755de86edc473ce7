"""What the backbones share whose weights come from elsewhere: fixed normalisation of the input, the end, the options.

Contract: nothing here has parameters, so that these networks have exactly those of their definitions.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mer.config import ModelConfig
from mer.models.backbones.grid_pooling import grid_means
from mer.models.backbones.preact_options import GRID

#: Side of the input over that of stage 4, rounded up at each of the five halvings.
REDUCTION = 32


class FixedNorm(nn.Module):
    """(x - mean) / std by channel with fixed numbers, 0 and 1 until an initialisation sets others.

    Why in the network: weights that learned on pictures of one normalisation then take raw grey levels, and a
    checkpoint needs no word on how its input was scaled.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalised (N, C, H, W) of (N, C, H, W)."""
        return (x - self.mean[:, None, None]) / self.std[:, None, None]


def features(x: Tensor, head: str) -> Tensor:
    """What the classifier sees of (N, C, H, W): means over all positions, or over each cell of a grid."""
    return grid_means(x, GRID).flatten(1) if head == "grid" else x.mean(dim=(2, 3))


def imagenet_config_errors(model: ModelConfig, side: int | None) -> list[str]:
    """What is wrong with the options that these backbones share, one sentence a key.

    Args:
        model: the configuration.
        side: of the input in pixels; None where it is not known.
    """
    found = []
    rest = GRID if side is None else -(-side // REDUCTION)
    if model.head == "grid" and rest < GRID:
        found.append(
            f"model.head: grid keeps {GRID}x{GRID} positions, and of an input of {side} pixels stage 4 of "
            f"model.backbone={model.backbone} has {rest}x{rest}; take input.size={REDUCTION * (GRID - 1) + 1} or more"
        )
    return found
