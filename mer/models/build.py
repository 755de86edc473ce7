"""From a configuration to a network, and its size.

Contract: `config_errors` says all that is wrong with a configuration, `build` refuses to go on with any of it. Weights
are drawn from torch's global generator: seed it first.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from torch import nn

from mer.config import AttentionConfig, ModelConfig
from mer.errors import ConfigError
from mer.models.attention import FORMS, NONE, PLACES, UNITS, MicroAttention
from mer.models.backbones import efficientnet_lite0, preact_options, templates
from mer.models.backbones import resnet as postact
from mer.models.backbones.preact_resnet import MicroAttentionResNet
from mer.models.network import RecognitionNetwork

#: Smallest side of the input in pixels, the same for every backbone: up to five halvings, 28 -> 14 -> 7 -> 4 -> 2 -> 1
#: (behind the small stem three, 28 -> 14 -> 7 -> 4).
MIN_SIDE = 28


@dataclass(frozen=True)
class Backbone:
    """A family of networks.

    Attributes:
        make: `make(model, in_channels=..., classes=...)`, the network of a configuration without problems.
        problems: what is wrong with the options that the family uses, one sentence a key; the second argument is the
            side of the input in pixels or None.
        options: the fields of `ModelConfig` that it uses besides `backbone` and `attention`.
        levels: names of its levels from the input to the classifier, the same for all of its networks.
        title: its name, with `{depth}` where it has depths.
    """

    make: Callable[..., RecognitionNetwork]
    config_errors: Callable[[ModelConfig, int | None], list[str]]
    options: frozenset[str]
    levels: tuple[str, ...]
    title: str


#: Family by `ModelConfig.backbone`.
BACKBONES: dict[str, Backbone] = {
    "preact": Backbone(
        MicroAttentionResNet,
        preact_options.config_errors,
        preact_options.OPTIONS,
        tuple(MicroAttentionResNet.PARTS),
        "ResNet-{depth}",
    ),
    "resnet": Backbone(
        postact.ResNet,
        postact.config_errors,
        postact.OPTIONS,
        tuple(postact.ResNet.PARTS),
        "post-activation ResNet-{depth}",
    ),
    "lite0": Backbone(
        efficientnet_lite0.EfficientNetLite0,
        efficientnet_lite0.config_errors,
        efficientnet_lite0.OPTIONS,
        tuple(efficientnet_lite0.EfficientNetLite0.PARTS),
        "EfficientNet-Lite0",
    ),
    "templates": Backbone(
        templates.TemplateNetwork,
        templates.config_errors,
        templates.OPTIONS,
        tuple(templates.TemplateNetwork.PARTS),
        f"{templates.TEMPLATES} templates a class",
    ),
}

Network = TypeVar("Network", bound=RecognitionNetwork)


def config_errors(model: ModelConfig, *, side: int | None = None) -> list[str]:
    """What is wrong with the configuration of a network, one sentence a key; empty where nothing is.

    Args:
        model: the configuration.
        side: of the input in pixels; None where it is not known, then nothing is said about it.
    """
    found = _attention_config_errors(model.attention)
    if model.backbone not in BACKBONES:
        return [f"model.backbone: expected one of {list(BACKBONES)}, got {model.backbone!r}", *found]
    backbone = BACKBONES[model.backbone]
    idle = [
        f"model.{key}: backbone {model.backbone} has no such option; expected it left at {default!r}, got {value!r}"
        for key, value, default in _options(model)
        if key not in backbone.options and value != default and key != "depth"
    ]
    return [*backbone.config_errors(model, side), *idle, *found]


def _options(model: ModelConfig) -> list[tuple[str, Any, Any]]:
    """Name, value and default of every option but the backbone and its attention."""
    return [
        (each.name, getattr(model, each.name), each.default)
        for each in fields(model)
        if each.name not in ("backbone", "attention")
    ]


def describe(model: ModelConfig) -> str:
    """The network in a few words: `ResNet-18 (width 16, stem small)`; options at their default are left out."""
    backbone = BACKBONES[model.backbone]
    changed = [
        f"{key} {value}"
        for key, value, default in _options(model)
        if key in backbone.options and value != default and key != "depth"
    ]
    title = backbone.title.format(depth=model.depth)
    return f"{title} ({', '.join(changed)})" if changed else title


def _attention_config_errors(attention: AttentionConfig) -> list[str]:
    choices: list[tuple[str, Any, list[Any]]] = [
        ("unit", attention.unit, [NONE, *UNITS]),
        ("form", attention.form, list(FORMS)),
        ("blocks", attention.blocks, list(PLACES)),
    ]
    found = [
        f"model.attention.{key}: expected one of {allowed}, got {value!r}"
        for key, value, allowed in choices
        if value not in allowed
    ]
    stages = [1, 2, 3, 4]
    if any(isinstance(stage, bool) or stage not in stages for stage in attention.stages):
        expected = f"expected a subset of {stages} (an empty list is the plain network)"
        found.append(f"model.attention.stages: {expected}, got {list(attention.stages)}")
    return found


def build(model: ModelConfig, *, in_channels: int, classes: int) -> RecognitionNetwork:
    """The network of a configuration, with freshly drawn weights.

    Args:
        model: backbone, its options and attention.
        in_channels: channels of the input, 1 or more.
        classes: number of logits, 2 or more.

    Raises:
        ConfigError: lists everything that `config_errors` finds and counts that make no network.
    """
    found = config_errors(model)
    if in_channels < 1:
        found.append(f"input: expected 1 channel or more for the network, got {in_channels}")
    if classes < 2:
        found.append(f"data: expected 2 classes or more for the classifier, got {classes}")
    if found:
        raise ConfigError(found)
    return BACKBONES[model.backbone].make(model, in_channels=in_channels, classes=classes)


def fold_attention(model: Network) -> Network:
    """Copy of a network with every released micro-attention unit folded: equal logits and maps, fewer parameters."""
    model = copy.deepcopy(model)
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, MicroAttention):
                setattr(module, name, child.fold())
    return model


def count_parameters(module: nn.Module) -> int:
    """Number of trainable numbers in a module."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
