"""The registry of attention units. The file of a unit adds itself: `@UNITS.register("se")` above its class."""

from __future__ import annotations

from typing import Any

from torch import nn

from mer.utils.registry import Registry

#: Unit by `AttentionConfig.unit`: C -> module that keeps the contract of `mer.models.attention`. `multiply_adds(H, W)`
#: counts, for one sample, products of weights and of the scaling of r, not sums, means, maxima and sigmoids.
UNITS: Registry[type[nn.Module]] = Registry("attention unit", "mer.models.attention")

#: Keyword-only parameters that the network passes to a unit that has them; all others are the unit's own options.
PASSED: dict[str, Any] = {"hidden": "channels of h1", "form": "`AttentionConfig.form`"}
