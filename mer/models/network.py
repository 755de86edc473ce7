"""Define `RecognitionNetwork`, the base class of all backbones.

Contract: a backbone derives from it, defines `trunk`, calls its classifier `fc`, and lists in `PARTS` the modules of
each level from the input to the classifier. A network stores nothing between calls.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

#: Initial bias of the classifier in the micro-attention authors' definitions, used by every backbone.
CLASSIFIER_BIAS = 0.2


@dataclass(frozen=True)
class FeatureInfo:
    """Describe the feature map that one level outputs.

    Attributes:
        name: the level.
        channels: C of its output (N, C, H, W).
        reduction: side of the input divided by the side of the output; the real side is rounded up at each halving.
    """

    name: str
    channels: int
    reduction: int


class RecognitionNetwork(nn.Module, ABC):
    """Compute logits from grey levels or motion maps with a backbone and a linear classifier `fc`.

    Args:
        in_channels: channels of the input.
        feature_info: the levels that output feature maps, in order from the input.
        dropout: share of the features, 0..1, set to 0 before the classifier in training; 0 draws no random numbers.

    Attributes:
        PARTS: names of the modules of each level, from the input to the classifier; each parameter belongs to one.
        stages: the stages with attention in ascending order, each once.
        map_stages: the stages with an attention map: all of `stages`, or none if the unit weighs channels only.
        card: the card of the checkpoint that the network was loaded from; empty in a new network.
    """

    PARTS: ClassVar[dict[str, tuple[str, ...]]]
    fc: nn.Linear

    def __init__(self, in_channels: int, *, feature_info: Collection[FeatureInfo], dropout: float = 0.0) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.feature_info = tuple(feature_info)
        self.dropout = dropout
        self.stages: tuple[int, ...] = ()
        self.map_stages: tuple[int, ...] = ()
        self.card: dict[str, Any] = {}

    @abstractmethod
    def trunk(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the features (N, `fc.in_features`) and the attention maps of `map_stages`, from one pass."""

    def attend(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the logits (N, classes) and the attention maps of `attention_maps`, from one pass.

        Args:
            x: (N, in_channels, H, W).
        """
        features, maps = self.trunk(x)
        if self.dropout:
            features = F.dropout(features, self.dropout, self.training)
        return self.fc(features), maps

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, classes) of inputs (N, in_channels, H, W)."""
        return self.attend(x)[0]

    def attention_maps(self, x: Tensor) -> list[Tensor]:
        """Return one map (N, 1, H, W) in 0..1 for each of `map_stages`, from the last block of the stage."""
        return self.trunk(x)[1]

    def features(self, x: Tensor) -> Tensor:
        """Return the input of the classifier before dropout, (N, `fc.in_features`)."""
        return self.trunk(x)[0]

    @property
    def classes(self) -> int:
        """Return the number of logits."""
        return self.fc.out_features

    @property
    def levels(self) -> tuple[str, ...]:
        """Return the names of the levels from the input to the classifier; the last one, `head`, is `fc` alone."""
        return tuple(self.PARTS)

    def level_of(self, name: str) -> int:
        """Return the index in `levels` of a parameter, buffer or module, named as in `named_parameters`.

        Raises:
            ValueError: if no level contains it; the network itself (the empty name) is in no level.
        """
        for index, parts in enumerate(self.PARTS.values()):
            if any(name == part or name.startswith(f"{part}.") for part in parts):
                return index
        raise ValueError(f"expected a name inside {dict(self.PARTS)}, got {name!r}")


def draw_classifier(fc: nn.Linear) -> None:
    """Initialise a classifier as in the authors' definitions, in place: Caffe's Xavier, bias `CLASSIFIER_BIAS`."""
    # Caffe's Xavier counts the inputs only: uniform within sqrt(3 / fan_in)
    bound = (3 / fc.in_features) ** 0.5
    nn.init.uniform_(fc.weight, -bound, bound)
    nn.init.constant_(fc.bias, CLASSIFIER_BIAS)
