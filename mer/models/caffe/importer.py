"""Weights from elsewhere: a Caffe file of the authors becomes a network, with an account of every layer.

Contract: a network comes out only if every one of its tensors came from the file (or is fixed by the definition);
whatever the file holds besides is listed with the reason why it was left. Everything that is wrong is said at once.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch

from mer.config import AttentionConfig, ModelConfig
from mer.errors import MerError
from mer.models.backbones.preact_options import CHANNELS, RELEASES
from mer.models.backbones.preact_resnet import MicroAttentionResNet
from mer.models.caffe.file_format import CaffeLayer, parse_net, read_bytes
from mer.models.caffe.layers import CLASSIFIERS, Slot, decode, mask_layers, misfits, same_shape, shapes_text, slots
from mer.models.grey_input import to_grey_input

#: Colours of a picture's three channels in Caffe, in order; this package reads pictures red first.
BLUE_FIRST = "blue, green, red"

#: Problems shown of a file that does not fit; a foreign network has one for nearly every layer.
SHOWN = 8


@dataclass(frozen=True)
class LayerReport:
    """What became of one layer of the file.

    Attributes:
        layer: its name.
        taken: whether its blobs are in the network.
        weights: whether it has any blobs.
        note: where they went, or why not.
    """

    layer: str
    taken: bool
    weights: bool
    note: str


@dataclass(frozen=True)
class Imported:
    """A network from a foreign file.

    Attributes:
        network: in evaluation mode, float32, on the CPU.
        model: its configuration.
        report: one entry a layer, in the file's order.
        notes: what a user must know of how it was read, in sentences.
        source: `file` (its name), `sha256`, `layout` and `name` (the network's own).
    """

    network: MicroAttentionResNet
    model: ModelConfig
    report: tuple[LayerReport, ...]
    notes: tuple[str, ...]
    source: dict[str, str]


def from_caffemodel(path: str | Path, *, grey: bool = False, release: str | None = None) -> MicroAttentionResNet:
    """Network in released form, evaluation mode and float32, from a Caffe file of the authors or of the CVGJ family.

    Layers with weights that the network has no place for are logged as a warning; `import_caffemodel` reports all. The
    channels of the input stay in the file's order, so that the network equals its definition on equal numbers: of three
    the first is blue (`BLUE_FIRST`). A run that begins with such a file on colour pictures has them turned round
    (`mer.models.initialise`).

    Args:
        path: the `.caffemodel`, new or V1 layout.
        grey: turn a first layer for three channels into one for grey pictures (`to_grey_input`).
        release: `single` or `megc2019`; None takes it from the classifier's name, `single` for a plain network.

    Raises:
        MerError: the file cannot be read or does not fit; names every layer with expected and found shapes.
    """
    found = import_caffemodel(path, grey=grey, release=release)
    for entry in found.report:
        if entry.weights and not entry.taken:
            logging.getLogger(__name__).warning("%s: layer %s skipped: %s", path, entry.layer, entry.note)
    return found.network


def import_caffemodel(path: str | Path, *, grey: bool = False, release: str | None = None) -> Imported:
    """What `from_caffemodel` gives, with the account of every layer; same arguments and errors."""
    if release not in (None, *RELEASES):
        raise MerError(f"release: expected one of {list(RELEASES)} or none, got {release!r}")
    data = read_bytes(path)
    net = parse_net(data, path)
    problems: list[str] = []
    layers = _by_name(net.layers, problems)
    stages = [s for s, channels in enumerate(CHANNELS, 1) if any(name in layers for name in mask_layers(channels))]
    in_channels = _in_channels(layers.get("conv1"))
    classifier, classes = _classifier(layers, {slot.layer for slot in slots(stages, "")}, problems)
    release = release or _release(classifier, stages, problems)
    model = ModelConfig(release=release, attention=AttentionConfig(unit="micro", form="released", stages=stages))
    shell = _shell(model, in_channels, classes)
    wanted = [slot for slot in slots(stages, classifier) if slot.layer]
    for slot in wanted:
        problems.extend(misfits(slot, layers.get(slot.layer), shell))
    places = {slot.layer: slot.module for slot in wanted}
    problems.extend(_deeper(layers, places))
    if problems:
        raise MerError(_refusal(path, problems))
    state = decode(wanted, layers, shell)
    notes = list(_notes(wanted, layers))
    if grey and in_channels > 1:
        state, note = to_grey_input(state)
        notes.append(note)
        shell = _shell(model, 1, classes)
    elif in_channels == 3:
        notes.append(f"three input channels in the file's order: Caffe reads pictures as {BLUE_FIRST}")
    shell.load_state_dict(state, assign=True)
    source = {"file": Path(path).name, "sha256": sha256(data).hexdigest(), "layout": net.layout, "name": net.name}
    report = tuple(_report(layer, places) for layer in net.layers)
    return Imported(shell.eval(), model, report, tuple(notes), source)


def _shell(model: ModelConfig, in_channels: int, classes: int) -> MicroAttentionResNet:
    """The network without any numbers, so that none can be a left-over of its initialisation."""
    with torch.device("meta"):
        return MicroAttentionResNet(model, in_channels=in_channels, classes=classes)


def _by_name(layers: tuple[CaffeLayer, ...], problems: list[str]) -> dict[str, CaffeLayer]:
    """Layers by name; of two with one name (a definition's training and test input, say) the one with weights."""
    found: dict[str, CaffeLayer] = {}
    for layer in layers:
        if layer.blobs and layer.name in found and found[layer.name].blobs:
            problems.append(f"layer {layer.name}: expected one layer with weights of this name, found two")
        elif layer.blobs or layer.name not in found:
            found[layer.name] = layer
    return found


def _in_channels(conv1: CaffeLayer | None) -> int:
    """Input channels of the first convolution; 1 where there is none, which `misfits` will say."""
    shape = conv1.blobs[0].shape if conv1 is not None and conv1.blobs else ()
    return max(1, int(shape[1])) if len(shape) == 4 else 1


def _classifier(layers: dict[str, CaffeLayer], known: set[str], problems: list[str]) -> tuple[str, int]:
    """Name and classes of the final layer: the one named so, else the one whose shapes fit; ("", 2) and a problem."""
    width = CHANNELS[-1]
    candidates = [name for name in CLASSIFIERS if name in layers]
    if not candidates:
        candidates = [name for name, layer in layers.items() if name not in known and _classes(layer) > 1]
    expected = f"expected one classifier of blobs (K, {width}) + (K,), K 2 or more"
    if len(candidates) != 1:
        named = f"one named {' or '.join(CLASSIFIERS)}, or any other name where its shapes fit"
        problems.append(f"{expected} ({named}), found {', '.join(candidates) or 'none'}")
        return "", 2
    classes = _classes(layers[candidates[0]])
    if classes < 2:
        shapes = shapes_text([blob.shape for blob in layers[candidates[0]].blobs])
        problems.append(f"layer {candidates[0]}: {expected}, found {shapes or 'no weights'}")
        return "", 2
    return candidates[0], classes


def _classes(layer: CaffeLayer) -> int:
    """Number of classes if the layer's blobs are a classifier's, else 0."""
    if len(layer.blobs) != 2:
        return 0
    classes = layer.blobs[1].size
    matrix = same_shape(layer.blobs[0].shape, (classes, CHANNELS[-1]))
    return classes if matrix and same_shape(layer.blobs[1].shape, (classes,)) else 0


def _release(classifier: str, stages: list[int], problems: list[str]) -> str:
    """Release by the classifier's name; a network without attention is the common ResNet-10, `single`."""
    if classifier in CLASSIFIERS:
        return CLASSIFIERS[classifier]
    if classifier and stages:
        names = ", ".join(f"{name} ({release})" for name, release in CLASSIFIERS.items())
        problems.append(
            f"layer {classifier}: expected a classifier whose name says which release an attended network is, {names}; "
            "give the release (release=..., --release ...)"
        )
    return RELEASES[0]


def _deeper(layers: dict[str, CaffeLayer], places: dict[str, str]) -> Iterator[str]:
    """A problem where the file has weights inside the blocks that this network has not: it is another network."""
    inside = [layer.name for layer in layers.values() if layer.blobs and layer.name.startswith(("layer_", "mask_"))]
    more = [name for name in inside if name not in places]
    if more:
        yield f"layers {', '.join(more)}: expected the blocks of a ResNet-10 only, found weights of others"


def _refusal(path: str | Path, problems: list[str]) -> str:
    lines = [f"  {i}. {problem}" for i, problem in enumerate(problems[:SHOWN], 1)]
    if len(problems) > SHOWN:
        lines.append(f"  and {len(problems) - SHOWN} more")
    return "\n".join(
        [
            f"{path} does not fit the ResNet-10 of the micro-attention authors, with attention or without:",
            *lines,
            f"`python -m mer.weights inspect {path}` shows what the file holds",
        ]
    )


def _notes(wanted: list[Slot], layers: dict[str, CaffeLayer]) -> Iterator[str]:
    """What is unusual in the layers taken."""
    for slot in wanted:
        blobs = layers[slot.layer].blobs
        if slot.kind == "average" and (blobs[0] != np.float32(1 / blobs[0].size)).any():
            yield f"{slot.layer}: not all 1/{blobs[0].size}; its weights went, exactly, into the learned layer before"
        if slot.kind == "statistics" and not blobs[2].any():
            yield f"{slot.layer}: scale factor 0, so its mean and variance are 0 (never trained)"


def _report(layer: CaffeLayer, places: dict[str, str]) -> LayerReport:
    if not layer.blobs:
        return LayerReport(layer.name, taken=False, weights=False, note="no weights")
    if layer.name in places:
        return LayerReport(layer.name, taken=True, weights=True, note=f"-> {places[layer.name]}")
    shapes = shapes_text([blob.shape for blob in layer.blobs])
    return LayerReport(layer.name, taken=False, weights=True, note=f"no such layer in this network ({shapes})")
