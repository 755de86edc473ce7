"""Register an attention unit with `@UNITS.register("se")` above its class, in a file of this folder."""

from __future__ import annotations

from typing import Any

from torch import nn

from mer.utils.registry import Registry

#: Unit by `AttentionConfig.unit`. Called with C it makes a module with the contract of `mer.models.attention`. Its
#: `multiply_adds(H, W)` counts, for one sample, products with weights and the scaling of r, but no sums, means, maxima
#: and sigmoids.
UNITS: Registry[type[nn.Module]] = Registry("attention unit", "mer.models.attention")

#: Keyword-only parameters that the network passes to a unit if it has them; all others are options of the unit.
PASSED: dict[str, Any] = {"hidden": "channels of h1", "form": "`AttentionConfig.form`"}
