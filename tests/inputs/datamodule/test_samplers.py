"""Order and balance of an epoch: counts, shares of processes, class weights against scikit-learn."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from mer.inputs.datamodule.samplers import Draw, EpochSampler, class_weights, oversampled

classes = st.lists(st.integers(0, 4), min_size=1, max_size=60).map(lambda values: np.array(values, dtype=np.int64))
some = settings(deadline=None, max_examples=60)


def draws(targets: np.ndarray, epoch: int = 0, **options: int | bool) -> list[Draw]:
    options = {"oversample": False, "batch_size": 8, "seed": 3, **options}
    sampler = EpochSampler(np.arange(len(targets)) + 100, targets, **options)  # type: ignore[arg-type]
    sampler.set_epoch(epoch)
    drawn = list(sampler)
    assert len(drawn) == len(sampler)
    return drawn


@some
@given(targets=classes, seed=st.integers(0, 2**32 - 1))
def test_oversampling_keeps_all_rows_and_levels_the_classes(targets: np.ndarray, seed: int) -> None:
    rows = np.arange(len(targets)) + 100
    drawn = oversampled(rows, targets, np.random.default_rng(seed))
    counts = Counter(targets[drawn - 100].tolist())
    largest = np.bincount(targets).max()
    assert set(drawn) == set(rows)
    assert set(counts.values()) == {largest}
    assert set(counts) == set(targets.tolist())
    # the largest classes have no need of a second draw
    for k, count in Counter(targets.tolist()).items():
        if count == largest:
            assert sorted(drawn[targets[drawn - 100] == k]) == sorted(rows[targets == k])


@some
@given(targets=classes, epoch=st.integers(0, 50), batch_size=st.integers(2, 9))
def test_an_epoch_draws_each_row_once_but_for_a_last_batch_of_one(
    targets: np.ndarray, epoch: int, batch_size: int
) -> None:
    rows = [draw.row for draw in draws(targets, epoch, batch_size=batch_size)]
    lonely = len(targets) % batch_size == 1 and len(targets) > 1
    assert len(rows) == len(set(rows)) == len(targets) - lonely
    assert set(rows) <= set(range(100, 100 + len(targets)))


@some
@given(
    targets=classes,
    world=st.integers(1, 4),
    batch_size=st.integers(2, 5),
    oversample=st.booleans(),
    epoch=st.integers(0, 9),
)
def test_processes_share_the_batches_of_a_single_one(
    targets: np.ndarray, world: int, batch_size: int, oversample: bool, epoch: int
) -> None:
    whole = draws(targets, epoch, oversample=oversample, batch_size=batch_size * world)
    parts = [
        draws(targets, epoch, oversample=oversample, batch_size=batch_size, rank=r, world=world) for r in range(world)
    ]
    assert len({len(part) for part in parts}) == 1
    assert len(parts[0]) % batch_size != 1 or len(parts[0]) == 1
    for step in range(len(parts[0]) // batch_size):
        together = [draw for part in parts for draw in part[step * batch_size : (step + 1) * batch_size]]
        assert sorted(together) == sorted(whole[step * batch_size * world : (step + 1) * batch_size * world])


def test_the_sample_left_out_is_another_one_each_epoch() -> None:
    targets = np.zeros(9, dtype=np.int64)
    left = [set(range(100, 109)) - {draw.row for draw in draws(targets, epoch)} for epoch in range(20)]
    assert all(len(one) == 1 for one in left)
    assert len(set.union(*left)) > 3


@pytest.mark.parametrize("oversample", [False, True])
def test_epochs_and_seeds_differ_and_repeat_exactly(oversample: bool) -> None:
    targets = np.array([0] * 20 + [1] * 7)
    first = draws(targets, 0, oversample=oversample)
    assert draws(targets, 0, oversample=oversample) == first
    assert draws(targets, 1, oversample=oversample) != first
    assert draws(targets, 0, oversample=oversample, seed=4) != first
    later = draws(targets, 1, oversample=oversample)
    assert {draw.seed for draw in first}.isdisjoint(draw.seed for draw in later)


def test_drawing_a_row_twice_augments_it_in_two_ways() -> None:
    drawn = draws(np.array([0] * 40 + [1]), oversample=True)
    lonely = [draw.seed for draw in drawn if draw.row == 140]
    assert len(lonely) > 30
    assert len(set(lonely)) == len(lonely)


@some
@given(targets=classes, classes=st.integers(5, 7))
def test_class_weights_are_those_of_scikit_learn(targets: np.ndarray, classes: int) -> None:
    weights = np.array(class_weights(targets, classes=classes))
    present = np.unique(targets)
    np.testing.assert_allclose(weights[present], compute_class_weight("balanced", classes=present, y=targets))
    assert weights[targets].mean() == pytest.approx(1)
    assert not np.delete(weights, present).any()
