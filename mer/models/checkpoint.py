"""Write checkpoints with `save`, load them with `load` or `load_network`; `read` returns the content only.

Contract: one file contains the weights and all that is needed to use them, as plain tensors, dicts, lists, strings and
numbers. So `torch.load(..., weights_only=True)` reads it and loading runs no code. Lightning, Hydra and the training
code are not needed.
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

#: Marks a checkpoint of this package; the number is the version of the layout.
FORMAT = "mer-checkpoint-1"

#: Largest width, channels and classes of a network that is built at once (at most about 100 million numbers). For
#: larger values the shapes are compared first, which takes seconds.
ORDINARY = 128

#: Largest number of weights named in one message.
SHOWN = 5


class ForeignFileError(MerError):
    """Report an existing file that is not a checkpoint of this package, or a damaged one."""


def save(path: str | Path, network: RecognitionNetwork, *, model: ModelConfig, card: dict[str, Any]) -> None:
    """Write a checkpoint atomically.

    Args:
        path: the file to write.
        network: a network built from `model`.
        model: its configuration.
        card: plain values for the user: `classes` in logit order, `input` (of `InputConfig`), `trained_on`.
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
    torch.save(content, buffer)  # writing to a file directly, torch does not report a full disk
    with write_atomically(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def read(path: str | Path) -> dict[str, Any]:
    """Return the content of a checkpoint: `format`, `model` (of `ModelConfig`), `in_channels`, `card`, `weights`.

    Raises:
        MerError: if there is no such file.
        ForeignFileError: a MerError too, if the file is not a checkpoint of this package or is damaged.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise MerError(
            f"no checkpoint at {path}; a run writes one per fold as folds/<fold>/model.ckpt, unless "
            "trainer.keep_checkpoints says otherwise"
        )
    try:
        content = read_torch(path)
    except UnreadableError as error:
        raise ForeignFileError(
            f"{path} cannot be read as a checkpoint of this package ({error}); expected format {FORMAT}"
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        found = content.get("format", "none") if isinstance(content, dict) else type(content).__name__
        raise ForeignFileError(f"{path} is not a checkpoint of this package: expected format {FORMAT}, got {found}")
    require_parts(content, path)
    return content


def require_parts(content: dict[str, Any], path: Path) -> None:
    """Raise a ForeignFileError if a part of a checkpoint is missing or has a wrong type."""
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
            f"{path} is a damaged checkpoint: expected {', '.join(expected)}, got no valid {', '.join(wrong)}; copy it "
            "again, or let the run make it again"
        )


def load(path: str | Path) -> tuple[RecognitionNetwork, dict[str, Any]]:
    """Return the network in evaluation mode on the CPU, and its card.

    Raises:
        MerError: if there is no such file, it is not a checkpoint of this package, or it is of another version.
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
            # shapes only at first: a damaged description may ask for more memory than the machine has
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
    """Raise a ValueError unless the weights have exactly these names and shapes."""
    unlike = [name for name in shapes if name in weights and weights[name].shape != shapes[name]]
    for problem, names in (
        ("no weights for", shapes.keys() - weights.keys()),
        ("unknown weights", weights.keys() - shapes.keys()),
        ("another shape than in the file's own description:", unlike),
    ):
        if names:
            raise ValueError(f"{problem} {', '.join(sorted(names)[:SHOWN])}")


def _check_plugins(model: ModelConfig, card: dict[str, Any]) -> None:
    """Raise a MerError if the backbone or unit is unknown here; name the plugins loaded when the file was made.

    They are not loaded automatically, because a file must not decide what code runs.
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
            f"the checkpoint was made with a plugin that is not loaded: load it first: {remedy}"
            if missing
            else "it was made by another version or with a plugin that it does not name"
        )
    )


def load_network(path: str | Path) -> RecognitionNetwork:
    """Return the network in evaluation mode on the CPU, with its `card` set; raises the errors of `load`."""
    return load(path)[0]
