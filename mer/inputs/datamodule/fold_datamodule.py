"""Provide the LightningDataModule of one fold; only training samples are augmented.

Contract: batches are dicts `{"image": (B, C, S, S) float32, "target": (B,) int64, "row": (B,) int64}` where row indexes
the table; of action units the target is (B, K) float32: 1 present, 0 absent, -1 unknown. Batches of the inner split and
of the test part also have `"sample_id": list[str]`. Only samples that train or choose the epoch have a target; all
others have -1, so that no held-out label can be used by mistake. Only counts of classes or units are fitted, on the
fold's training part.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from mer.config import Config
from mer.inputs.datamodule.augmentation import Augmenter
from mer.inputs.datamodule.cotraining import CotrainingSampler, CotrainingSamples
from mer.inputs.datamodule.samplers import Draw, EpochSampler, class_weights, unit_weights
from mer.inputs.prepared_samples import PreparedSamples
from mer.inputs.representations.registry import REPRESENTATIONS
from mer.protocols.registry import Fold
from mer.utils.seeding import seed_from

#: Batch size for evaluation; affects memory only.
EVALUATION_BATCH = 64
#: Target of a sample whose label must not be used in training.
HIDDEN = -1

#: Class of an item, or a vector of its action units.
Target = int | np.ndarray
Item = tuple[np.ndarray, Target, int]
NamedItem = tuple[np.ndarray, Target, int, str]


def collate(items: Sequence[Item]) -> dict[str, Tensor]:
    """Return a batch of training items."""
    images, targets, rows = zip(*items, strict=True)
    return {
        "image": torch.from_numpy(np.stack(images)),
        "target": _stack(targets),
        "row": torch.tensor(rows, dtype=torch.int64),
    }


def _stack(targets: Sequence[Target]) -> Tensor:
    """Classes (B,) int64, or units (B, K) float32, whose shares mixtures may change."""
    if isinstance(targets[0], np.ndarray):
        return torch.from_numpy(np.stack(targets).astype(np.float32))
    return torch.tensor(targets, dtype=torch.int64)


def _target(targets: np.ndarray, row: int) -> Target:
    return int(targets[row]) if targets.ndim == 1 else targets[row]


def collate_named(items: Sequence[NamedItem]) -> dict[str, Any]:
    """Return a batch of evaluation items, with their sample ids."""
    return {**collate([item[:3] for item in items]), "sample_id": [item[3] for item in items]}


class TrainDataset(Dataset[Item]):
    """Return augmented items (image, target, row) by `Draw`.

    A draw whose row lies after those of the table is a co-training sample; its item has row -1.
    """

    def __init__(
        self, inputs: np.ndarray, targets: np.ndarray, augmenter: Augmenter, cotraining: CotrainingSamples | None = None
    ) -> None:
        self.inputs, self.targets, self.augmenter, self.cotraining = inputs, targets, augmenter, cotraining

    def __getitem__(self, draw: Draw) -> Item:
        row = draw.row - len(self.inputs)
        if self.cotraining is not None and row >= 0:
            return self.augmenter(self.cotraining.inputs[row], draw.seed), _target(self.cotraining.targets, row), -1
        return self.augmenter(self.inputs[draw.row], draw.seed), _target(self.targets, draw.row), draw.row


class EvalDataset(Dataset[NamedItem]):
    """Return items (image, target, row, sample id) without augmentation, by position in `rows`."""

    def __init__(self, inputs: np.ndarray, targets: np.ndarray, ids: np.ndarray, rows: np.ndarray) -> None:
        self.inputs, self.targets, self.ids, self.rows = inputs, targets, ids, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> NamedItem:
        row = int(self.rows[index])
        return np.asarray(self.inputs[row], dtype=np.float32), _target(self.targets, row), row, str(self.ids[row])


class FoldDataModule(LightningDataModule):
    """Load the data of one fold for training, validation and test.

    Args:
        data: all samples with their inputs.
        fold: ids of the samples that train, choose the epoch and are tested.
        config: `input`, `augment`, `optim` (batch size over all devices, balancing), `task`, `trainer` (devices, loader
            processes) and, unless `seed` is given, `seed` are read.
        seed: fixes the order and the augmentation of every epoch; None: derived from `config.seed` and the fold's name.
        cotraining: samples of another source, added to every training batch.

    Attributes:
        inputs: all inputs (N, C, S, S).
        targets: as in `PreparedSamples.targets`; -1 if the sample neither trains nor chooses the epoch.
    """

    def __init__(
        self,
        data: PreparedSamples,
        fold: Fold,
        config: Config,
        *,
        seed: int | None = None,
        cotraining: CotrainingSamples | None = None,
    ) -> None:
        super().__init__()
        # a plain view, since indexing a memory map is slower; the table is not kept, since it has every label
        self.inputs = np.asarray(data.inputs)
        self.ids = data.table.frame["sample_id"].to_numpy(dtype=object)
        place = {sample: row for row, sample in enumerate(self.ids)}
        self.train_rows, self.validation_rows, self.test_rows = (
            np.array([place[sample] for sample in part], dtype=np.int64)
            for part in (fold.train, fold.validation, fold.test)
        )
        shown = np.concatenate([self.train_rows, self.validation_rows])
        self.targets = np.full_like(data.targets, HIDDEN)
        self.targets[shown] = data.targets[shown]
        self.augmenter = Augmenter(config.augment, REPRESENTATIONS[config.input.representation])
        self.classes = len(data.classes)
        self.optim, self.hardware, self.task = config.optim, config.trainer, config.task
        self.cotraining = cotraining
        self.seed = seed_from(config.seed, "data", fold.name) if seed is None else seed

    @property
    def class_weights(self) -> list[float] | list[list[float]] | None:
        """Return the weight of each class in the loss with `optim.balance=weighted`, else None.

        For units, return those of absent and present (2, K) with `task.balance`; resampling cannot even out several.
        """
        if self.targets.ndim > 1:
            return unit_weights(self.targets[self.train_rows]) if self.task.balance else None
        if self.optim.balance != "weighted":
            return None
        return class_weights(self.targets[self.train_rows], classes=self.classes)

    @property
    def steps_per_epoch(self) -> int:
        """Return the number of optimiser steps in an epoch."""
        sampler = self._sampler(rank=0)
        return math.ceil(len(sampler) / sampler.batch_size)

    def train_dataloader(self) -> DataLoader:
        """Return batches of this process's draws; order and augmentation differ from epoch to epoch."""
        sampler = self._sampler(rank=self.trainer.global_rank if self.trainer is not None else 0)
        items = TrainDataset(self.inputs, self.targets, self.augmenter, self.cotraining)
        return self._loader(items, sampler.batch_size, sampler)

    def val_dataloader(self) -> DataLoader | list[DataLoader]:
        """Return batches of the inner split in the order of the fold; no loader if there is no split."""
        if not len(self.validation_rows):
            # the absence is intended; Lightning would warn of it in every fold
            warnings.filterwarnings("ignore", message="Total length of `list` across ranks is zero")
            return []
        return self._plain(self.validation_rows)

    def test_dataloader(self) -> DataLoader:
        """Return batches of the held-out part in the order of the fold, each sample once, without labels."""
        return self._plain(self.test_rows)

    def _sampler(self, rank: int) -> EpochSampler | CotrainingSampler:
        oversample = self.optim.balance == "oversample" and self.targets.ndim == 1
        world = self.hardware.devices
        batch_size = self.optim.batch_size // world
        count = 0 if self.cotraining is None else self.cotraining.in_batch(batch_size)
        own = EpochSampler(
            self.train_rows,
            self.targets[self.train_rows],
            oversample=oversample,
            batch_size=batch_size - count,
            seed=self.seed,
            rank=rank,
            world=world,
        )
        if self.cotraining is None:
            return own
        return CotrainingSampler(
            own,
            self.cotraining,
            count=count,
            offset=len(self.inputs),
            oversample=oversample,
            seed=self.seed,
            rank=rank,
            world=world,
        )

    def _plain(self, rows: np.ndarray) -> DataLoader:
        items = EvalDataset(self.inputs, self.targets, self.ids, rows)
        return self._loader(items, EVALUATION_BATCH, None, collate=collate_named)

    def _loader(
        self,
        items: Dataset,
        batch_size: int,
        sampler: EpochSampler | CotrainingSampler | None,
        collate: Callable[[Any], dict[str, Any]] = collate,
    ) -> DataLoader:
        workers = self.hardware.workers
        return DataLoader(
            items,
            batch_size=batch_size,
            sampler=sampler,
            num_workers=workers,
            persistent_workers=workers > 0,
            collate_fn=collate,
        )
