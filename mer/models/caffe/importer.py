"""Import a network from a Caffe file of the authors with `import_caffemodel`, which reports on every layer.

Contract: a network is returned only if every tensor comes from the file or is fixed by the definition. Layers that are
not used are listed with a reason. All errors are reported at once.
"""

from __future__ import annotations

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
from mer.models.caffe.layers import Slot, decode, mask_layers, misfits, shapes_text, slots
from mer.models.caffe.recognise import find_classifier, find_release, in_channels_of, layers_by_name
from mer.models.grey_input import to_grey_input

#: Order of the three colour channels in Caffe; this package reads images with red first.
BLUE_FIRST = "blue, green, red"

#: Largest number of errors shown; a file of another network has one for nearly every layer.
SHOWN = 8


@dataclass(frozen=True)
class LayerReport:
    """Report the use of one layer of the file.

    Attributes:
        layer: name of the layer.
        taken: whether its blobs are in the network.
        weights: whether it has any blobs.
        note: the module that has the blobs, or the reason why they are not used.
    """

    layer: str
    taken: bool
    weights: bool
    note: str


@dataclass(frozen=True)
class Imported:
    """Store a network imported from a Caffe file.

    Attributes:
        network: in evaluation mode, float32, on the CPU.
        model: its configuration.
        report: one entry per layer, in the file's order.
        notes: notes for the user about the import, in sentences.
        source: `file` (its name), `sha256`, `layout` and `name` (the network's name in the file).
    """

    network: MicroAttentionResNet
    model: ModelConfig
    report: tuple[LayerReport, ...]
    notes: tuple[str, ...]
    source: dict[str, str]


def import_caffemodel(path: str | Path, *, grey: bool = False, release: str | None = None) -> Imported:
    """Return the network of a Caffe file of the authors or of the CVGJ family, with a report on every layer.

    Attention has the released form. The input channels stay in the file's order, so that the network equals its
    definition on equal numbers; three channels have blue first (`BLUE_FIRST`). A run that starts from such a file on
    colour images reorders the channels (`mer.models.load_weights`).

    Args:
        path: the `.caffemodel`, in the new or the V1 layout.
        grey: whether to convert a first layer for three channels into one for grey images (`to_grey_input`).
        release: `single` or `megc2019`; None selects it by the classifier's name, `single` if there is no attention.

    Raises:
        MerError: if the file cannot be read or does not fit; names each layer with expected and found shapes.
    """
    if release not in (None, *RELEASES):
        raise MerError(f"release: expected one of {list(RELEASES)} or none, got {release!r}")
    data = read_bytes(path)
    net = parse_net(data, path)
    errors: list[str] = []
    layers = layers_by_name(net.layers, errors)
    stages = [s for s, channels in enumerate(CHANNELS, 1) if any(name in layers for name in mask_layers(channels))]
    in_channels = in_channels_of(layers.get("conv1"))
    classifier, classes = find_classifier(layers, {slot.layer for slot in slots(stages, "")}, errors)
    release = release or find_release(classifier, stages, errors)
    model = ModelConfig(release=release, attention=AttentionConfig(unit="micro", form="released", stages=stages))
    shell = _shell(model, in_channels, classes)
    wanted = [slot for slot in slots(stages, classifier) if slot.layer]
    for slot in wanted:
        errors.extend(misfits(slot, layers.get(slot.layer), shell))
    places = {slot.layer: slot.module for slot in wanted}
    errors.extend(_deeper(layers, places))
    if errors:
        raise MerError(_refusal(path, errors))
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
    """Return the network without any numbers, so that none can remain from a random initialisation."""
    with torch.device("meta"):
        return MicroAttentionResNet(model, in_channels=in_channels, classes=classes)


def _deeper(layers: dict[str, CaffeLayer], places: dict[str, str]) -> Iterator[str]:
    """Yield a problem if the file has weights inside blocks that a ResNet-10 does not have."""
    inside = [layer.name for layer in layers.values() if layer.blobs and layer.name.startswith(("layer_", "mask_"))]
    more = [name for name in inside if name not in places]
    if more:
        yield f"layers {', '.join(more)}: expected only the blocks of a ResNet-10, got weights of others"


def _refusal(path: str | Path, errors: list[str]) -> str:
    lines = [f"  {i}. {error}" for i, error in enumerate(errors[:SHOWN], 1)]
    if len(errors) > SHOWN:
        lines.append(f"  and {len(errors) - SHOWN} more")
    return "\n".join(
        [
            f"{path} does not fit the ResNet-10 of the micro-attention authors, with attention or without:",
            *lines,
            f"`python -m mer.weights inspect {path}` shows the content of the file",
        ]
    )


def _notes(wanted: list[Slot], layers: dict[str, CaffeLayer]) -> Iterator[str]:
    """Yield notes on unusual numbers in the imported layers."""
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
