"""Read the tensors of a weight file with `read_weights`; no code of a file is ever run.

Contract: reads checkpoints of this package, `.caffemodel` files of the authors' ResNet-10 (with this package's tensor
names), torch state dicts alone or inside a training checkpoint, and `.safetensors`. Other tensors keep the names of the
file.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import torch
from omegaconf.errors import OmegaConfBaseException
from torch import Tensor

from mer.config import ModelConfig, from_dict
from mer.errors import MerError
from mer.models.caffe.importer import BLUE_FIRST, import_caffemodel
from mer.models.checkpoint import FORMAT, require_parts
from mer.models.torch_files import WEIGHT_BYTES, UnreadableError, read_torch
from mer.utils.hashing import stream_sha256
from mer.utils.limits import require_within

#: Keys of the state dict in training checkpoints of Lightning and many others, of DeiT and timm, of plain loops.
WRAPPERS = ("state_dict", "model", "model_state_dict", "network", "net")

#: Largest size in bytes of the header of a `.safetensors` file, enough for about 100,000 tensors.
WEIGHT_HEADER_BYTES = 16 * 1024**2

#: Number types by their names in `.safetensors` files (from the table of the format, those used for weights).
SAFETENSORS = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


@dataclass(frozen=True)
class WeightFile:
    """Store the content of a weight file.

    Attributes:
        tensors: tensors by name.
        is_ours: whether the names are those of this package.
        notes: sentences for the report; the first one describes the file.
        model: configuration of its network; None if the file does not record it.
        card: card of a checkpoint of this package, else empty.
        blue_first: whether it was trained on colour images with blue as first channel.
    """

    tensors: dict[str, Tensor]
    is_ours: bool
    notes: tuple[str, ...]
    model: ModelConfig | None = None
    card: Mapping[str, Any] = field(default_factory=dict)
    blue_first: bool = False


def read_weights(path: str | Path) -> WeightFile:
    """Return the tensors and notes of a file.

    Raises:
        MerError: if there is no such file, or it is of another kind, damaged or without tensors.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise MerError(f"init.path: expected a checkpoint, a state dict or a .caffemodel, got no file at {path}")
    if path.suffix == ".caffemodel":
        return _caffe(path)
    content = _safetensors(path) if path.suffix == ".safetensors" else _torch(path)
    digest = stream_sha256(path)[:12]
    if content.get("format") == FORMAT:
        require_parts(dict(content), path)
        card = content["card"]
        notes = [f"{path.name} (sha256 {digest}...): checkpoint of this package, classes {', '.join(card['classes'])}"]
        blue_first = card.get("colours") == BLUE_FIRST
        return WeightFile(content["weights"], True, tuple(notes), _model(content["model"], path), card, blue_first)
    entry = next((key for key in WRAPPERS if isinstance(content.get(key), Mapping)), None)
    inner = content if entry is None else content[entry]
    tensors = {str(key): value for key, value in inner.items() if isinstance(value, Tensor)}
    if not tensors:
        raise MerError(f"{path}: expected tensors by name, got the entries {', '.join(map(str, content)) or 'none'}")
    notes = [f"{path.name} (sha256 {digest}...): state dict of {len(tensors)} tensors"]
    if entry is not None:
        notes.append(f"taken from the file's entry {entry}; not looked at: {_others(content, entry)}")
    if len(tensors) < len(inner):
        notes.append(f"no tensors: {', '.join(str(key) for key in inner if str(key) not in tensors)}")
    return WeightFile(tensors, False, tuple(notes))


def _model(values: dict[str, Any], path: Path) -> ModelConfig | None:
    """Return the configuration of a checkpoint's network; None if this version does not have all its options."""
    try:
        return from_dict(ModelConfig, values)
    except OmegaConfBaseException:
        return None
    except ValueError as error:
        raise MerError(f"{path} does not fit this version of the package: {error}") from error


def _others(content: Mapping[Any, Any], entry: str) -> str:
    return ", ".join(str(key) for key in content if key != entry) or "nothing else is there"


def _torch(path: Path) -> Mapping[Any, Any]:
    try:
        content = read_torch(path)
    except UnreadableError as error:
        raise MerError(
            f"{path} cannot be read as plain weights ({error}); a pickled network is not read, since that would run "
            "its code: save its state_dict() instead"
        ) from error
    if not isinstance(content, Mapping):
        raise MerError(f"{path}: expected tensors by name (a state dict), got {type(content).__name__}")
    return content


def _safetensors(path: Path) -> Mapping[Any, Any]:
    """Return the tensors of a safetensors file: 8 bytes with the length of the header, the header (JSON), the numbers.

    Each byte after the header must belong to exactly one tensor, in order. Source: README of the safetensors format.
    """
    size = path.stat().st_size
    require_within("weight_bytes", WEIGHT_BYTES, size, f"{path}: bytes")
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > size - 8:
                raise ValueError(f"expected a header inside the file of {size:,} bytes, got a length of {length:,}")
            require_within("weight_header_bytes", WEIGHT_HEADER_BYTES, length, f"{path}: bytes of its header")
            header = json.loads(file.read(length), object_pairs_hook=_no_repeats)
            header.pop("__metadata__", None)
            place = 0
            for name in sorted(header, key=lambda name: header[name]["data_offsets"]):
                place = _check_entry(name, header[name], place)
            if place != size - 8 - length:
                raise ValueError(f"expected {place:,} bytes of tensors, got {size - 8 - length:,}")
            return {str(name): _tensor(file, 8 + length, entry) for name, entry in header.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
        raise MerError(f"{path} cannot be read as safetensors ({type(error).__name__}: {error})") from error


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object as a dict; raise a ValueError if a key is in it twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("expected each name once in the header, got one twice")
    return found


def _check_entry(name: str, entry: Mapping[str, Any], place: int) -> int:
    """Return the end of a tensor's bytes; raise a ValueError unless they begin at `place` and fill its shape."""
    shape, (first, last) = entry["shape"], entry["data_offsets"]
    if not all(type(number) is int and number >= 0 for number in (*shape, first, last)):
        raise ValueError(f"tensor {name}: expected whole numbers of 0 or more, got {shape} and bytes {first} to {last}")
    if first != place or last - first != math.prod(shape) * SAFETENSORS[entry["dtype"]].itemsize:
        raise ValueError(
            f"tensor {name}: expected the bytes of shape {tuple(shape)} and type {entry['dtype']} from byte {place}, "
            f"got bytes {first} to {last}"
        )
    return int(last)


def _tensor(file: BinaryIO, start: int, entry: Mapping[str, Any]) -> Tensor:
    """Return one tensor of a safetensors file; `start` is the first byte after the header."""
    dtype, shape = SAFETENSORS[entry["dtype"]], tuple(entry["shape"])
    first, last = entry["data_offsets"]
    if first == last:
        return torch.empty(shape, dtype=dtype)
    file.seek(start + first)
    return torch.frombuffer(bytearray(file.read(last - first)), dtype=dtype).reshape(shape)


def _caffe(path: Path) -> WeightFile:
    found = import_caffemodel(path)
    notes = [
        f"{path.name} (sha256 {found.source['sha256'][:12]}...): Caffe file of the authors' ResNet-10, "
        f"release {found.model.release}",
        *found.notes,
    ]
    left = [entry.layer for entry in found.report if entry.weights and not entry.taken]
    if left:
        notes.append(f"Caffe layers with weights and no place: {', '.join(left)}")
    blue_first = found.network.in_channels == 3
    return WeightFile(dict(found.network.state_dict()), True, tuple(notes), found.model, blue_first=blue_first)
