"""The authors' pre-activation family, from a configuration to a network.

Contract: what `mer.models.build.BACKBONES` asks of a family.
"""

from __future__ import annotations

from typing import Any

from mer.config import ModelConfig
from mer.models.attention import unit_of
from mer.models.resnet import BLOCKS, RELEASES, MicroAttentionResNet


def problems(model: ModelConfig) -> list[str]:
    """What is wrong with the options of this family, one sentence a key; empty where nothing is."""
    choices: list[tuple[str, Any, list[Any]]] = [
        ("depth", model.depth, list(BLOCKS)),
        ("release", model.release, list(RELEASES)),
    ]
    return [
        f"model.{key}: expected one of {allowed}, got {value!r}"
        for key, value, allowed in choices
        if value not in allowed
    ]


def make(model: ModelConfig, *, in_channels: int, classes: int) -> MicroAttentionResNet:
    """The network of a configuration without problems."""
    return MicroAttentionResNet(
        model.depth,
        in_channels=in_channels,
        classes=classes,
        release=model.release,
        stages=model.attention.stages,
        unit=unit_of(model.attention),
        last_only=model.attention.blocks == "last",
    )
