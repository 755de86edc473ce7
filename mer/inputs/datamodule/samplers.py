"""Draw the training samples of a fold in each epoch with `EpochSampler`, and compute class weights for the loss.

Contract: the order of an epoch depends only on (seed, epoch). Process r of w takes every w-th draw, so the batches of
all processes together are the batch of a single one. Only the fold's training part is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from torch.utils.data import Sampler

from mer.utils.seeding import seed_from


class Draw(NamedTuple):
    """Store one draw of an epoch: the row of the table and the seed of its augmentation."""

    row: int
    seed: int


class EpochSampler(Sampler[Draw]):
    """Yield the draws of one epoch after another.

    Args:
        rows: rows (n,) of the training samples in the table.
        targets: their classes (n,).
        oversample: whether to draw smaller classes, with replacement and anew in each epoch, up to the largest one's
            size.
        batch_size: batch size of one process. A last batch of one sample is dropped, since batch normalisation cannot
            train on it; the sample differs from epoch to epoch.
        seed: seed of the fold.
        rank: index of this process.
        world: number of processes; up to `world - 1` draws of an epoch are dropped, so that all have the same number.
    """

    def __init__(
        self,
        rows: np.ndarray,
        targets: np.ndarray,
        *,
        oversample: bool,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.rows, self.targets = np.asarray(rows), np.asarray(targets)
        self.oversample, self.batch_size, self.seed = oversample, batch_size, seed
        self.rank, self.world = rank, world
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next iteration; Lightning calls this."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Return the number of draws of this process in an epoch."""
        total = len(self.rows)
        if self.oversample:
            counts = np.bincount(self.targets)
            total = int(counts.max()) * int((counts > 0).sum())
        share = total // self.world
        return share - 1 if share % self.batch_size == 1 and share > 1 else share

    def __iter__(self) -> Iterator[Draw]:
        """Yield the draws of this process in the current epoch."""
        rng = np.random.default_rng(seed_from(self.seed, "epoch", self.epoch))
        rows = oversampled(self.rows, self.targets, rng) if self.oversample else self.rows
        order = rng.permutation(rows)
        seeds = rng.integers(0, 2**32, size=len(order), dtype=np.uint64)
        mine = slice(self.rank, None, self.world)
        for row, seed in list(zip(order[mine], seeds[mine], strict=True))[: len(self)]:
            yield Draw(int(row), int(seed))


def oversampled(rows: np.ndarray, targets: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return each row once, and rows of smaller classes drawn with replacement until all classes are equally large."""
    groups = [rows[targets == k] for k in np.unique(targets)]
    largest = max(map(len, groups))
    return np.concatenate([np.concatenate([group, rng.choice(group, largest - len(group))]) for group in groups])


def class_weights(targets: np.ndarray, *, classes: int) -> list[float]:
    """Return the class weights (K,) of the loss, inverse to frequency, mean 1 over samples, 0 for an absent class."""
    counts = np.bincount(targets, minlength=classes)
    present = counts > 0
    weights = np.zeros(classes)
    weights[present] = len(targets) / (present.sum() * counts[present])
    return [float(weight) for weight in weights]


def unit_weights(targets: np.ndarray) -> list[list[float]]:
    """Return the weights (2, K) of absent and of present units in the loss, inverse to frequency.

    One clip of each kind is added to the counts, so that a unit that is hardly ever shown has no weight without bound;
    with it the mean weight over samples is about 1, and both kinds weigh alike in all.

    Args:
        targets: (N, K), 1 present, 0 absent, -1 not known, which counts as neither.
    """
    counts = np.stack([(targets == value).sum(axis=0) + 1 for value in (0, 1)])
    weights = counts.sum(axis=0) / (2 * counts)
    return [[float(weight) for weight in row] for row in weights]
