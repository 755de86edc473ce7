"""Convert the authors' Caffe layers to a state dict with `decode`.

Contract: `slots` lists the names of all layers, `misfits` returns all reasons why layers do not fit, and `decode` makes
a state dict of layers that fit. Only ResNet-10 is supported, since the authors published no names for deeper networks.
Source: the definitions that the authors released; for the blobs of BatchNorm, Caffe itself.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mer.models.backbones.preact_options import CHANNELS
from mer.models.caffe.file_format import CaffeLayer

#: Release by the name of the classifier.
CLASSIFIERS = {"classifier-Expressions": "single", "classifier-Micro_expression": "megc2019"}

State = dict[str, Tensor]


@dataclass(frozen=True)
class Slot:
    """Map one layer with weights, by its name in Caffe, to a module of the network.

    The kind is `statistics` (BatchNorm), `affine` (Scale), `kernel` or `average` (Convolution), or `classifier`.
    """

    layer: str
    kind: str
    module: str


def slots(stages: Collection[int], classifier: str) -> list[Slot]:
    """Return all layers with weights, in order, of a ResNet-10 with released micro-attention in `stages` (of 1..4)."""
    found = [
        *_normalisation("data_bn", "data_scale", "data_bn"),
        Slot("conv1", "kernel", "conv1"),
        *_normalisation("conv1_bn", "conv1_scale", "bn1"),
    ]
    for stage, channels in enumerate(CHANNELS, 1):
        layer, block = f"layer_{channels}_1", f"layer{stage}.0"
        if stage > 1:
            found += _normalisation(f"{layer}_bn1", f"{layer}_scale1", f"{block}.bn1")
        found.append(Slot(f"{layer}_conv1", "kernel", f"{block}.conv1"))
        found += _normalisation(f"{layer}_bn2", f"{layer}_scale2", f"{block}.bn2")
        found.append(Slot(f"{layer}_conv2", "kernel", f"{block}.conv2"))
        if stage > 1:
            found.append(Slot(f"{layer}_conv_expand", "kernel", f"{block}.shortcut"))
        if stage in stages:
            learned, fixed = mask_layers(channels)
            found.append(Slot(learned, "kernel", f"{block}.attention.project.conv"))
            found.append(Slot(fixed, "average", f"{block}.attention.project.conv"))
    return [*found, *_normalisation("last_bn", "last_scale", "last_bn"), Slot(classifier, "classifier", "fc")]


def mask_layers(channels: int) -> tuple[str, str]:
    """Return the names of the learned 1x1 convolution 3C -> C of an attention unit and of the fixed one C -> 1."""
    return f"mask_Concat_{channels}_1x1", f"mask_Concat_{channels}_1x1_one"


def _normalisation(statistics: str, affine: str, module: str) -> list[Slot]:
    return [Slot(statistics, "statistics", module), Slot(affine, "affine", module)]


def same_shape(found: tuple[int, ...], expected: tuple[int, ...]) -> bool:
    """Return whether two shapes are equal after removing ones at both ends.

    Such arrays have the same numbers in the same order. Old files write (1, 1, K, C) for a matrix and (1, 1, 1, C) for
    a vector; a 1x1 convolution is a matrix too.
    """
    return _core(found) == _core(expected)


def _core(shape: tuple[int, ...]) -> tuple[int, ...]:
    sides = [i for i, side in enumerate(shape) if side != 1]
    return tuple(shape[sides[0] : sides[-1] + 1]) if sides else ()


def expected_shapes(slot: Slot, network: nn.Module) -> list[tuple[int, ...]]:
    """Return the shapes of a slot's blobs, in order."""
    module: Any = network.get_submodule(slot.module)
    if slot.kind == "statistics":
        return [*[tuple(module.weight.shape)] * 2, (1,)]
    if slot.kind == "average":
        return [(1, module.weight.shape[0], 1, 1)]
    return [tuple(parameter.shape) for parameter in module.parameters()]


