"""Share input normalisation, pooling and checks between the backbones with ImageNet weights (`resnet`, `lite0`).

Contract: nothing here has parameters, so these networks have exactly the parameters of their definitions.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mer.config import ModelConfig
from mer.models.backbones.grid_pooling import grid_means
from mer.models.backbones.preact_options import GRID

#: Side of the input divided by the side of stage 4, which is rounded up at each of five halvings.
REDUCTION = 32


class FixedNorm(nn.Module):
    """Compute (x - mean) / std per channel with fixed numbers, 0 and 1 unless an initialisation sets others.

    It is part of the network, so that weights trained on normalised images accept raw grey levels 0..255 and a
    checkpoint needs no note on the scaling of its input.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised input, (N, C, H, W)."""
        return (x - self.mean[:, None, None]) / self.std[:, None, None]


def features(x: Tensor, head: str) -> Tensor:
    """Return the features of x (N, C, H, W): means over all positions (N, C), or over grid cells (N, 16C)."""
    return grid_means(x, GRID).flatten(1) if head == "grid" else x.mean(dim=(2, 3))


def imagenet_config_errors(model: ModelConfig, side: int | None) -> list[str]:
    """Return the errors in the options that these backbones share, one sentence per key.

    Args:
        model: the configuration.
        side: side of the input in pixels; None if unknown.
    """
    found = []
    rest = GRID if side is None else -(-side // REDUCTION)
    if model.head == "grid" and rest < GRID:
        found.append(
            f"model.head: grid expects {GRID}x{GRID} positions or more in stage 4, got {rest}x{rest} from an input of "
            f"{side} pixels with model.backbone={model.backbone}; "
            f"set input.size={REDUCTION * (GRID - 1) + 1} or more"
        )
    return found
