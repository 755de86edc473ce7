"""Fill a network with the weights that its training begins with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from mer.inputs.representations.registry import REPRESENTATIONS
from mer.models.network import RecognitionNetwork
from mer.models.pretrained.initialise import load_weights
from mer.models.pretrained.load_report import LoadReport
from mer.train.experiment.experiment import Experiment


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


def load_initial_weights(
    network: RecognitionNetwork, experiment: Experiment, start: InitialWeights | None
) -> list[str]:
    """Sentences on where the weights of a fresh network now come from: `start`, or else what `init` says."""
    if start is None:
        return list(from_init(network, experiment).sentences)
    classes = experiment.table.classes
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


def from_init(network: RecognitionNetwork, experiment: Experiment) -> LoadReport:
    """What became of a fresh network and of the file of `init`, which it is filled with in place."""
    pixels = REPRESENTATIONS[experiment.config.input.representation].is_intensity
    return load_weights(network, experiment.config.init, pixels=pixels, classes=experiment.table.classes)
