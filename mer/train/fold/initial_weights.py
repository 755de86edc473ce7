"""Load the weights of a pretraining stage into a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from mer.models.network import RecognitionNetwork


@dataclass(frozen=True)
class InitialWeights:
    """The weights of a finished stage, on the CPU.

    Attributes:
        weights: state dict of a network of the same configuration.
        classes: class names of its classifier. If the next training has other classes, its classifier is initialised
            at random; if only the order differs, the rows are reordered.
    """

    weights: Mapping[str, Tensor]
    classes: tuple[str, ...]


def load_initial_weights(network: RecognitionNetwork, start: InitialWeights, classes: tuple[str, ...]) -> list[str]:
    """Load weights into a network, and return sentences on their origin.

    Args:
        network: a network of the same configuration; changed in place.
        start: the weights of a stage.
        classes: class names of the next training, in the order of the network's outputs.
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
