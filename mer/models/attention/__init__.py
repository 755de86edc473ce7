"""Make attention units with `attention_factory`; each file of this folder registers a unit in `UNITS`.

Contract: a block calls its unit after the residual sum as `unit(r, s=s, h1=h1, h2=h2) -> (y, a)`. The sum r = s + h2,
the shortcut s, the last convolution h2 and the output y are (N, C, H, W). h1 is the 3x3 convolution of the block (the
first of two) after normalisation and ReLU, (N, C1, H, W) with C1 = C, or C/4 in a bottleneck. The map a is
(N, 1, H, W) in 0..1, or None (class attribute `has_map`). A unit stores nothing between calls, so it can be exported
and copied. All units take the place of micro-attention, so that they are compared under equal conditions; SE, ECA, CBAM
and coordinate attention were published on h2, before the sum.
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

#: `AttentionConfig.unit` of a network without attention; as a value of `unit` it can be part of a sweep over units.
NONE = "none"


@dataclass(frozen=True)
class AttentionFactory:
    """Make the configured unit with random initial weights, once for each block."""

    attention: AttentionConfig

    def __call__(self, channels: int, hidden: int | None = None) -> nn.Module:
        """Return the unit for `channels` of r, s and h2 and `hidden` channels of h1 (None: the same number)."""
        unit = UNITS[self.attention.unit]
        passed = accepted(unit, {"hidden": hidden, "form": self.attention.form})
        return unit(channels, **passed, **self.attention.options)


def attention_factory(attention: AttentionConfig) -> AttentionFactory | None:
    """Return the factory of the configured unit; None for a network without attention."""
    return None if attention.unit == NONE or not attention.stages else AttentionFactory(attention)


def unit_errors(attention: AttentionConfig) -> list[str]:
    """Return the errors in the unit and its own options, one sentence each; empty if there are none."""
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
    """Count the trained parameters that a unit adds to a block, and the multiply-adds of one sample's forward pass."""

    parameters: int
    multiply_adds: int


def cost(attention: AttentionConfig, shape: tuple[int, int, int], *, hidden: int | None = None) -> Cost:
    """Return the cost of the configured unit in one block; zeros if the unit is `none`.

    Args:
        attention: unit and form; stages and blocks do not matter here.
        shape: (C, H, W) of r, s and h2.
        hidden: channels of h1; None: C.
    """
    if attention.unit == NONE:
        return Cost(0, 0)
    channels, height, width = shape
    with torch.device("meta"):
        unit: Any = AttentionFactory(attention)(channels, hidden)
    return Cost(sum(parameter.numel() for parameter in unit.parameters()), unit.multiply_adds(height, width))


def describe(attention: AttentionConfig) -> str:
    """Return a short description like `cbam attention in every block of stages [1, 4]`."""
    if attention.unit == NONE or not attention.stages:
        return "no attention"
    own = [attention.form] * (attention.unit == "micro") + [
        f"{key} {value}" for key, value in attention.options.items()
    ]
    form = f" ({', '.join(own)})" if own else ""
    return f"{attention.unit} attention{form} in every block of stages {sorted(set(attention.stages))}"
