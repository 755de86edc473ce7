"""Mixtures of a batch against loops over pixels and the moments of the papers' distributions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mer.inputs.datamodule.mixup import Mixing, draw, mix

seeds = st.integers(0, 2**32 - 1)
some = settings(deadline=None, max_examples=40)


def batch(count: int, side: tuple[int, int] = (12, 9)) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs (N, 2, H, W) whose every value occurs once, and classes (N,) of three."""
    images = torch.arange(count * 2 * side[0] * side[1], dtype=torch.float32).reshape(count, 2, *side)
    return images, torch.arange(count) % 3


@some
@given(seed=seeds, count=st.integers(2, 9))
def test_mixup_is_the_sum_by_hand(seed: int, count: int) -> None:
    images, targets = batch(count)
    mixing = draw(count, (12, 9), mixup=0.4, cutmix=0.0, seed=seed)
    mixed, shares = mix(images, targets, mixing, classes=3)
    assert mixing.box is None
    assert sorted(mixing.order) == list(range(count))
    for i, j in enumerate(mixing.order):
        a = mixing.share
        np.testing.assert_allclose(mixed[i], a * images[i] + (1 - a) * images[j], rtol=1e-5, atol=1e-3)
        expected = np.zeros(3)
        expected[targets[i]] += a
        expected[targets[j]] += 1 - a
        np.testing.assert_allclose(shares[i], expected, atol=1e-6)


@some
@given(seed=seeds, count=st.integers(2, 9))
def test_cutmix_shares_are_those_of_the_pixels(seed: int, count: int) -> None:
    images, targets = batch(count)
    kept = images.clone()
    mixing = draw(count, (12, 9), mixup=0.0, cutmix=1.0, seed=seed)
    mixed, shares = mix(images, targets, mixing, classes=3)
    assert torch.equal(images, kept)
    for i, j in enumerate(mixing.order):
        own = partner = 0
        for c, y, x in np.ndindex(2, 12, 9):
            if i != j:
                own += int(mixed[i, c, y, x] == images[i, c, y, x])
                partner += int(mixed[i, c, y, x] == images[j, c, y, x])
        if i != j:
            assert own + partner == 2 * 12 * 9
            expected = np.zeros(3)
            expected[targets[i]] += own / (2 * 12 * 9)
            expected[targets[j]] += partner / (2 * 12 * 9)
            np.testing.assert_allclose(shares[i], expected, atol=1e-6)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares_of_mixup_have_the_moments_of_the_beta_distribution(alpha: float) -> None:
    shares = np.array([draw(4, (28, 28), mixup=alpha, cutmix=0.0, seed=seed).share for seed in range(3000)])
    variance = 1 / (4 * (2 * alpha + 1))
    assert abs(shares.mean() - 0.5) < 5 * np.sqrt(variance / 3000)
    assert shares.var() == pytest.approx(variance, rel=0.1)


def test_boxes_are_square_before_they_meet_the_border_and_lie_everywhere() -> None:
    boxes = [draw(2, (28, 28), mixup=0.0, cutmix=1.0, seed=seed).box for seed in range(2000)]
    covered = np.zeros((28, 28))
    inside = 0
    for top, bottom, left, right in boxes:  # type: ignore[misc]
        assert 0 <= top <= bottom <= 28
        assert 0 <= left <= right <= 28
        covered[top:bottom, left:right] += 1
        if top > 0 and left > 0 and bottom < 28 and right < 28:
            inside += 1
            assert bottom - top == right - left
    assert inside > 300
    assert covered.min() > 100


def test_with_both_on_each_takes_half_of_the_batches() -> None:
    cuts = [draw(2, (28, 28), mixup=0.2, cutmix=1.0, seed=seed).box is not None for seed in range(1000)]
    assert abs(np.mean(cuts) - 0.5) < 5 * 0.5 / np.sqrt(1000)


@some
@given(seed=seeds)
def test_the_seed_alone_decides(seed: int) -> None:
    options = {"mixup": 0.2, "cutmix": 1.0, "seed": seed}
    first = draw(8, (28, 28), **options)
    np.random.default_rng(0).random()
    again = draw(8, (28, 28), **options)
    assert (first.share, first.box, list(first.order)) == (again.share, again.box, list(again.order))


def test_a_mirror_of_motion_and_a_mixture_of_it_can_change_places() -> None:
    images, targets = batch(4)
    signs = torch.tensor([-1.0, 1.0]).view(2, 1, 1)
    mixing = Mixing(np.array([2, 3, 0, 1]), 0.3)
    mirrored = mix(images.flip(-1) * signs, targets, mixing, classes=3)[0]
    torch.testing.assert_close(mirrored, mix(images, targets, mixing, classes=3)[0].flip(-1) * signs)
