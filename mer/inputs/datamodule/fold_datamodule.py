"""The LightningDataModule of one fold: training draws with augmentation, the inner split and the test part without.

Contract: batches are dicts `{"image": (B, C, S, S) float32, "target": (B,) int64, "row": (B,) int64}` where row indexes
the table. Nothing is fitted here but class counts, and these on the fold's training part.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from mer.config import AugmentConfig, InputConfig, OptimConfig, TrainerConfig
from mer.data.samples.table import SampleTable
from mer.inputs.datamodule.augmentation import Augmenter
from mer.inputs.datamodule.cotraining import CotrainingSampler, CotrainingSamples
from mer.inputs.datamodule.samplers import Draw, EpochSampler, class_weights, effective_weights
from mer.inputs.representations.registry import REPRESENTATIONS
from mer.protocols.registry import Fold

#: Samples a batch where nothing is learned; only memory depends on it.
EVALUATION_BATCH = 64

Item = tuple[np.ndarray, int, int]


class TrainDataset(Dataset[Item]):
    """Augmented items (image, target, row) by `Draw`; rows behind the table's are companions, whose row is -1."""

    def __init__(
        self, pixels: np.ndarray, targets: np.ndarray, augmenter: Augmenter, companions: CotrainingSamples | None = None
    ) -> None:
        self.pixels, self.targets, self.augmenter, self.companions = pixels, targets, augmenter, companions

    def __getitem__(self, draw: Draw) -> Item:
        row = draw.row - len(self.pixels)
        if self.companions is not None and row >= 0:
            return self.augmenter(self.companions.inputs[row], draw.seed), int(self.companions.targets[row]), -1
        return self.augmenter(self.pixels[draw.row], draw.seed), int(self.targets[draw.row]), draw.row


class EvalDataset(Dataset[Item]):
    """Items (image, target, row) as they are, by position in `rows`."""

    def __init__(self, pixels: np.ndarray, targets: np.ndarray, rows: np.ndarray) -> None:
        self.pixels, self.targets, self.rows = pixels, targets, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Item:
        row = int(self.rows[index])
        return np.asarray(self.pixels[row], dtype=np.float32), int(self.targets[row]), row


class FoldDataModule(LightningDataModule):
    """Data of one fold.

    Args:
        pixels: inputs (N, C, S, S) of all samples, row i for row i of the table.
        table: the samples.
        fold: which of them train, choose the epoch, are tested.
        input: what the pixels represent.
        augment: changes of training inputs.
        optim: batch size (over all devices) and balancing.
        trainer: devices and loader processes.
        seed: fixes the order and the augmentation of every epoch.
        companions: samples of another source that join every training batch.
    """

    def __init__(
        self,
        pixels: np.ndarray,
        table: SampleTable,
        fold: Fold,
        *,
        input: InputConfig,
        augment: AugmentConfig,
        optim: OptimConfig,
        trainer: TrainerConfig,
        seed: int,
        companions: CotrainingSamples | None = None,
    ) -> None:
        super().__init__()
        # a plain view of the memory map, whose own indexing is slower
        self.pixels, self.targets = np.asarray(pixels), table.targets
        place = {sample: row for row, sample in enumerate(table.frame["sample_id"])}
        self.train_rows, self.validation_rows, self.test_rows = (
            np.array([place[sample] for sample in part], dtype=np.int64)
            for part in (fold.train, fold.validation, fold.test)
        )
        self.augmenter = Augmenter(augment, REPRESENTATIONS[input.representation])
        self.classes = len(table.classes)
        self.optim, self.hardware, self.seed, self.companions = optim, trainer, seed, companions

    @property
    def class_weights(self) -> list[float] | None:
        """Weight of each class in the loss with `balance: weighted` or `effective`, else None."""
        targets = self.targets[self.train_rows]
        if self.optim.balance == "weighted":
            return class_weights(targets, classes=self.classes)
        if self.optim.balance == "effective":
            return effective_weights(targets, classes=self.classes, beta=self.optim.effective_beta)
        return None

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps of an epoch."""
        sampler = self._sampler(rank=0)
        return math.ceil(len(sampler) / sampler.batch_size)

    def train_dataloader(self) -> DataLoader:
        """Batches of this process' draws, in another order and with other changes each epoch."""
        sampler = self._sampler(rank=self.trainer.global_rank if self.trainer is not None else 0)
        items = TrainDataset(self.pixels, self.targets, self.augmenter, self.companions)
        return self._loader(items, sampler.batch_size, sampler)

    def val_dataloader(self) -> DataLoader:
        """The inner split in the order of the fold; empty where there is none."""
        return self._plain(self.validation_rows)

    def test_dataloader(self) -> DataLoader:
        """The held-out part in the order of the fold, each sample once."""
        return self._plain(self.test_rows)

    def _sampler(self, rank: int) -> EpochSampler | CotrainingSampler:
        oversample, world = self.optim.balance == "oversample", self.hardware.devices
        batch_size = self.optim.batch_size // world
        count = 0 if self.companions is None else self.companions.in_batch(batch_size)
        own = EpochSampler(
            self.train_rows,
            self.targets[self.train_rows],
            oversample=oversample,
            batch_size=batch_size - count,
            seed=self.seed,
            rank=rank,
            world=world,
        )
        if self.companions is None:
            return own
        return CotrainingSampler(
            own,
            self.companions,
            count=count,
            offset=len(self.pixels),
            oversample=oversample,
            seed=self.seed,
            rank=rank,
            world=world,
        )

    def _plain(self, rows: np.ndarray) -> DataLoader:
        return self._loader(EvalDataset(self.pixels, self.targets, rows), EVALUATION_BATCH, None)

    def _loader(self, items: Dataset, batch_size: int, sampler: EpochSampler | CotrainingSampler | None) -> DataLoader:
        workers = self.hardware.workers
        return DataLoader(
            items,
            batch_size=batch_size,
            sampler=sampler,
            num_workers=workers,
            persistent_workers=workers > 0,
            collate_fn=collate,
        )


def collate(items: Sequence[Item]) -> dict[str, Tensor]:
    """A batch of items."""
    images, targets, rows = zip(*items, strict=True)
    return {
        "image": torch.from_numpy(np.stack(images)),
        "target": torch.tensor(targets, dtype=torch.int64),
        "row": torch.tensor(rows, dtype=torch.int64),
    }
