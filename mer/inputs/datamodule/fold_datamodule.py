"""The LightningDataModule of one fold: training draws with augmentation, the inner split and the test part without.

Contract: batches are dicts `{"image": (B, C, S, S) float32, "target": (B,) int64, "row": (B,) int64}` where row indexes
the table; those of the inner split and of the test part also name each clip, `"sample_id": list[str]`. Only samples
that train or choose the epoch have a target, all others -1: nothing in here can read a held-out label by mistake.
Nothing is fitted here but class counts, and these on the fold's training part.
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
from mer.inputs.datamodule.samplers import Draw, EpochSampler, class_weights
from mer.inputs.prepared_samples import PreparedSamples
from mer.inputs.representations.registry import REPRESENTATIONS
from mer.protocols.registry import Fold
from mer.utils.seeding import seed_from

#: Samples a batch where nothing is learned; only memory depends on it.
EVALUATION_BATCH = 64
#: Target of a sample whose label no training may see.
HIDDEN = -1

Item = tuple[np.ndarray, int, int]
NamedItem = tuple[np.ndarray, int, int, str]


def collate(items: Sequence[Item]) -> dict[str, Tensor]:
    """A batch of training items."""
    images, targets, rows = zip(*items, strict=True)
    return {
        "image": torch.from_numpy(np.stack(images)),
        "target": torch.tensor(targets, dtype=torch.int64),
        "row": torch.tensor(rows, dtype=torch.int64),
    }


def collate_named(items: Sequence[NamedItem]) -> dict[str, Any]:
    """A batch of items that are looked at by name."""
    return {**collate([item[:3] for item in items]), "sample_id": [item[3] for item in items]}


class TrainDataset(Dataset[Item]):
    """Augmented items (image, target, row) by `Draw`; rows behind the table's are of co-training, their row is -1."""

    def __init__(
        self, pixels: np.ndarray, targets: np.ndarray, augmenter: Augmenter, cotraining: CotrainingSamples | None = None
    ) -> None:
        self.pixels, self.targets, self.augmenter, self.cotraining = pixels, targets, augmenter, cotraining

    def __getitem__(self, draw: Draw) -> Item:
        row = draw.row - len(self.pixels)
        if self.cotraining is not None and row >= 0:
            return self.augmenter(self.cotraining.inputs[row], draw.seed), int(self.cotraining.targets[row]), -1
        return self.augmenter(self.pixels[draw.row], draw.seed), int(self.targets[draw.row]), draw.row


class EvalDataset(Dataset[NamedItem]):
    """Items (image, target, row, sample id) as they are, by position in `rows`."""

    def __init__(self, pixels: np.ndarray, targets: np.ndarray, ids: np.ndarray, rows: np.ndarray) -> None:
        self.pixels, self.targets, self.ids, self.rows = pixels, targets, ids, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> NamedItem:
        row = int(self.rows[index])
        return np.asarray(self.pixels[row], dtype=np.float32), int(self.targets[row]), row, str(self.ids[row])


class FoldDataModule(LightningDataModule):
    """Data of one fold.

    Args:
        data: all samples with their inputs.
        fold: which of them train, choose the epoch, are tested.
        config: `input`, `augment`, `optim` (batch size over all devices, balancing) and `trainer` (devices, loader
            processes) are read, and `seed` where no other is given.
        seed: fixes the order and the augmentation of every epoch; None: derived from `config.seed` and the fold's name.
        cotraining: samples of another source that join every training batch.

    Attributes:
        targets: class of each row (N,) int64; -1 where the sample neither trains nor chooses the epoch.
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
        # a plain view of the memory map, whose own indexing is slower; the table stays outside, it holds every label
        self.pixels = np.asarray(data.inputs)
        self.ids = data.table.frame["sample_id"].to_numpy(dtype=object)
        place = {sample: row for row, sample in enumerate(self.ids)}
        self.train_rows, self.validation_rows, self.test_rows = (
            np.array([place[sample] for sample in part], dtype=np.int64)
            for part in (fold.train, fold.validation, fold.test)
        )
        shown = np.concatenate([self.train_rows, self.validation_rows])
        self.targets = np.full(len(self.pixels), HIDDEN, dtype=np.int64)
        self.targets[shown] = data.table.targets[shown]
        self.augmenter = Augmenter(config.augment, REPRESENTATIONS[config.input.representation])
        self.classes = len(data.classes)
        self.optim, self.hardware, self.cotraining = config.optim, config.trainer, cotraining
        self.seed = seed_from(config.seed, "data", fold.name) if seed is None else seed

    @property
    def class_weights(self) -> list[float] | None:
        """Weight of each class in the loss with `balance: weighted`, else None."""
        if self.optim.balance != "weighted":
            return None
        return class_weights(self.targets[self.train_rows], classes=self.classes)

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps of an epoch."""
        sampler = self._sampler(rank=0)
        return math.ceil(len(sampler) / sampler.batch_size)

    def train_dataloader(self) -> DataLoader:
        """Batches of this process' draws, in another order and with other changes each epoch."""
        sampler = self._sampler(rank=self.trainer.global_rank if self.trainer is not None else 0)
        items = TrainDataset(self.pixels, self.targets, self.augmenter, self.cotraining)
        return self._loader(items, sampler.batch_size, sampler)

    def val_dataloader(self) -> DataLoader | list[DataLoader]:
        """The inner split in the order of the fold; no loader where there is none."""
        if not len(self.validation_rows):
            # no inner split is what was asked for; Lightning would wonder at it in every fold
            warnings.filterwarnings("ignore", message="Total length of `list` across ranks is zero")
            return []
        return self._plain(self.validation_rows)

    def test_dataloader(self) -> DataLoader:
        """The held-out part in the order of the fold, each sample once, without labels."""
        return self._plain(self.test_rows)

    def _sampler(self, rank: int) -> EpochSampler | CotrainingSampler:
        oversample, world = self.optim.balance == "oversample", self.hardware.devices
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
            offset=len(self.pixels),
            oversample=oversample,
            seed=self.seed,
            rank=rank,
            world=world,
        )

    def _plain(self, rows: np.ndarray) -> DataLoader:
        items = EvalDataset(self.pixels, self.targets, self.ids, rows)
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
