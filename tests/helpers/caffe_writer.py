"""Write a network of ours as a Caffe file, which `mer` only reads: call `to_caffemodel`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mer.models.attention import ReleasedProjection
from mer.models.backbones.preact_resnet import MicroAttentionResNet
from mer.models.caffe.file_format import V1_TYPES, CaffeLayer, CaffeNet
from mer.models.caffe.layers import CLASSIFIERS, Slot, geometry, slots
from mer.models.caffe.messages import NetParameter


def serialise_net(net: CaffeNet) -> bytes:
    """Return the content of a `.caffemodel` in the layout of `net`, with float32 blobs; V1 shapes have four numbers."""
    message = NetParameter(name=net.name)
    for layer in net.layers:
        v1 = net.layout == "v1"
        target = message.layers.add() if v1 else message.layer.add()
        target.name = layer.name
        target.type = V1_TYPES.get(layer.type, 0) if v1 else layer.type
        for key in ("pad", "stride", "dilation"):
            if key in layer.stated:
                getattr(target.convolution_param, key).extend(layer.stated[key])
        if "group" in layer.stated:
            target.convolution_param.group = layer.stated["group"]
        if "eps" in layer.stated and not v1:
            target.batch_norm_param.eps = layer.stated["eps"]
        for blob in layer.blobs:
            proto = target.blobs.add()
            proto.data.extend(np.asarray(blob, dtype=np.float32).ravel().tolist())
            if not v1:
                proto.shape.dim.extend(blob.shape)
            else:
                proto.num, proto.channels, proto.height, proto.width = (1,) * (4 - blob.ndim) + blob.shape
    return message.SerializeToString()


#: Caffe's layer type by the kind of a slot.
TYPES = {
    "statistics": "BatchNorm",
    "affine": "Scale",
    "kernel": "Convolution",
    "average": "Convolution",
    "classifier": "InnerProduct",
}


def to_caffemodel(network: MicroAttentionResNet, *, layout: str = "new", name: str = "mer") -> bytes:
    """Return the content of a `.caffemodel` with the layer names of the network's release.

    It can be used with the authors' definition: it has the layers with weights, and Caffe reads the graph from a
    `.prototxt`. A folded unit is written as C equal rows, so their mean is the unit. The input channels stay in the
    network's order; a run on colour images has red first, Caffe's readers have blue first.
    """
    classifier = {release: layer for layer, release in CLASSIFIERS.items()}[network.release]
    layers = []
    for slot in slots(network.stages, classifier):
        blobs = tuple(each.detach().cpu().numpy() for each in _blobs(slot, network))
        # a folded unit has no convolution module, and 1x1 convolutions have Caffe's default geometry
        attends = ".attention." in slot.module
        stated = {} if attends else geometry(slot, network.get_submodule(slot.module))
        layers.append(CaffeLayer(slot.layer, TYPES[slot.kind], blobs, stated))
    return serialise_net(CaffeNet(tuple(layers), name=name, layout=layout))


def _blobs(slot: Slot, network: nn.Module) -> list[Tensor]:
    """Return the tensors of one layer in Caffe's order and shapes."""
    if ".attention." in slot.module:
        project: Any = network.get_submodule(slot.module.removesuffix(".conv"))
        channels = project.channels
        if slot.kind == "average":
            return [torch.full((1, channels, 1, 1), 1 / channels)]
        if isinstance(project, ReleasedProjection):
            return [project.conv.weight]
        return [project.weight.reshape(1, -1, 1, 1).expand(channels, -1, -1, -1)]
    module: Any = network.get_submodule(slot.module)
    if slot.kind == "statistics":
        return [module.running_mean, module.running_var, torch.ones(1)]
    return list(module.parameters())
