"""What a trained network says of clips: probabilities, each clip once, and attention maps.

Contract: a plain loop on one device. Lightning's own test loop pads the last batch when several processes share it, so
that a sample would be scored twice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch.utils.data import DataLoader

from mer.evaluation.predictions import PROBABILITY_PREFIX
from mer.inputs.representations.registry import REPRESENTATIONS
from mer.models.network import RecognitionNetwork
from mer.protocols.registry import Fold
from mer.train.experiment.experiment import Experiment


def predict_fold(experiment: Experiment, fold: Fold, network: RecognitionNetwork, loader: DataLoader) -> pd.DataFrame:
    """Predictions of the fold's test samples, one row each, in the pooled table's columns."""
    chosen = REPRESENTATIONS[experiment.config.input.representation]
    signs = chosen.flip_signs or (1,) * experiment.inputs.shape[1] if experiment.config.evaluation.flip else None
    rows, probabilities = predict(network, loader, mirror=signs)
    if not np.isfinite(probabilities).all():
        raise FloatingPointError("training diverged: the network gives no finite probabilities; try a lower optim.lr")
    frame, classes = experiment.table.frame.iloc[rows], experiment.table.classes
    columns = {name: frame[name].to_numpy() for name in ("sample_id", "dataset", "subject")}
    table = pd.DataFrame({**columns, "fold": fold.name, "label": frame["label"].to_numpy()})
    table["predicted"] = [classes[k] for k in probabilities.argmax(axis=1)]
    for k, name in enumerate(classes):
        table[f"{PROBABILITY_PREFIX}{name}"] = probabilities[:, k]
    return table


@torch.inference_mode()
def predict(
    network: torch.nn.Module, loader: DataLoader, *, mirror: Sequence[int] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers (N,) and class probabilities (N, K) float64 of a loader's samples, in the loader's order.

    Args:
        network: what predicts, put into evaluation mode.
        loader: batches with `image` and `row`.
        mirror: sign of each channel under a left-right mirror; where given, the probabilities are the mean of those of
            the input and of its mirror image.
    """
    network.eval()
    device = next(network.parameters()).device
    rows, probabilities = [], []
    for batch in loader:
        images = batch["image"].to(device)
        found = network(images).double().softmax(dim=1)
        if mirror is not None:
            signs = torch.tensor(mirror, dtype=images.dtype, device=device).view(-1, 1, 1)
            found = (found + network(images.flip(-1) * signs).double().softmax(dim=1)) / 2
        probabilities.append(found.cpu().numpy())
        rows.append(batch["row"].numpy())
    return np.concatenate(rows), np.concatenate(probabilities)


def attention_rows(experiment: Experiment) -> np.ndarray:
    """Rows of the table whose attention maps are kept: spread evenly over the table, so over its subjects."""
    count = min(experiment.config.evaluation.attention_samples, len(experiment.table))
    return np.unique(np.linspace(0, len(experiment.table) - 1, count).round().astype(int))


@torch.inference_mode()
def attention_samples(experiment: Experiment, fold: Fold, network: RecognitionNetwork) -> dict[str, np.ndarray]:
    """Content of `attention.npz`: inputs and maps of the fold's share of `attention_rows`.

    Empty where the fold has no share, and where the network has no map of positions: none at all, or units that weigh
    channels only.
    """
    ids = experiment.table.frame["sample_id"].to_numpy()
    rows = [row for row in attention_rows(experiment) if ids[row] in set(fold.test)]
    stages = network.map_stages
    if not rows or not stages:
        return {}
    device = next(network.parameters()).device
    images = torch.from_numpy(np.asarray(experiment.inputs[rows], dtype=np.float32)).to(device)
    maps = {
        f"map_{stage}": one[:, 0].cpu().numpy()
        for stage, one in zip(stages, network.attention_maps(images), strict=True)
    }
    return {
        "sample_ids": ids[rows].astype(str),
        "images": images.cpu().numpy(),
        "stages": np.asarray(stages),
        **maps,
    }
