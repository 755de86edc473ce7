"""Declare `NetParameter`, the message of Caffe's binary files, without the protobuf compiler.

Contract: declares only the fields for weights and for the geometry of layers; protobuf skips all others.
Source: field numbers of BVLC Caffe's `caffe.proto`.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

#: Message -> field -> (number, type, repeated). Repeated numbers are packed if caffe.proto packs them.
MESSAGES: dict[str, dict[str, tuple[int, str, str]]] = {
    "BlobShape": {"dim": (1, "int64", "packed")},
    "BlobProto": {
        "num": (1, "int32", ""),
        "channels": (2, "int32", ""),
        "height": (3, "int32", ""),
        "width": (4, "int32", ""),
        "data": (5, "float", "packed"),
        "shape": (7, "BlobShape", ""),
        "double_data": (8, "double", "packed"),
    },
    "BatchNormParameter": {"eps": (3, "float", "")},
    "ConvolutionParameter": {
        "pad": (3, "uint32", "repeated"),
        "group": (5, "uint32", ""),
        "stride": (6, "uint32", "repeated"),
        "pad_h": (9, "uint32", ""),
        "pad_w": (10, "uint32", ""),
        "stride_h": (13, "uint32", ""),
        "stride_w": (14, "uint32", ""),
        "dilation": (18, "uint32", "repeated"),
    },
    "LayerParameter": {
        "name": (1, "string", ""),
        "type": (2, "string", ""),
        "blobs": (7, "BlobProto", "repeated"),
        "convolution_param": (106, "ConvolutionParameter", ""),
        "batch_norm_param": (139, "BatchNormParameter", ""),
    },
    "V1LayerParameter": {
        "name": (4, "string", ""),
        # an enumeration in caffe.proto, stored as a number
        "type": (5, "int32", ""),
        "blobs": (6, "BlobProto", "repeated"),
        "convolution_param": (10, "ConvolutionParameter", ""),
    },
    "NetParameter": {
        "name": (1, "string", ""),
        "layers": (2, "V1LayerParameter", "repeated"),
        "layer": (100, "LayerParameter", "repeated"),
    },
}


def _declare() -> dict[str, Any]:
    """Return the message classes of `MESSAGES`, in their own pool to avoid clashes with an installed Caffe."""
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="mer_caffe.proto", package="mer_caffe", syntax="proto2")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for key, (number, kind, repeated) in fields.items():
            label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
            entry = message.field.add(name=key, number=number, label=label)
            if kind in MESSAGES:
                entry.type, entry.type_name = kinds.TYPE_MESSAGE, f".{file.package}.{kind}"
            else:
                entry.type = getattr(kinds, f"TYPE_{kind.upper()}")
            if repeated == "packed":
                entry.options.packed = True
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = {name: pool.FindMessageTypeByName(f"{file.package}.{name}") for name in MESSAGES}
    return {name: message_factory.GetMessageClass(descriptor) for name, descriptor in found.items()}


#: The top message of every file.
NetParameter = _declare()["NetParameter"]
