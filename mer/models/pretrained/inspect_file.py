"""Describe what a checkpoint, a Caffe file or a state dict holds: call `inspect`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mer.errors import MerError
from mer.models import checkpoint
from mer.models.build import count_parameters
from mer.models.caffe.file_format import parse_net, read_bytes
from mer.models.caffe.importer import Imported, import_caffemodel
from mer.models.caffe.layers import shapes_text
from mer.models.pretrained.weight_files import read_weights

#: First bytes of a zip archive, which is what torch writes.
ZIP = b"PK\x03\x04"

#: First bytes of older torch files.
PICKLE = b"\x80"

#: Long lists in a card, of which only the length is printed.
LISTED = ("subjects", "samples", "pictures")


def facts(found: Imported) -> str:
    """Return one line on a network: depth, release, attention, input channels, classes, parameters."""
    attention = f"released attention in stages {found.model.attention.stages}" if found.network.stages else "plain"
    network = found.network
    return (
        f"ResNet-{found.model.depth}, release {found.model.release}, {attention}; {network.in_channels} input "
        f"channels, {network.classes} classes, {count_parameters(network):,} parameters"
    )


def inspect(path: str | Path) -> Iterator[str]:
    """Yield lines on the content of a checkpoint, a Caffe file or a state dict of torch.

    Raises:
        MerError: if the file is none of these, or damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise MerError(f"no file at {path}; expected a checkpoint (model.ckpt, .pt) or a .caffemodel")
    with path.open("rb") as file:
        first = file.read(len(ZIP))
    is_torch = first == ZIP or first.startswith(PICKLE) or path.suffix == ".safetensors"
    yield from _torch(path) if is_torch else _caffe(path)


def _torch(path: Path) -> Iterator[str]:
    try:
        content = checkpoint.read(path)
    except checkpoint.ForeignFileError:
        file = read_weights(path)
        yield f"{path}: {'; '.join(file.notes)}"
        yield "no checkpoint of this package, yet a run may begin with it (init=file) where its network is the run's"
        width = max(map(len, file.tensors))
        yield from (f"  {name:{width}}  {tuple(tensor.shape)}" for name, tensor in file.tensors.items())
        return
    network, _ = checkpoint.load(path)
    yield f"{path}: checkpoint of this package ({content['format']}), {count_parameters(network):,} parameters"
    for key in ("model", "in_channels", "card"):
        yield f"{key}: {json.dumps(_counted(content[key]), indent=2, ensure_ascii=False, default=str)}"


def _counted(value: Any) -> Any:
    """Return the value with the long lists (`LISTED`) replaced by their lengths."""
    if not isinstance(value, dict):
        return value
    return {
        key: f"{len(inner)} listed" if key in LISTED and isinstance(inner, list) else _counted(inner)
        for key, inner in value.items()
    }


def _caffe(path: Path) -> Iterator[str]:
    net = parse_net(read_bytes(path), path)
    yield f"{path}: Caffe network {net.name or '(no name)'}, {net.layout} layout, {len(net.layers)} layers"
    width = max(len(layer.name) for layer in net.layers)
    for layer in net.layers:
        shapes = shapes_text([blob.shape for blob in layer.blobs])
        yield f"  {layer.name:{width}}  {layer.type:12}  {shapes or 'no weights'}"
    try:
        found = import_caffemodel(path)
    except MerError as error:
        yield f"cannot be imported: {error}"
    else:
        yield f"can be imported: {facts(found)}"
        yield from (f"note: {note}" for note in found.notes)
