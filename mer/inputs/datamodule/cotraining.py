"""Add samples of another source to the training batches of a fold with `CotrainingSampler`.

Contract: an epoch still has each of the fold's own draws once. Every batch, also the shorter last one, ends with the
same number of co-training samples. The draws depend only on (seed, epoch); process r of w takes every w-th.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch.utils.data import Sampler

from mer.inputs.datamodule.samplers import Draw, EpochSampler, oversampled
from mer.utils.seeding import seed_from


@dataclass(frozen=True)
class CotrainingSamples:
    """Store the samples of another source that are added to the training batches.

    Attributes:
        inputs: inputs (M, C, S, S) of the other source.
        targets: their classes (M,), numbered as in the fold.
        rows: rows (m,) that may be drawn, at least one.
        share: share of co-training samples in a batch, 0..1.
    """

    inputs: np.ndarray
    targets: np.ndarray
    rows: np.ndarray
    share: float

    def in_batch(self, batch_size: int) -> int:
        """Return the number of co-training samples in a batch, rounded, with at least one sample of each kind."""
        return min(max(1, round(self.share * batch_size)), batch_size - 1)


class CotrainingSampler(Sampler[Draw]):
    """Draw a fold's own samples in batches, each followed by co-training samples.

    The rows of co-training samples begin at `offset`, after the rows of the table.

    Args:
        own: sampler of the fold's own samples; its batch size is that of the own part.
        cotraining: the co-training samples.
        count: co-training samples in each batch of one process.
        offset: number of rows in the table.
        oversample: whether co-training samples are drawn with equal classes.
        seed: seed of the fold.
        rank: index of this process.
        world: number of processes.
    """

    def __init__(
        self,
        own: EpochSampler,
        cotraining: CotrainingSamples,
        *,
        count: int,
        offset: int,
        oversample: bool,
        seed: int,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.own, self.cotraining, self.count, self.offset = own, cotraining, count, offset
        self.oversample, self.seed, self.rank, self.world = oversample, seed, rank, world
        self.batch_size = own.batch_size + count

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next iteration; Lightning calls this."""
        self.own.set_epoch(epoch)

    def __len__(self) -> int:
        """Return the number of draws of this process in an epoch, of both kinds."""
        return len(self.own) + self.count * self._batches

    @property
    def _batches(self) -> int:
        return math.ceil(len(self.own) / self.own.batch_size)

    def __iter__(self) -> Iterator[Draw]:
        """Yield the draws of this process in the current epoch, batch after batch."""
        theirs = iter(self._theirs())
        for place, draw in enumerate(self.own, 1):
            yield draw
            if place % self.own.batch_size == 0 or place == len(self.own):
                yield from (next(theirs) for _ in range(self.count))

    def _theirs(self) -> list[Draw]:
        """Return the co-training samples of all batches of this process, each once before any is repeated."""
        rng = np.random.default_rng(seed_from(self.seed, "companions", self.own.epoch))
        wanted = self.count * self._batches * self.world
        rows = self.cotraining.rows
        if self.oversample:
            rows = oversampled(rows, self.cotraining.targets[rows], rng)
        order = np.concatenate([rng.permutation(rows) for _ in range(math.ceil(wanted / len(rows)))])[:wanted]
        seeds = rng.integers(0, 2**32, size=wanted, dtype=np.uint64)
        mine = slice(self.rank, None, self.world)
        return [Draw(self.offset + int(row), int(seed)) for row, seed in zip(order[mine], seeds[mine], strict=True)]
