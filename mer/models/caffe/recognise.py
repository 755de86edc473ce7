"""Recognise the network of a Caffe file by its layers: input channels, classifier and release.

Contract: errors are added to a list, so that all are reported at once.
"""

from __future__ import annotations

from mer.models.backbones.preact_options import CHANNELS, RELEASES
from mer.models.caffe.file_format import CaffeLayer
from mer.models.caffe.layers import CLASSIFIERS, same_shape, shapes_text


def layers_by_name(layers: tuple[CaffeLayer, ...], errors: list[str]) -> dict[str, CaffeLayer]:
    """Return the layers by name; of two with the same name (a training and a test input) the one with weights."""
    found: dict[str, CaffeLayer] = {}
    for layer in layers:
        if layer.blobs and layer.name in found and found[layer.name].blobs:
            errors.append(f"layer {layer.name}: expected one layer with weights of this name, got two")
        elif layer.blobs or layer.name not in found:
            found[layer.name] = layer
    return found


def in_channels_of(conv1: CaffeLayer | None) -> int:
    """Return the input channels of the first convolution; 1 if it is missing, which `misfits` reports."""
    shape = conv1.blobs[0].shape if conv1 is not None and conv1.blobs else ()
    return max(1, int(shape[1])) if len(shape) == 4 else 1


def find_classifier(layers: dict[str, CaffeLayer], known: set[str], errors: list[str]) -> tuple[str, int]:
    """Return (name, classes) of the classifier, found by its name, else by its shapes.

    If there is not exactly one, it adds a problem and returns ("", 2).
    """
    width = CHANNELS[-1]
    candidates = [name for name in CLASSIFIERS if name in layers]
    if not candidates:
        candidates = [name for name, layer in layers.items() if name not in known and _classes(layer) > 1]
    expected = f"expected one classifier of blobs (K, {width}) + (K,), K 2 or more"
    if len(candidates) != 1:
        named = f"named {' or '.join(CLASSIFIERS)}, or otherwise if its shapes fit"
        errors.append(f"{expected} ({named}), got {', '.join(candidates) or 'none'}")
        return "", 2
    classes = _classes(layers[candidates[0]])
    if classes < 2:
        shapes = shapes_text([blob.shape for blob in layers[candidates[0]].blobs])
        errors.append(f"layer {candidates[0]}: {expected}, got {shapes or 'no weights'}")
        return "", 2
    return candidates[0], classes


def _classes(layer: CaffeLayer) -> int:
    """Return the number of classes if the layer's blobs are those of a classifier, else 0."""
    if len(layer.blobs) != 2:
        return 0
    classes = layer.blobs[1].size
    matrix = same_shape(layer.blobs[0].shape, (classes, CHANNELS[-1]))
    return classes if matrix and same_shape(layer.blobs[1].shape, (classes,)) else 0


def find_release(classifier: str, stages: list[int], errors: list[str]) -> str:
    """Return the release by the classifier's name; a network without attention is the common ResNet-10, `single`."""
    if classifier in CLASSIFIERS:
        return CLASSIFIERS[classifier]
    if classifier and stages:
        names = ", ".join(f"{name} ({release})" for name, release in CLASSIFIERS.items())
        errors.append(
            f"layer {classifier}: expected a classifier whose name gives the release of a network with attention, "
            f"{names}; pass the release (release=..., --release ...)"
        )
    return RELEASES[0]
