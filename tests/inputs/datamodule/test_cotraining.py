"""Batches of a fold's own samples and co-training samples: how many, which, in which order, on how many processes."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer.config import AugmentConfig, Config, InputConfig, OptimConfig
from mer.inputs.datamodule.cotraining import CotrainingSampler, CotrainingSamples
from mer.inputs.datamodule.fold_datamodule import FoldDataModule
from mer.inputs.datamodule.samplers import EpochSampler
from mer.inputs.prepared_samples import PreparedSamples
from mer.protocols.registry import Fold
from tests.inputs.conftest import table_of

OFFSET = 1000


def cotraining_samples(count: int, *, share: float = 0.5, rows: list[int] | None = None) -> CotrainingSamples:
    pixels = np.full((count, 1, 28, 28), 200, dtype=np.uint8)
    targets = np.arange(count) % 4 // 3  # three of class 0, one of class 1, and so on
    return CotrainingSamples(pixels, targets, np.arange(count) if rows is None else np.array(rows), share)


def sampler(
    own: int, other: CotrainingSamples, *, batch: int, count: int, rank: int = 0, world: int = 1, oversample=False
):
    rows = np.arange(own)
    base = EpochSampler(rows, rows % 2, oversample=False, batch_size=batch - count, seed=1, rank=rank, world=world)
    return CotrainingSampler(
        base, other, count=count, offset=OFFSET, oversample=oversample, seed=1, rank=rank, world=world
    )


@settings(max_examples=60, deadline=None)
@given(own=st.integers(2, 40), other=st.integers(1, 50), batch=st.integers(2, 12), data=st.data())
def test_every_batch_has_its_cotraining_samples_and_the_epoch_every_own_draw(own, other, batch, data):
    count = data.draw(st.integers(1, batch - 1))
    mixed = sampler(own, cotraining_samples(other), batch=batch, count=count)
    mixed.set_epoch(data.draw(st.integers(0, 3)))
    draws = [draw.row for draw in mixed]
    assert len(draws) == len(mixed)
    batches = [draws[k : k + mixed.batch_size] for k in range(0, len(draws), mixed.batch_size)]
    assert all(sum(row >= OFFSET for row in rows) == count for rows in batches)
    mine = [row for row in draws if row < OFFSET]
    assert mine == [draw.row for draw in mixed.own]
    theirs = Counter(row for row in draws if row >= OFFSET)
    assert max(theirs.values()) - (min(theirs.values()) if len(theirs) == other else 0) <= 1


def test_only_rows_that_may_be_drawn_are_and_another_epoch_draws_others():
    mixed = sampler(20, cotraining_samples(50, rows=[3, 7, 8, 30, 31, 32, 40]), batch=8, count=4)
    epochs = []
    for epoch in (0, 1, 0):
        mixed.set_epoch(epoch)
        epochs.append(list(mixed))
    assert {draw.row - OFFSET for draw in epochs[0] if draw.row >= OFFSET} <= {3, 7, 8, 30, 31, 32, 40}
    assert epochs[0] == epochs[2] != epochs[1]


def test_oversampling_draws_classes_of_cotraining_samples_evenly():
    other = cotraining_samples(40)
    mixed = sampler(60, other, batch=8, count=4, oversample=True)
    drawn = Counter(int(other.targets[draw.row - OFFSET]) for draw in mixed if draw.row >= OFFSET)
    assert abs(drawn[0] - drawn[1]) <= 2 + len(mixed) // 60


def test_the_processes_share_one_draw():
    whole = sampler(24, cotraining_samples(30), batch=8, count=4)
    parts = [sampler(24, cotraining_samples(30), batch=4, count=2, rank=rank, world=2) for rank in range(2)]
    ours = [draw for draw in whole if draw.row >= OFFSET]
    shared = [[draw for draw in part if draw.row >= OFFSET] for part in parts]
    assert [draw for pair in zip(*shared, strict=True) for draw in pair] == ours


@pytest.mark.parametrize(("share", "batch", "count"), [(0.5, 8, 4), (0.01, 8, 1), (0.99, 8, 7), (0.3, 10, 3)])
def test_the_share_leaves_both_kinds(share, batch, count):
    assert cotraining_samples(3, share=share).in_batch(batch) == count


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_a_fold_trains_on_both_and_tests_its_own(tmp_path: Path):
    path = tmp_path / "x.png"
    path.touch()
    table = table_of([str(path)] * 20)
    pixels = np.full((20, 1, 28, 28), 50, dtype=np.uint8)
    ids = tuple(table.frame["sample_id"])
    config = Config(
        input=InputConfig(representation="apex", size=28),
        augment=AugmentConfig(mirror=0.0, shift=0.0, scale=0.0),
        optim=OptimConfig(batch_size=8, balance="none"),
    )
    fold = Fold("x", ids[4:], (), ids[:4])
    joined = cotraining_samples(30, share=0.25)
    data = FoldDataModule(PreparedSamples(table, pixels), fold, config, seed=3, cotraining=joined)
    data.setup("fit")
    batches = list(data.train_dataloader())
    assert len(batches) == data.steps_per_epoch == math.ceil(16 / 6)
    for batch in batches:
        joined = batch["row"] == -1
        assert joined.sum() == 2
        assert (batch["image"][joined] == 200).all() and (batch["image"][~joined] == 50).all()
    rows = [int(row) for batch in batches for row in batch["row"] if row >= 0]
    assert sorted(rows) == list(range(4, 20))
    assert all((batch["image"] == 50).all() for batch in data.test_dataloader())