def misfits(slot: Slot, layer: CaffeLayer | None, network: nn.Module) -> Iterator[str]:
    """Yield the reasons why a layer does not fit its slot: missing, shapes, numbers or geometry, one sentence each."""
    expected = expected_shapes(slot, network)
    if layer is None or not layer.blobs:
        missing = "no layer of this name" if layer is None else "no weights"
        yield f"layer {slot.layer}: expected blobs {shapes_text(expected)}, got {missing}"
        return
    shapes = [blob.shape for blob in layer.blobs]
    if len(shapes) != len(expected) or not all(map(same_shape, shapes, expected)):
        yield f"layer {slot.layer}: expected blobs {shapes_text(expected)}, got {shapes_text(shapes)}"
        return
    if not all(np.isfinite(blob).all() for blob in layer.blobs):
        yield f"layer {slot.layer}: expected finite numbers, got infinite ones or nan"
    if slot.kind == "statistics" and (_average(layer.blobs[1], layer.blobs[2]) < 0).any():
        yield f"layer {slot.layer}: expected variances of 0 or more, got a negative one"
    for key, value in geometry(slot, network.get_submodule(slot.module)).items():
        stated = layer.stated.get(key, value)
        # Caffe keeps eps in float32
        if not (math.isclose(stated, value, rel_tol=1e-6) if key == "eps" else stated == value):
            yield f"layer {slot.layer}: expected {key} {value}, got {stated}"


def geometry(slot: Slot, module: Any) -> dict[str, Any]:
    """Return the parameters of a module that Caffe stores besides the blobs, as in `CaffeLayer.stated`."""
    if slot.kind == "statistics":
        return {"eps": module.eps}
    if slot.kind == "kernel":
        return {"pad": module.padding, "stride": module.stride, "dilation": module.dilation, "group": module.groups}
    return {}


def shapes_text(shapes: Collection[tuple[int, ...]]) -> str:
    """Return shapes as text like `(64, 1, 7, 7) + (64,)`."""
    return " + ".join(str(tuple(shape)) for shape in shapes)


def decode(wanted: Collection[Slot], layers: Mapping[str, CaffeLayer], network: nn.Module) -> State:
    """Return a float32 state dict, in the network's shapes, from layers that fit their slots (see `misfits`).

    The fixed mean over C channels is part of our module. If the file's second convolution v is not exactly 1/C (a
    definition may round it), its weights are multiplied into the first: mean_c(C v_c W_c . z) = sum_c v_c (W_c . z).
    """
    exact: dict[str, np.ndarray] = {}
    for slot in wanted:
        blobs, name = layers[slot.layer].blobs, slot.module
        if slot.kind == "statistics":
            exact[f"{name}.running_mean"] = _average(blobs[0], blobs[2])
            exact[f"{name}.running_var"] = _average(blobs[1], blobs[2])
        elif slot.kind == "average":
            rows = blobs[0].astype(np.float64).reshape(-1, 1)
            kernel = exact[f"{name}.weight"]
            exact[f"{name}.weight"] = (kernel.reshape(len(rows), -1) * (len(rows) * rows)).reshape(kernel.shape)
        else:
            # only conv1 and the classifier have a bias
            exact |= {
                f"{name}.{key}": blob.astype(np.float64) for key, blob in zip(("weight", "bias"), blobs, strict=False)
            }
    ours = network.state_dict()
    state = {key: torch.from_numpy(value).float().reshape(ours[key].shape) for key, value in exact.items()}
    # the file does not store the number of averaged batches; nothing depends on it with a fixed momentum
    counters = [key for key in ours if key.endswith(".num_batches_tracked")]
    return state | {key: torch.zeros((), dtype=torch.long) for key in counters}


def _average(total: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Return a running statistic, which is the stored sum divided by Caffe's scale factor, or 0 if the factor is 0."""
    f = float(factor.reshape(()))
    return total.astype(np.float64) / f if f else np.zeros(total.shape)
