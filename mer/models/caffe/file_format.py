"""Read Caffe's binary network files with `read_bytes` and `parse_net`.

Contract: independent of any network; reads both layouts (`layer`, and `layers` of files before 2014). A file that
cannot be read completely raises a MerError; a part of a file is never returned.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from mer.errors import MerError
from mer.models.caffe.messages import NetParameter
from mer.models.caffe.wire import count_fields
from mer.utils.limits import limit, require_within

#: The two layouts of a file: `new` (field `layer`), `v1` (field `layers`, written before 2014).
LAYOUTS = ("new", "v1")

#: Largest size in bytes of a protobuf message.
MAX_BYTES = 2**31 - 1

#: Largest size in bytes of a file to read, more than VGG-16, the largest network published in this format.
CAFFE_BYTES = 640 * 1024**2

#: Largest number of layers, blobs and other fields of a file; the authors' ResNet-10 has fewer than a thousand.
CAFFE_FIELDS = 200_000

#: Largest number of dimensions of a blob (Caffe's `kMaxBlobAxes`).
MAX_AXES = 32

#: V1's numbers of the layer types with weights used here; V1 has neither BatchNorm nor Scale (0 = none).
V1_TYPES = {"Convolution": 4, "InnerProduct": 14}


@dataclass(frozen=True, eq=False)
class CaffeLayer:
    """Store one layer of a file.

    Attributes:
        name: name of the layer.
        type: Caffe's name of its type, or for example `type 5` for a V1 number that is not in `V1_TYPES`.
        blobs: its arrays, in the file's shapes and precision (float32 or float64).
        stated: parameters in the file: `pad`, `stride`, `dilation` (vertical, horizontal) and `group` of a convolution,
            `eps` of a batch normalisation; empty if the file has none.
    """

    name: str
    type: str = ""
    blobs: tuple[np.ndarray, ...] = ()
    stated: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CaffeNet:
    """Store a whole file: its layers in order, the network's name, and the layout (one of `LAYOUTS`)."""

    layers: tuple[CaffeLayer, ...]
    name: str = ""
    layout: str = "new"


def read_bytes(path: str | Path) -> bytes:
    """Return the content of a `.caffemodel`.

    Raises:
        MerError: if there is no such file, it cannot be read, or it is larger than protobuf allows.
        LimitError: a MerError too, if it is larger than the limit `caffe_bytes`.
    """
    path = Path(path)
    if not path.is_file():
        raise MerError(f"no Caffe file at {path}; expected a downloaded or trained .caffemodel")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise MerError(
            f"{path} is not a .caffemodel: expected at most {MAX_BYTES} bytes (protobuf's limit), got {size}"
        )
    require_within("caffe_bytes", CAFFE_BYTES, size, f"{path}: bytes")
    try:
        return path.read_bytes()
    except OSError as error:
        raise MerError(f"{path} cannot be read: {error}") from error


def parse_net(data: bytes, where: str | Path) -> CaffeNet:
    """Return the network in the content of a file.

    Args:
        data: the content.
        where: name of the file, for messages.

    Raises:
        MerError: if the content is empty, truncated, of another kind or of both layouts, or a blob does not fill its
            shape.
        LimitError: a MerError too, if it has more fields than the limit `caffe_fields`.
    """
    if not data:
        raise MerError(f"{where} is empty; expected a Caffe network (.caffemodel): download or copy it again")
    if data[:99].lstrip().startswith((b"layer {", b"layers {", b'name: "')):
        raise MerError(f"{where} is a network's definition (.prototxt); expected its weights (.caffemodel)")
    require_within(
        "caffe_fields",
        CAFFE_FIELDS,
        count_fields(data, limit("caffe_fields", CAFFE_FIELDS)),
        f"{where}: layers and their fields",
    )
    message = NetParameter()
    try:
        message.ParseFromString(data)
        if message.layer and message.layers:
            raise MerError(f"{where}: expected layers of one layout of {LAYOUTS}, got both, which Caffe rejects too")
        layout = "v1" if message.layers else "new"
        layers = tuple(_layer(each, where) for each in (message.layers or message.layer))
        name = _text(message.name)
    except (DecodeError, UnicodeDecodeError) as error:
        raise MerError(
            f"{where} cannot be read as a Caffe network ({len(data):,} bytes: {error}); it is truncated or of another "
            "kind: compare its size or checksum with the source and copy it again"
        ) from error
    if not layers:
        raise MerError(f"{where} has no layers; expected a Caffe network (.caffemodel) with weights")
    return CaffeNet(layers=layers, name=name, layout=layout)


def _layer(message: Any, where: str | Path) -> CaffeLayer:
    name, kind = _text(message.name), message.type
    names = {number: name for name, number in V1_TYPES.items()}
    kind = names.get(kind, f"type {kind}") if isinstance(kind, int) else _text(kind)
    blobs = tuple(_blob(blob, f"{where}: layer {name}") for blob in message.blobs)
    return CaffeLayer(name=name, type=kind, blobs=blobs, stated=dict(_stated(message)))


def _text(value: str | bytes) -> str:
    """Return a string field as text; protobuf returns bytes if they are not UTF-8, and decoding them then raises."""
    return value.decode() if isinstance(value, bytes) else value


def _blob(message: Any, where: str) -> np.ndarray:
    """Return the array of one blob in the shape given in the file."""
    if len(message.shape.dim) > MAX_AXES:
        raise MerError(f"{where}: expected at most {MAX_AXES} dimensions, got {len(message.shape.dim)}")
    if message.HasField("shape"):
        shape = tuple(message.shape.dim)
    elif any(message.HasField(key) for key in ("num", "channels", "height", "width")):
        shape = (message.num, message.channels, message.height, message.width)
    else:
        shape = ()
    values, kind = (message.double_data, np.float64) if len(message.double_data) else (message.data, np.float32)
    if any(side < 0 for side in shape) or math.prod(shape) != len(values):
        raise MerError(
            f"{where}: expected a blob of shape {shape}, got {len(values)} numbers: the file is damaged, copy it again"
        )
    return np.array(values, dtype=kind).reshape(shape)


def _stated(message: Any) -> Iterator[tuple[str, Any]]:
    """Return the parameters `CaffeLayer.stated` of a layer, with Caffe's defaults for missing ones of a convolution."""
    if message.HasField("convolution_param"):
        given = message.convolution_param
        for key, default in (("pad", 0), ("stride", 1), ("dilation", 1)):
            pair = getattr(given, key) or [default]
            pair = [pair[0], pair[-1]]
            if key != "dilation" and given.HasField(f"{key}_h"):
                pair = [getattr(given, f"{key}_h"), getattr(given, f"{key}_w")]
            yield key, tuple(pair)
        yield "group", given.group if given.HasField("group") else 1
    if "batch_norm_param" in message.DESCRIPTOR.fields_by_name and message.HasField("batch_norm_param"):
        yield "eps", message.batch_norm_param.eps if message.batch_norm_param.HasField("eps") else 1e-5
