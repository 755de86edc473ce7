"""Attention units: what may stand behind the residual sum of a block. One file a unit, found by its folder.

Contract of the slot: `unit(r, s=s, h1=h1, h2=h2) -> (y, a)`; r = s + h2, s the shortcut, h2 the last convolution and y
are (N, C, H, W), h1, the block's 3x3 convolution (the first of two) after normalisation and ReLU, (N, C1, H, W) with
C1 = C or, in a bottleneck, C/4. The map a is (N, 1, H, W) in 0..1, or None (class attribute `has_map`). Nothing is kept
between calls, so a unit can be exported and copied. All stand at this one slot, where micro-attention stands, so that
they compare under equal conditions; SE, ECA, CBAM and coordinate attention were published on h2, before the sum.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from mer.config import AttentionConfig
from mer.models.attention.micro import FORMS, FoldedProjection, MicroAttention, ReleasedProjection
from mer.models.attention.registry import PASSED, UNITS
from mer.utils.registry import accepted, option_errors

__all__ = [
    "FORMS",
    "NONE",
    "UNITS",
    "AttentionFactory",
    "Cost",
    "FoldedProjection",
    "MicroAttention",
    "ReleasedProjection",
    "attention_factory",
    "cost",
    "describe",
    "unit_errors",
]

#: `AttentionConfig.unit` of the plain network, so that a sweep over units has it in the same column.
NONE = "none"


@dataclass(frozen=True)
class AttentionFactory:
    """Makes the configured unit, with fresh weights, for one block after the other."""

    attention: AttentionConfig

    def __call__(self, channels: int, hidden: int | None = None) -> nn.Module:
        """Return the unit for C `channels` of r, s and h2 and `hidden` channels of h1 (None: as many)."""
        unit = UNITS[self.attention.unit]
        passed = accepted(unit, {"hidden": hidden, "form": self.attention.form})
        return unit(channels, **passed, **self.attention.options)


def attention_factory(attention: AttentionConfig) -> AttentionFactory | None:
    """Return the maker of the configured unit; None for the plain network."""
    return None if attention.unit == NONE or not attention.stages else AttentionFactory(attention)


def unit_errors(attention: AttentionConfig) -> list[str]:
    """Return what is wrong with the unit and its own options, one sentence each."""
    found = UNITS.unknown("model.attention.unit", attention.unit, also=(NONE,))
    if found:
        return found
    key = "model.attention.options"
    if attention.unit == NONE:
        return [f"{key}: expected none with model.attention.unit=none, got {attention.options}"] * bool(
            attention.options
        )
    found = option_errors(key, UNITS[attention.unit], attention.options, passed=PASSED)
    if not found and attention.options:
        try:
            with torch.device("meta"):
                AttentionFactory(replace(attention, form="folded"))(64)
        except (ValueError, ArithmeticError, RuntimeError) as error:
            found.append(f"{key}: {attention.unit} cannot be made with {attention.options}: {error}")
    return found


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
        unit: Any = AttentionFactory(attention)(channels, hidden)
    return Cost(sum(parameter.numel() for parameter in unit.parameters()), unit.multiply_adds(height, width))


def describe(attention: AttentionConfig) -> str:
    """The configured attention in a few words: `cbam attention in every block of stages [1, 4]`."""
    if attention.unit == NONE or not attention.stages:
        return "no attention"
    own = [attention.form] * (attention.unit == "micro") + [
        f"{key} {value}" for key, value in attention.options.items()
    ]
    form = f" ({', '.join(own)})" if own else ""
    return f"{attention.unit} attention{form} in every block of stages {sorted(set(attention.stages))}"
