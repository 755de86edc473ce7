"""Draw where each data set moves, before and after its registration, beside the drawing: one row a set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mer.inputs.frames.image_files import write_image
from mer.inputs.registration import Similarity, energies, warp
from mer.train.experiment.experiment import Experiment
from mer.train.fold.fold_registration import reference_energy

#: Side of a tile and gap between tiles, pixels.
TILE, GAP = 140, 4


def write_picture(path: Path, experiment: Experiment, found: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the picture of `fold_registration.summary`: mean size of motion as it is, as found, and as drawn."""
    reference = _tile(reference_energy(experiment.config))
    sets = experiment.table.frame["dataset"].to_numpy()
    rows = []
    for name, one in found.items():
        energy = energies(experiment.inputs[sets == name]).mean(axis=0)
        moved = warp(energy, Similarity(one["scale"], one["right"], one["down"]))
        rows.append(np.hstack([_tile(energy), _tile(moved), reference]))
    write_image(path, np.repeat(np.vstack(rows)[..., None], 3, axis=2))


def _tile(energy: np.ndarray) -> np.ndarray:
    """Mean of energy (3, S, S) over channels, each over its own mean, as grey levels with a gap right and below."""
    grey = (energy / energy.mean(axis=(1, 2), keepdims=True)).mean(axis=0)
    grey = np.clip(grey / np.percentile(grey, 99) * 255, 0, 255).astype(np.uint8)
    side = cv2.resize(grey, (TILE, TILE), interpolation=cv2.INTER_NEAREST)
    return np.pad(side, ((0, GAP), (0, GAP)), constant_values=255)
