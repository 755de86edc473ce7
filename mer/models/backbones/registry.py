"""The registry of backbones. The file of one adds it: `@BACKBONES.register("lite0", title=...)` above its class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mer.config import ModelConfig
from mer.models.network import RecognitionNetwork
from mer.utils.registry import Registry

#: Keyword-only parameters that every backbone is made with; all others are its own options.
PASSED = ("in_channels", "classes")


def plain_config_errors(model: ModelConfig, side: int | None = None) -> list[str]:
    """Return what is wrong with the options of a backbone that has neither depths nor a slot for attention."""
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
    """A family of networks.

    Attributes:
        make: `make(model, in_channels=..., classes=..., **options)`, the network of a configuration without problems.
        title: its name, with `{depth}` where it has depths.
        options: the fields of `ModelConfig` that it uses besides `backbone`, `attention` and `options`.
        config_errors: what is wrong with the options that the family uses, one sentence a key; the second argument is
            the side of the input in pixels or None.
    """

    make: Callable[..., RecognitionNetwork]
    title: str
    options: frozenset[str] = frozenset()
    config_errors: Callable[[ModelConfig, int | None], list[str]] = plain_config_errors

    @property
    def levels(self) -> tuple[str, ...]:
        """Names of its levels from the input to the classifier, the same for all of its networks."""
        return tuple(self.make.PARTS)  # type: ignore[attr-defined]


#: Family by `ModelConfig.backbone`.
BACKBONES: Registry[Backbone] = Registry("backbone", "mer.models.backbones", Backbone)
