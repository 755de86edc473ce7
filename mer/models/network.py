"""What every network of this package offers, whatever its backbone.

Contract: a backbone derives from `RecognitionNetwork`, gives `trunk`, names its classifier `fc`, and says in `PARTS`
which of its modules belong to which level between the input and the classifier. Nothing is kept between calls.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

#: Initial bias of the classifier in the micro-attention authors' definitions; every backbone starts so.
CLASSIFIER_BIAS = 0.2


@dataclass(frozen=True)
class FeatureInfo:
    """The output of one level as a feature map.

    Attributes:
        name: the level.
        channels: C of its output (N, C, H, W).
        reduction: side of the input over side of the output, but for rounding up at each halving.
    """

    name: str
    channels: int
    reduction: int


class RecognitionNetwork(nn.Module, ABC):
    """A backbone and a linear classifier `fc`; raw pixels or motion in, logits out.

    Args:
        in_channels: channels of the input.
        feature_info: outputs of the levels that are feature maps, from the input on.
        dropout: share of the features set to 0 before the classifier in training; 0 draws no random numbers.

    Attributes:
        PARTS: names of the modules of each level, from the input to the classifier; every parameter is in one.
        stages: the attended stages in ascending order, each once.
        map_stages: those of them that have a map, all or none (a unit may weigh channels only).
        card: what the checkpoint that it was loaded from says of it; empty in a new network.
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
        """What the classifier sees, (N, `fc.in_features`), and the maps of `map_stages`, in one pass."""

    def attend(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits (N, classes) and, in one pass, what `attention_maps` gives.

        Args:
            x: (N, in_channels, H, W).
        """
        features, maps = self.trunk(x)
        if self.dropout:
            features = F.dropout(features, self.dropout, self.training)
        return self.fc(features), maps

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, classes) of (N, in_channels, H, W)."""
        return self.attend(x)[0]

    def attention_maps(self, x: Tensor) -> list[Tensor]:
        """One map (N, 1, H, W) in 0..1 for each of `map_stages`, in order: that of the stage's last block."""
        return self.trunk(x)[1]

    def features(self, x: Tensor) -> Tensor:
        """What the classifier sees, before its dropout: (N, `fc.in_features`)."""
        return self.trunk(x)[0]

    @property
    def classes(self) -> int:
        """Number of logits."""
        return self.fc.out_features

    def reset_classifier(self, classes: int) -> None:
        """Put a freshly drawn classifier for so many classes in place of `fc`; everything else stays."""
        if classes < 2:
            raise ValueError(f"classes: expected 2 or more, got {classes}")
        self.fc = self.new_classifier(classes)

    def new_classifier(self, classes: int) -> nn.Linear:
        """A freshly drawn classifier of the same features, on the device and in the precision of `fc`."""
        weight = self.fc.weight
        fc = nn.Linear(self.fc.in_features, classes, device=weight.device, dtype=weight.dtype)
        draw_classifier(fc)
        return fc

    @property
    def levels(self) -> tuple[str, ...]:
        """Names of the levels from the input to the classifier; the last one, `head`, is `fc` alone."""
        return tuple(self.PARTS)

    def level_of(self, name: str) -> int:
        """Index in `levels` of the parameter, buffer or module of this name, as `named_parameters` gives it.

        Raises:
            ValueError: no level holds it; the network itself (the empty name) is in none.
        """
        for index, parts in enumerate(self.PARTS.values()):
            if any(name == part or name.startswith(f"{part}.") for part in parts):
                return index
        raise ValueError(f"expected a name inside {dict(self.PARTS)}, got {name!r}")


def draw_classifier(fc: nn.Linear) -> None:
    """Draw a classifier as the authors' definitions ask: Caffe's Xavier, the bias `CLASSIFIER_BIAS`."""
    # Caffe's Xavier counts the inputs only: uniform within sqrt(3 / fan_in)
    bound = (3 / fc.in_features) ** 0.5
    nn.init.uniform_(fc.weight, -bound, bound)
    nn.init.constant_(fc.bias, CLASSIFIER_BIAS)
