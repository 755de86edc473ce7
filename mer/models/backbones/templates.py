"""Templates: a few maps a class, compared with the whole input; no convolution, no hidden layer, for aligned faces.

Contract: as `mer.models.backbones.registry` asks. An input counts by its pattern alone: the vector of its
cells' means, at length 1. A class has `TEMPLATES` directions among such vectors; its logit is the log of the sum of
exp(`CONCENTRATION` cos), plus a bias. That is, but for a constant, a mixture of von Mises-Fisher densities for each
class (Banerjee et al., Clustering on the unit hypersphere using von Mises-Fisher distributions, JMLR 6, 2005), learned
like any other network. No single pattern adds more than a few units to a logit, so that one which the training maps
show by accident cannot outweigh the rest: what holds from drawn motion to measured, from some dozen people to others.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mer.config import ModelConfig
from mer.models.backbones.grid_pooling import grid_means
from mer.models.backbones.registry import BACKBONES
from mer.models.network import RecognitionNetwork

#: The input is seen as means over so many cells a side, whatever its size.
CELLS = 14

#: Templates a class, since negative faces have no single pattern.
TEMPLATES = 3

#: What a cosine of 1 adds to a logit. It and `TEMPLATES` were chosen without a real label, by templates of bare anatomy
#: that were tested on drawings with all disturbances (`+experiment=drawing_gap`, experiments/motion_prior).
CONCENTRATION = 6.0

#: Deviation of the numbers a template begins with: below one step of our recipes, so that all of it is learned.
BEGIN = 1e-3


@BACKBONES.register("templates", title=f"{TEMPLATES} templates a class")
class TemplateNetwork(RecognitionNetwork):
    """Templates of every class; it has one level, the classifier, and no attention.

    Args:
        model: a configuration without `config_errors`.
        in_channels: channels of the input.
        classes: number of logits.
    """

    PARTS: ClassVar[dict[str, tuple[str, ...]]] = {"head": ("fc",)}
    fc: TemplateClassifier

    def __init__(self, model: ModelConfig, *, in_channels: int, classes: int) -> None:
        super().__init__(in_channels, feature_info=())
        self.fc = TemplateClassifier(in_channels * CELLS**2, classes)

    def trunk(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Means of `CELLS` x `CELLS` cells, all channels one vector of length 1 (N, C * CELLS^2); no maps."""
        return F.normalize(grid_means(x, CELLS).flatten(1), dim=1), []

    def new_classifier(self, classes: int) -> nn.Linear:
        """Templates for so many classes that nothing has trained."""
        return TemplateClassifier(self.fc.in_features, classes).to(self.fc.weight)

    def templates(self) -> Tensor:
        """What each class is compared with: (classes, TEMPLATES, C, CELLS, CELLS), each template of length 1."""
        return self.fc.directions().detach().unflatten(2, (self.in_channels, CELLS, CELLS))


class TemplateClassifier(nn.Linear):
    """Logits (N, classes) of vectors of length 1, by their cosines with the templates.

    Attributes:
        in_features: D, length of the input vector.
        weight: (classes, TEMPLATES * D), a row a class as in any linear classifier; its lengths do not count.
        bias: (classes,).
    """

    def __init__(self, features: int, classes: int) -> None:
        super().__init__(TEMPLATES * features, classes)
        self.in_features = features

    def reset_parameters(self) -> None:
        """Draw the templates from torch's global generator; no class is more likely than another."""
        nn.init.normal_(self.weight, std=BEGIN)
        nn.init.zeros_(self.bias)

    def directions(self) -> Tensor:
        """The templates at length 1, (classes, TEMPLATES, D)."""
        return F.normalize(self.weight.view(self.out_features, TEMPLATES, -1), dim=2)

    def forward(self, x: Tensor) -> Tensor:
        """(N, classes) of (N, D)."""
        cosines = x @ self.directions().flatten(0, 1).T
        return torch.logsumexp(CONCENTRATION * cosines.unflatten(1, (-1, TEMPLATES)), dim=2) + self.bias
