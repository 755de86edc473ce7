"""Attention units: what may stand behind the residual sum of a block. One file a unit, and its entry in `UNITS`.

Contract of the slot: `unit(r, s=s, h1=h1, h2=h2) -> (y, a)`; r = s + h2, s the shortcut, h2 the last convolution and y
are (N, C, H, W), h1, the block's 3x3 convolution (the first of two) after normalisation and ReLU, (N, C1, H, W) with
C1 = C or, in a bottleneck, C/4. The map a is (N, 1, H, W) in 0..1, or None (class attribute `has_map`). Nothing is kept
between calls, so a unit can be exported and copied. All stand at this one slot, where micro-attention stands, so that
they compare under equal conditions; SE, ECA, CBAM and coordinate attention were published on h2, before the sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from mer.config import AttentionConfig
from mer.models.attention.cbam import BlockAttention, SpatialAttention
from mer.models.attention.coordinate import CoordinateAttention
from mer.models.attention.efficient_channel import EfficientChannelAttention
from mer.models.attention.micro import FORMS, FoldedProjection, MicroAttention, ReleasedProjection
from mer.models.attention.simam import SimAM
from mer.models.attention.squeeze_excitation import SqueezeExcitation

__all__ = [
    "FORMS",
    "NONE",
    "PLACES",
    "UNITS",
    "AttentionFactory",
    "Cost",
    "FoldedProjection",
    "MicroAttention",
    "ReleasedProjection",
    "attention_factory",
    "cost",
    "describe",
]

#: Unit by `AttentionConfig.unit`: C -> module that keeps the contract above. Its `multiply_adds(H, W)` counts, for one
#: sample, products of weights and of the scaling of r, not sums, means, maxima and sigmoids.
UNITS: dict[str, type[nn.Module]] = {
    "micro": MicroAttention,
    "se": SqueezeExcitation,
    "eca": EfficientChannelAttention,
    "cbam": BlockAttention,
    "spatial": SpatialAttention,
    "simam": SimAM,
    "coordinate": CoordinateAttention,
}

#: `AttentionConfig.unit` of the plain network, so that a sweep over units has it in the same column.
NONE = "none"

#: Blocks of an attended stage that carry a unit.
PLACES = ("all", "last")


@dataclass(frozen=True)
class AttentionFactory:
    """Makes the configured unit, with fresh weights, for one block after the other."""

    unit: str
    form: str

    def __call__(self, channels: int, hidden: int | None = None) -> nn.Module:
        """The unit for C `channels` of r, s and h2 and `hidden` channels of h1 (None: as many)."""
        if self.unit == "micro":
            return MicroAttention(channels, hidden=hidden, form=self.form)
        # the others look at r alone
        return UNITS[self.unit](channels)


def attention_factory(attention: AttentionConfig) -> AttentionFactory | None:
    """Maker of the configured unit; None for the plain network."""
    if attention.unit == NONE or not attention.stages:
        return None
    return AttentionFactory(attention.unit, attention.form)


@dataclass(frozen=True)
class Cost:
    """What one unit adds to a block: trained numbers, and multiply-adds of one sample's forward pass."""

    parameters: int
    multiply_adds: int


def cost(attention: AttentionConfig, shape: tuple[int, int, int], *, hidden: int | None = None) -> Cost:
    """Cost of the configured unit in a block whose output is `shape` = (C, H, W); 0 and 0 for none.

    Args:
        attention: unit and form; stages and blocks do not matter here.
        shape: of r, s and h2.
        hidden: channels of h1; None: C.
    """
    if attention.unit == NONE:
        return Cost(0, 0)
    channels, height, width = shape
    with torch.device("meta"):
        unit: Any = AttentionFactory(attention.unit, attention.form)(channels, hidden)
    return Cost(sum(parameter.numel() for parameter in unit.parameters()), unit.multiply_adds(height, width))


def describe(attention: AttentionConfig) -> str:
    """The configured attention in a few words: `cbam attention in the last block of stages [1, 4]`."""
    if attention.unit == NONE or not attention.stages:
        return "no attention"
    form = f" ({attention.form})" if attention.unit == "micro" else ""
    place = "every block" if attention.blocks == "all" else "the last block"
    return f"{attention.unit} attention{form} in {place} of stages {sorted(set(attention.stages))}"
