"""Register a backbone with `@BACKBONES.register("lite0", title=...)` above its class, in a file of this folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mer.config import ModelConfig
from mer.models.network import RecognitionNetwork
from mer.utils.registry import Registry

#: Keyword-only parameters passed to every backbone; all others are options of the backbone.
PASSED = ("in_channels", "classes")


def plain_config_errors(model: ModelConfig, side: int | None = None) -> list[str]:
    """Return the errors in the options of a backbone without depths and without attention, one sentence per key."""
    found = []
    if model.depth is not None:
        found.append(
            f"model.depth: expected null for model.backbone={model.backbone}, which has one depth, got {model.depth}"
        )
    if model.attention.unit != "none" and model.attention.stages:
        found.append(
            f"model.attention.unit: expected none for model.backbone={model.backbone}, which has no stages, got "
            f"{model.attention.unit}"
        )
    return found


@dataclass(frozen=True)
class Backbone:
    """Describe a family of networks.

    Attributes:
        make: `make(model, in_channels=..., classes=..., **options)` returns the network of a valid configuration.
        title: name for readers, with `{depth}` if the family has depths.
        options: the fields of `ModelConfig` used besides `backbone`, `attention` and `options`.
        config_errors: returns the errors in the options of the family, one sentence per key. The second argument is the
            side of the input in pixels, or None if unknown.
    """

    make: Callable[..., RecognitionNetwork]
    title: str
    options: frozenset[str] = frozenset()
    config_errors: Callable[[ModelConfig, int | None], list[str]] = plain_config_errors

    @property
    def levels(self) -> tuple[str, ...]:
        """Return the names of the levels from the input to the classifier, equal for all networks of the family."""
        return tuple(self.make.PARTS)  # type: ignore[attr-defined]


#: Family by `ModelConfig.backbone`.
BACKBONES: Registry[Backbone] = Registry("backbone", "mer.models.backbones", Backbone)
