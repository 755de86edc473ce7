"""Self-describing checkpoints: one file holds the weights and everything needed to use them.

Contract: plain tensors, dicts, lists, strings and numbers only, so that `torch.load(..., weights_only=True)` reads it
and no code runs on loading. Lightning, Hydra and this package's training code are not needed to use one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from omegaconf.errors import OmegaConfBaseException
from torch import Tensor

from mer.config import ModelConfig, as_settings, from_dict
from mer.errors import MerError
from mer.models.attention import NONE, UNITS
from mer.models.backbones.registry import BACKBONES
from mer.models.build import build
from mer.models.network import RecognitionNetwork
from mer.models.torch_files import UnreadableError, read_torch
from mer.utils.atomic_files import write_atomically
from mer.utils.plugins import LOADED

#: Marks our files, with the version of their layout.
FORMAT = "mer-checkpoint-1"

#: Width, channels and classes up to which a network is built at once: some 100 million numbers at most. For larger
#: ones the shapes are compared first, which takes seconds.
ORDINARY = 128

#: Names of weights in one message.
SHOWN = 5


class ForeignFileError(MerError):
    """A file that is there and is no checkpoint of this package: another kind of file, or a damaged one."""


def save(path: str | Path, network: RecognitionNetwork, *, model: ModelConfig, card: dict[str, Any]) -> None:
    """Write a checkpoint atomically.

    Args:
        path: where.
        network: built from `model`.
        model: its configuration.
        card: what a user must know, plain values: `classes` in logit order, `input` (of `InputConfig`), `trained_on`.
            The names of loaded plugins are added.
    """
    content = {
        "format": FORMAT,
        "model": as_settings(model),
        "in_channels": network.in_channels,
        "card": {**card, "plugins": sorted(LOADED)} if LOADED else card,
        "weights": {name: tensor.detach().cpu() for name, tensor in network.state_dict().items()},
    }
    buffer = BytesIO()
    torch.save(content, buffer)  # torch's own writer of files does not say that a disk is full
    with write_atomically(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def read(path: str | Path) -> dict[str, Any]:
    """Content of a checkpoint: `format`, `model` (of `ModelConfig`), `in_channels`, `card`, `weights`.

    Raises:
        MerError: no such file.
        ForeignFileError: not one of ours, which is a MerError too.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise MerError(f"no checkpoint at {path}; a run leaves one a fold as folds/<fold>/model.ckpt")
    try:
        content = read_torch(path)
    except UnreadableError as error:
        raise ForeignFileError(
            f"{path} cannot be read as a checkpoint of this package ({error}); expected format {FORMAT}"
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        found = content.get("format", "none") if isinstance(content, dict) else type(content).__name__
        raise ForeignFileError(f"{path} is no checkpoint of this package: expected format {FORMAT}, found {found}")
    require_parts(content, path)
    return content


def require_parts(content: dict[str, Any], path: Path) -> None:
    """Raise a ForeignFileError where a checkpoint lacks a part, or holds one of another kind."""
    card, weights = content.get("card"), content.get("weights")
    classes = card.get("classes") if isinstance(card, dict) else None
    expected = {
        "model": isinstance(content.get("model"), dict),
        "in_channels": type(content.get("in_channels")) is int,
        "card": isinstance(card, dict),
        "card.classes": isinstance(classes, (list, tuple)) and all(isinstance(name, str) for name in classes),
        "weights": isinstance(weights, dict)
        and all(isinstance(name, str) and isinstance(value, Tensor) for name, value in weights.items()),
    }
    wrong = [name for name, right in expected.items() if not right]
    if wrong:
        raise ForeignFileError(
            f"{path} is a damaged checkpoint: expected {', '.join(expected)}, got no such {', '.join(wrong)}; copy it "
            "again, or let the run make it again"
        )


def load(path: str | Path) -> tuple[RecognitionNetwork, dict[str, Any]]:
    """Network in evaluation mode on the CPU, and its card.

    Raises:
        MerError: no such file, not one of ours, or one of another version of this package.
    """
    content = read(path)
    card, weights = content["card"], content["weights"]
    try:
        model = from_dict(ModelConfig, content["model"])
        _check_plugins(model, card)
        sizes = {"in_channels": content["in_channels"], "classes": len(card["classes"])}
        options = (*asdict(model).values(), *model.options.values(), *model.attention.options.values())
        numbers = [value for value in options if isinstance(value, int)]
        if max(*numbers, *sizes.values()) > ORDINARY:
            # without numbers first: what the file says of the network may ask for more memory than there is
            with torch.device("meta"):
                shapes = {name: value.shape for name, value in build(model, **sizes).state_dict().items()}
            _require_shapes(weights, shapes)
        network = build(model, **sizes)
        network.load_state_dict(weights)
    except (TypeError, ValueError, RuntimeError, OmegaConfBaseException, MerError) as error:
        raise MerError(f"{path} does not fit this version of the package: {error}") from error
    network.card = card
    return network.eval(), card


def _require_shapes(weights: Mapping[str, Tensor], shapes: Mapping[str, torch.Size]) -> None:
    """Raise a ValueError where the weights are not those of a network of these shapes."""
    unlike = [name for name in shapes if name in weights and weights[name].shape != shapes[name]]
    for what, names in (
        ("no weights for", shapes.keys() - weights.keys()),
        ("unknown weights", weights.keys() - shapes.keys()),
        ("weights of another shape than the file's own description says:", unlike),
    ):
        if names:
            raise ValueError(f"{what} {', '.join(sorted(names)[:SHOWN])}")


def _check_plugins(model: ModelConfig, card: dict[str, Any]) -> None:
    """Raise where the backbone or the unit is not known here, and name the plugins that were there when it was made.

    They are not loaded at the word of a file, for that would run code.
    """
    unit = model.attention.unit
    if model.backbone in BACKBONES and (unit == NONE or unit in UNITS):
        return
    missing = [name for name in card.get("plugins", ()) if name not in LOADED]
    unknown = unit if model.backbone in BACKBONES else model.backbone
    remedy = f"plugins=[{','.join(missing)}], in Python mer.utils.plugins.load_plugins({missing})"
    raise MerError(
        f"its network needs {unknown!r}, which this package does not have; "
        + (
            f"this checkpoint needs a plugin of those that made it, load it first: {remedy}"
            if missing
            else "it was made by another version or with a plugin that it does not name"
        )
    )


def load_network(path: str | Path) -> RecognitionNetwork:
    """Network in evaluation mode on the CPU, with `card`; errors as of `load`."""
    return load(path)[0]
