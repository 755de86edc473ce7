"""Predict clips with `predict`, each clip once, and compute attention maps.

Contract: a plain loop on one device, since Lightning's test loop would score samples twice with several processes.
Held-out labels are read here for the first time, by sample id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from mer.config import Config
from mer.data.samples.table import SampleTable
from mer.errors import MerError, SampleError
from mer.evaluation.predictions import PROBABILITY_PREFIX
from mer.inputs.prepared_samples import PreparedSamples
from mer.inputs.representations.registry import REPRESENTATIONS
from mer.models.network import RecognitionNetwork
from mer.protocols.registry import Fold
from mer.train.lightning.objectives import probabilities as probabilities_of

#: What `predict` looks at: a loader of batches with `image` and `sample_id`.
Batches = Iterable[Mapping[str, Any]]


def predict(
    network: torch.nn.Module,
    loader: Batches,
    table: SampleTable,
    *,
    fold: str = "",
    mirror: Sequence[int] | None = None,
) -> pd.DataFrame:
    """Return the predictions of a loader's samples, one row each, with the columns of `predictions.csv`.

    Args:
        network: its outputs are the classes of the table in order; it is put into evaluation mode.
        loader: for example `FoldDataModule.test_dataloader()`.
        table: holds every sample of the loader, with its label.
        fold: value of the column `fold`.
        mirror: sign of each channel under a left-right mirror (`mirror_signs`); if given, the probabilities are the
            mean over the input and its mirror image.

    Raises:
        FloatingPointError: if the network gives probabilities that are not finite.
        SampleError: if the input of a sample is not finite.
        MerError: if a sample of the loader is not in the table.
    """
    rows, probabilities = predicted_rows(network, loader, table, mirror=mirror)
    if probabilities.shape[1] != len(table.classes):
        raise MerError(
            f"{table.name}: expected a network with {len(table.classes)} outputs, one for each class, got "
            f"{probabilities.shape[1]}; a network for action units is used with predict_units"
        )
    frame = table.frame.loc[rows]
    columns = {name: frame[name].to_numpy() for name in ("sample_id", "dataset", "subject")}
    found = pd.DataFrame({**columns, "fold": fold, "label": frame["label"].to_numpy()})
    found["predicted"] = [table.classes[k] for k in probabilities.argmax(axis=1)]
    for k, name in enumerate(table.classes):
        found[f"{PROBABILITY_PREFIX}{name}"] = probabilities[:, k]
    return found


def predicted_rows(
    network: torch.nn.Module,
    loader: Batches,
    table: SampleTable,
    *,
    mirror: Sequence[int] | None = None,
    units: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows (N,) of the table that a loader shows, in its order, and their probabilities (N, K) float64.

    Arguments and errors as of `predict`; `units` as of `predict_probabilities`.
    """
    ids, probabilities = predict_probabilities(network, loader, mirror=mirror, units=units)
    if not np.isfinite(probabilities).all():
        for batch in loader:
            for name, image in zip(batch["sample_id"], batch["image"], strict=True):
                if not image.isfinite().all():
                    raise SampleError(
                        f"{name}: its input has values that are not finite (NaN or infinite), so it has no prediction; "
                        "copy its files again from the original, or leave its row out"
                    )
        raise FloatingPointError("training diverged: the network gives no finite probabilities; try a lower optim.lr")
    place = {name: row for row, name in enumerate(table.frame["sample_id"])}
    strange = [name for name in ids if name not in place]
    if strange:
        raise MerError(
            f"{table.name}: expected the samples of the loader in the table, got no row for {strange[0]}"
            + (f" and {len(strange) - 1} more" if len(strange) > 1 else "")
            + "; pass the table that the data module was made of"
        )
    return np.array([place[name] for name in ids], dtype=np.int64), probabilities


@torch.inference_mode()
def predict_probabilities(
    network: torch.nn.Module, loader: Batches, *, mirror: Sequence[int] | None = None, units: bool = False
) -> tuple[list[str], np.ndarray]:
    """Return sample ids and probabilities (N, K) float64, in the loader's order; arguments as in `predict`.

    Those of classes sum to 1 in each row; with `units` each output has a probability of its own.
    """
    network.eval()
    device = next(network.parameters()).device
    ids: list[str] = []
    probabilities = []
    for batch in loader:
        images = batch["image"].to(device)
        found = probabilities_of(network(images).double(), units=units)
        if mirror is not None:
            signs = torch.tensor(mirror, dtype=images.dtype, device=device).view(-1, 1, 1)
            mirrored = network(images.flip(-1) * signs).double()
            found = (found + probabilities_of(mirrored, units=units)) / 2
        probabilities.append(found.cpu().numpy())
        ids += batch["sample_id"]
    return ids, np.concatenate(probabilities)


def mirror_signs(data: PreparedSamples, config: Config) -> Sequence[int] | None:
    """Return the sign (1 or -1) of each channel under a left-right mirror; None without `evaluation.flip`."""
    if not config.evaluation.flip:
        return None
    return REPRESENTATIONS[config.input.representation].flip_signs or (1,) * data.channels


def attention_rows(samples: int, kept: int) -> np.ndarray:
    """Return the rows whose attention maps are kept: spread evenly over the table, so over its subjects."""
    return np.unique(np.linspace(0, samples - 1, min(kept, samples)).round().astype(int))


@torch.inference_mode()
def attention_samples(
    network: RecognitionNetwork, data: PreparedSamples, fold: Fold, *, kept: int
) -> dict[str, np.ndarray]:
    """Return the content of `attention.npz`: inputs and attention maps of the test samples in `attention_rows`.

    Empty if the fold tests none of them, or if the network has no spatial attention map. `kept`: samples in the whole
    run.
    """
    ids = data.table.frame["sample_id"].to_numpy()
    tested = set(fold.test)
    rows = [row for row in attention_rows(len(data.table), kept) if ids[row] in tested]
    stages = network.map_stages
    if not rows or not stages:
        return {}
    device = next(network.parameters()).device
    images = torch.from_numpy(np.asarray(data.inputs[rows], dtype=np.float32)).to(device)
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
