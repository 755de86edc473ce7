"""Load what turns a motion map into probabilities: `load_prior` (packaged networks), `load_recognisers` (files).

Contract: a recogniser is a network with its card. The card says how its input is made and, under `calibration`, how its
probabilities are corrected and from which value on they are believed; without it they are taken as they are. Loading
runs no code of a file. The packaged networks were trained on drawn motion alone (`mer weights prior`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from omegaconf.errors import OmegaConfBaseException
from scipy.special import expit, softmax

from mer.config import InputConfig, from_dict
from mer.config_check import limit_errors
from mer.errors import MerError
from mer.inputs.representations.registry import REPRESENTATIONS
from mer.models import checkpoint
from mer.models.network import RecognitionNetwork

#: Folder of the packaged networks.
PRIOR = Path(__file__).parent / "prior"
#: Files in it.
EMOTIONS_FILE, UNITS_FILE = "emotions.ckpt", "units.ckpt"
#: Task of a card that recognises action units; a card without a task recognises classes.
ACTION_UNITS = "action_units"
#: Representation of maps that others made from two frames; ours are made by the second one.
GIVEN, MEASURED = "motion_map", "flow"

#: Threshold and lowest certain probability where a card has none.
HALF = 0.5

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Recogniser:
    """A network with its card.

    Attributes:
        network: in evaluation mode.
        input: how its input is made from two frames.
        source: path of its file, for messages.
    """

    network: RecognitionNetwork
    input: InputConfig
    source: str

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the K outputs, classes or units such as `AU12`."""
        return tuple(self.network.card["classes"])

    @property
    def units(self) -> bool:
        """Return whether the outputs are action units, each with a probability of its own."""
        return self.network.card.get("task") == ACTION_UNITS

    @cached_property
    def calibration(self) -> Mapping[str, Any]:
        """Return slope, offset and threshold of each output, and `uncertain_below`.

        They are those of the card's entry `calibration`; thresholds of units also those that a run chose. What the card
        does not say changes nothing, or is one half.
        """
        count, card = len(self.names), self.network.card
        chosen = card.get("thresholds", {})
        plain = {
            "slope": [1.0] * count,
            "offset": [0.0] * count,
            "threshold": [chosen.get(name, HALF) for name in self.names],
            "uncertain_below": HALF,
        }
        return {**plain, **card.get("calibration", {})}

    def probabilities(self, inputs: npt.NDArray[np.float32]) -> Values:
        """Return the calibrated probabilities (N, K) of inputs (N, C, S, S), means over each and its mirror image.

        Those of classes sum to 1 in each row, those of units stand for themselves.
        """
        found: Values = calibrated(self.logits(inputs), self.calibration, units=self.units)
        return found

    @torch.inference_mode()
    def logits(self, inputs: npt.NDArray[np.float32]) -> Values:
        """Return the logits (2, N, K) of inputs (N, C, S, S) and of their mirror images, before calibration."""
        signs = REPRESENTATIONS[self.input.representation].flip_signs or (1,) * inputs.shape[1]
        images = torch.from_numpy(np.array(inputs, dtype=np.float32))
        mirrored = images.flip(-1) * torch.tensor(signs, dtype=images.dtype).view(-1, 1, 1)
        return torch.stack([self.network(part).double() for part in (images, mirrored)]).numpy()


def calibrated(logits: Values, calibration: Mapping[str, Any], *, units: bool) -> Values:
    """Return probabilities (N, K) of logits (2, N, K): each corrected by slope and offset, then the mean of the two."""
    corrected = logits * np.array(calibration["slope"]) + np.array(calibration["offset"])
    found: Values = (expit(corrected) if units else softmax(corrected, axis=-1)).mean(axis=0)
    return found


def load_prior() -> list[Recogniser]:
    """Return the packaged networks for emotions and for action units, trained on drawn motion alone."""
    return [_load(PRIOR / name) for name in (EMOTIONS_FILE, UNITS_FILE)]


def load_recognisers(paths: Sequence[str | Path]) -> list[Recogniser]:
    """Return the networks of checkpoints, and the packaged one for a task that none of them has.

    Raises:
        MerError: a file is no checkpoint, its input is no motion between two frames, its calibration does not fit its
            outputs, or two of one task have other outputs.
    """
    found = [_load(path) for path in paths]
    for one in found:
        first = next(other for other in found if other.units == one.units)
        if sorted(one.names) != sorted(first.names):
            raise MerError(
                f"{one.source}: expected the outputs of {first.source} ({', '.join(first.names)}) for a common answer, "
                f"got {', '.join(one.names)}; give checkpoints of the same classes, or one at a time"
            )
    tasks = {one.units for one in found}
    return [*found, *(one for one in load_prior() if one.units not in tasks)]


def _load(path: str | Path) -> Recogniser:
    network, card = checkpoint.load(path)
    try:
        config = from_dict(InputConfig, dict(card["input"]))
        wrong = limit_errors(config, "input")
        if wrong:
            raise ValueError("; ".join(wrong))
    except (KeyError, TypeError, ValueError, OmegaConfBaseException, MerError) as error:
        raise MerError(
            f"{path}: expected a card that says how its input is made, got none that can be read: {error}"
        ) from error
    known = REPRESENTATIONS.get(config.representation)
    if known is None or not known.motion:
        raise MerError(
            f"{path}: expected a network of motion between two frames (input=flow, flow_uv or motion_map), which is "
            f"measured on aligned faces here, got input={config.representation}"
        )
    if config.representation == GIVEN:
        config = replace(config, representation=MEASURED, stabilise=True)
    found = Recogniser(network, config, str(path))
    strange = [name for name in found.names if found.units and not re.fullmatch(r"AU\d{1,2}", name)]
    if strange:
        raise MerError(f"{path}: expected names of action units such as AU12 in its card, got {strange[0]!r}")
    _check_calibration(found)
    return found


def _check_calibration(one: Recogniser) -> None:
    """Raise a MerError unless every list of the calibration has a finite number for each output."""
    card, count = one.network.card, len(one.names)
    if not all(isinstance(card.get(key, {}), Mapping) for key in ("calibration", "thresholds")):
        raise MerError(f"{one.source}: expected calibration and thresholds of its card as tables, got others")
    for key in ("slope", "offset", "threshold", "uncertain_below"):
        values = one.calibration[key]
        numbers = values if isinstance(values, list) else [values]
        wanted = 1 if key == "uncertain_below" else count
        if len(numbers) != wanted or not all(isinstance(one, (int, float)) and isfinite(one) for one in numbers):
            raise MerError(
                f"{one.source}: expected calibration.{key} of its card as {wanted} finite numbers, got {values!r}"
            )
