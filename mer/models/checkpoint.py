"""Self-describing checkpoints: one file holds the weights and everything needed to use them.

Contract: plain tensors, dicts, lists, strings and numbers only, so that `torch.load(..., weights_only=True)` reads it
and no code runs on loading. Lightning, Hydra and this package's training code are not needed to use one.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from omegaconf.errors import OmegaConfBaseException

from mer.config import ModelConfig, from_dict
from mer.errors import MerError
from mer.models.build import build
from mer.models.network import RecognitionNetwork
from mer.utils.atomic_files import write_atomically

#: Marks our files, with the version of their layout.
FORMAT = "mer-checkpoint-1"


class ForeignFileError(MerError):
    """A file that is there and is no checkpoint of this package: another kind of file, or a damaged one."""


def save(path: str | Path, network: RecognitionNetwork, *, model: ModelConfig, card: dict[str, Any]) -> None:
    """Write a checkpoint atomically.

    Args:
        path: where.
        network: built from `model`.
        model: its configuration.
        card: what a user must know, plain values: `classes` in logit order, `input` (of `InputConfig`), `trained_on`.
    """
    content = {
        "format": FORMAT,
        "model": asdict(model),
        "in_channels": network.in_channels,
        "card": card,
        "weights": {name: tensor.detach().cpu() for name, tensor in network.state_dict().items()},
    }
    with write_atomically(path) as temporary:
        torch.save(content, temporary)


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
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a foreign, truncated or unsafe file
        raise ForeignFileError(
            f"{path} cannot be read as a checkpoint of this package ({error}); expected format {FORMAT}"
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        found = content.get("format", "none") if isinstance(content, dict) else type(content).__name__
        raise ForeignFileError(f"{path} is no checkpoint of this package: expected format {FORMAT}, found {found}")
    return content


def load(path: str | Path) -> tuple[RecognitionNetwork, dict[str, Any]]:
    """Network in evaluation mode on the CPU, and its card.

    Raises:
        MerError: no such file, not one of ours, or one of another version of this package.
    """
    content = read(path)
    try:
        card = content["card"]
        model = from_dict(ModelConfig, content["model"])
        network = build(model, in_channels=content["in_channels"], classes=len(card["classes"]))
        network.load_state_dict(content["weights"])
    except (KeyError, RuntimeError, OmegaConfBaseException) as error:
        raise MerError(f"{path} does not fit this version of the package: {error}") from error
    network.card = card
    return network.eval(), card


def load_network(path: str | Path) -> RecognitionNetwork:
    """Network in evaluation mode on the CPU, with `card`; errors as of `load`."""
    return load(path)[0]
