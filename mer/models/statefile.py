"""Tensors of a weight file, whoever wrote it, and what it says of itself. No code of a file is ever run.

Contract: `read_weights` gives tensors by the names of the file. It reads checkpoints of this package, `.caffemodel`
files that fit the authors' ResNet-10 (under this package's names), state dicts of torch alone or inside a training
checkpoint, and `.safetensors` where that package is installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mer.errors import MerError
from mer.models.checkpoint import FORMAT
from mer.models.weights import import_caffemodel

#: Entries under which training checkpoints keep a state dict: Lightning and many others, DeiT and timm, plain loops.
WRAPPERS = ("state_dict", "model", "model_state_dict", "network", "net")

#: Distribution package and module that read `.safetensors`.
SAFETENSORS = "safetensors"


@dataclass(frozen=True)
class WeightFile:
    """What a file holds.

    Attributes:
        tensors: by the file's own names.
        is_ours: whether the names are this package's.
        notes: what to know of it, in sentences; the first says what it is.
        release: of the pre-activation family, where the file says it.
    """

    tensors: dict[str, Tensor]
    is_ours: bool
    notes: tuple[str, ...]
    release: str | None = None


def read_weights(path: str | Path) -> WeightFile:
    """Tensors and notes of a file.

    Raises:
        MerError: no such file, none of the kinds above, damaged, or without tensors.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise MerError(f"init.path: no file at {path}; expected a checkpoint, a state dict or a .caffemodel")
    if path.suffix == ".caffemodel":
        return _caffe(path)
    content = _safetensors(path) if path.suffix == ".safetensors" else _torch(path)
    digest = sha256(path.read_bytes()).hexdigest()[:12]
    if content.get("format") == FORMAT:
        card = content["card"]
        notes = [f"{path.name} (sha256 {digest}...): checkpoint of this package, classes {', '.join(card['classes'])}"]
        return WeightFile(content["weights"], True, tuple(notes), release=content["model"].get("release"))
    entry = next((key for key in WRAPPERS if isinstance(content.get(key), Mapping)), None)
    inner = content if entry is None else content[entry]
    tensors = {str(key): value for key, value in inner.items() if isinstance(value, Tensor)}
    if not tensors:
        raise MerError(f"{path}: expected tensors by name, found the entries {', '.join(map(str, content)) or 'none'}")
    notes = [f"{path.name} (sha256 {digest}...): state dict of {len(tensors)} tensors"]
    if entry is not None:
        notes.append(f"taken from the file's entry {entry}; not looked at: {_others(content, entry)}")
    if len(tensors) < len(inner):
        notes.append(f"no tensors: {', '.join(str(key) for key in inner if str(key) not in tensors)}")
    return WeightFile(tensors, False, tuple(notes))


def _others(content: Mapping[Any, Any], entry: str) -> str:
    return ", ".join(str(key) for key in content if key != entry) or "nothing else is there"


def _torch(path: Path) -> Mapping[Any, Any]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a foreign, truncated or unsafe file
        first = str(error).strip().splitlines()[0]
        raise MerError(
            f"{path} cannot be read as plain weights ({type(error).__name__}: {first}); a whole pickled network is not "
            "read, since that would run its code: save its state_dict() instead"
        ) from error
    if not isinstance(content, Mapping):
        raise MerError(f"{path}: expected tensors by name (a state dict), found a {type(content).__name__}")
    return content


def _safetensors(path: Path) -> Mapping[Any, Any]:
    if find_spec(SAFETENSORS) is None:
        raise MerError(f"{path}: needs the package {SAFETENSORS} (pip install {SAFETENSORS}), or convert it to .pth")
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except Exception as error:  # its own error class, and those of the operating system
        raise MerError(f"{path} cannot be read as safetensors: {error}") from error


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
    return WeightFile(dict(found.network.state_dict()), True, tuple(notes), release=found.model.release)
