"""Define the backbone `templates`, which compares the whole input with a few learned maps per class.

It has no convolution and no hidden layer, and is meant for aligned faces.

Contract: that of `mer.models.backbones.registry`. The features are the means of the input's cells as one vector of
length 1, so only the pattern of the input counts. A class has `TEMPLATES` directions; its logit is the log of the sum
of exp(`CONCENTRATION` cos), plus a bias. Up to a constant, this is a mixture of von Mises-Fisher densities per class
(Banerjee et al., Clustering on the unit hypersphere using von Mises-Fisher distributions, JMLR 6, 2005), trained like
any other network. One pattern adds only a few units to a logit, so a pattern that is in the training maps by chance
cannot dominate the others. This helps to generalise from synthetic to measured motion, and from a few dozen subjects to
others.
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

#: Cells per side over which the input is averaged, for any input size.
CELLS = 14

#: Templates per class; the class negative, for example, has several patterns.
TEMPLATES = 3

#: Value that a cosine of 1 adds to a logit. It and `TEMPLATES` were chosen without real labels: templates trained on
#: undisturbed drawings were tested on drawings with all disturbances (`+experiment=drawing_gap`,
#: experiments/motion_prior).
CONCENTRATION = 6.0

#: Standard deviation of a template's initial numbers; it is smaller than one step of our recipes, so that the trained
#: template hardly depends on them.
BEGIN = 1e-3


@BACKBONES.register("templates", title=f"{TEMPLATES} templates a class")
class TemplateNetwork(RecognitionNetwork):
    """Compute logits by comparing the input with templates; the only level is the classifier, without attention.

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
        """Return the means of `CELLS` x `CELLS` cells as one vector of length 1, (N, C * CELLS^2), and no maps."""
        return F.normalize(grid_means(x, CELLS).flatten(1), dim=1), []

    def templates(self) -> Tensor:
        """Return the templates of each class, (classes, TEMPLATES, C, CELLS, CELLS), each of length 1."""
        return self.fc.directions().detach().unflatten(2, (self.in_channels, CELLS, CELLS))


class TemplateClassifier(nn.Linear):
    """Compute logits (N, classes) of unit vectors from their cosines with the templates.

    Attributes:
        in_features: D, number of features.
        weight: (classes, TEMPLATES * D), one row per class as in a linear classifier; the lengths of templates do not
            matter.
        bias: (classes,).
    """

    def __init__(self, features: int, classes: int) -> None:
        super().__init__(TEMPLATES * features, classes)
        self.in_features = features

    def reset_parameters(self) -> None:
        """Initialise the templates from torch's global generator and the biases with 0, equal for all classes."""
        nn.init.normal_(self.weight, std=BEGIN)
        nn.init.zeros_(self.bias)

    def directions(self) -> Tensor:
        """Return the templates scaled to length 1, (classes, TEMPLATES, D)."""
        return F.normalize(self.weight.view(self.out_features, TEMPLATES, -1), dim=2)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, classes) of features (N, D)."""
        cosines = x @ self.directions().flatten(0, 1).T
        return torch.logsumexp(CONCENTRATION * cosines.unflatten(1, (-1, TEMPLATES)), dim=2) + self.bias
