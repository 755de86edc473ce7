"""Samples of another source in a fold's training batches: drawn maps beside real ones.

Contract: an epoch still shows each of the fold's own draws once; every batch has the same number of companions behind
its own samples, also the last, shorter one. The draw is a function of (seed, epoch); process r of w takes every w-th.
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
    """What joins the training batches.

    Attributes:
        pixels: inputs (M, C, S, S) of the other source.
        targets: their classes (M,), numbered as the fold's own.
        rows: which of them may be drawn (m,), at least one.
        share: their share of a batch, 0..1.
    """

    inputs: np.ndarray
    targets: np.ndarray
    rows: np.ndarray
    share: float

    def in_batch(self, batch_size: int) -> int:
        """Companions in a batch of this size: the share rounded, so that at least one sample of either kind is left."""
        return min(max(1, round(self.share * batch_size)), batch_size - 1)


class CotrainingSampler(Sampler[Draw]):
    """Draws of a fold's own samples in batches, each followed by draws of companions.

    Rows of companions begin at `offset`, behind the rows of the table.

    Args:
        own: draws of the fold's own samples; its batch size is that of the own part.
        companions: what joins them.
        count: companions in each batch of one process.
        offset: number of rows in the table.
        oversample: whether companions are drawn with equal classes.
        seed: of the fold.
        rank: this process.
        world: number of processes.
    """

    def __init__(
        self,
        own: EpochSampler,
        companions: CotrainingSamples,
        *,
        count: int,
        offset: int,
        oversample: bool,
        seed: int,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.own, self.companions, self.count, self.offset = own, companions, count, offset
        self.oversample, self.seed, self.rank, self.world = oversample, seed, rank, world
        self.batch_size = own.batch_size + count

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration draws; Lightning calls this."""
        self.own.set_epoch(epoch)

    def __len__(self) -> int:
        """Draws of this process in an epoch, of either kind."""
        return len(self.own) + self.count * self._batches

    @property
    def _batches(self) -> int:
        return math.ceil(len(self.own) / self.own.batch_size)

    def __iter__(self) -> Iterator[Draw]:
        """Draws of this process in the chosen epoch, batch after batch."""
        theirs = iter(self._theirs())
        for place, draw in enumerate(self.own, 1):
            yield draw
            if place % self.own.batch_size == 0 or place == len(self.own):
                yield from (next(theirs) for _ in range(self.count))

    def _theirs(self) -> list[Draw]:
        """Companions of all batches of this process: every one once before any comes again."""
        rng = np.random.default_rng(seed_from(self.seed, "companions", self.own.epoch))
        wanted = self.count * self._batches * self.world
        rows = self.companions.rows
        if self.oversample:
            rows = oversampled(rows, self.companions.targets[rows], rng)
        order = np.concatenate([rng.permutation(rows) for _ in range(math.ceil(wanted / len(rows)))])[:wanted]
        seeds = rng.integers(0, 2**32, size=wanted, dtype=np.uint64)
        mine = slice(self.rank, None, self.world)
        return [Draw(self.offset + int(row), int(seed)) for row, seed in zip(order[mine], seeds[mine], strict=True)]
