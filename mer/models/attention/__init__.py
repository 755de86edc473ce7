"""Attention units: what may stand behind the residual sum of a block. One file a unit, and its entry in `UNITS`.

Contract of the slot: `unit(r, s=s, h1=h1, h2=h2) -> (y, a)`, all (N, C, H, W) but the map a: (N, 1, H, W) in 0..1, or
None from a unit that has no map of positions (its class attribute `has_map` says which). r is the residual sum, s the
shortcut in it, h1 the block's first convolution after BN and ReLU, h2 its last one. A unit keeps nothing between calls,
so it can be exported and copied. All stand at this one slot, where micro-attention stands, so that they compare under
equal conditions; SE, ECA, CBAM and coordinate attention were published on h2, before the sum.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

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
    "FoldedProjection",
    "MicroAttention",
    "ReleasedProjection",
    "describe",
    "unit_of",
]

#: Unit by `AttentionConfig.unit`: channels -> module that keeps the contract above. Multiply-adds in their docstrings
#: count products of weights and of the scaling of r for one sample, not means, maxima and sigmoids.
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


def unit_of(attention: AttentionConfig) -> Callable[[int], nn.Module] | None:
    """Maker of the configured unit, from C to a module with fresh weights; None for the plain network."""
    if attention.unit == NONE or not attention.stages:
        return None
    kind = UNITS[attention.unit]
    return partial(kind, form=attention.form) if kind is MicroAttention else kind


def describe(attention: AttentionConfig) -> str:
    """The configured attention in a few words: `cbam attention in the last block of stages [1, 4]`."""
    if attention.unit == NONE or not attention.stages:
        return "no attention"
    form = f" ({attention.form})" if attention.unit == "micro" else ""
    place = "every block" if attention.blocks == "all" else "the last block"
    return f"{attention.unit} attention{form} in {place} of stages {sorted(set(attention.stages))}"
