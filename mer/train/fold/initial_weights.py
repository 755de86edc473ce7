"""Fill a network with the weights that a stage hands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from mer.models.network import RecognitionNetwork


@dataclass(frozen=True)
class InitialWeights:
    """What a training begins with in place of freshly drawn weights.

    Attributes:
        weights: state of a network of the same configuration, on the CPU.
        classes: of its classifier, whose rows go with their names; where they are not the next training's, in whatever
            order, its classifier is drawn anew.
    """

    weights: Mapping[str, Tensor]
    classes: tuple[str, ...]


def load_initial_weights(network: RecognitionNetwork, start: InitialWeights, classes: tuple[str, ...]) -> list[str]:
    """Fill a fresh network, and return sentences on where its weights now come from.

    Args:
        network: of the same configuration as the one that `start` comes from; filled in place.
        start: weights that a stage hands on.
        classes: of the next training, in the order of its network's outputs.
    """
    same = sorted(start.classes) == sorted(classes)
    weights = {name: value for name, value in start.weights.items() if same or not name.startswith("fc.")}
    if same:
        rows = [start.classes.index(name) for name in classes]
        weights |= {name: weights[name][rows] for name in ("fc.weight", "fc.bias")}
    found = network.load_state_dict(weights, strict=same)
    missing = [name for name in found.missing_keys if not name.startswith("fc.")]
    if missing or found.unexpected_keys:
        raise RuntimeError(f"weights of another network: none for {missing}, unknown {found.unexpected_keys}")
    if start.classes == classes:
        return ["all weights were handed on by the stage before"]
    if same:
        return [f"all weights were handed on by the stage before, the classifier's rows for {', '.join(classes)}"]
    return [
        "the classifier is drawn at random, for the stage before knows other classes "
        f"({', '.join(start.classes)}); all other weights were handed on by it"
    ]
