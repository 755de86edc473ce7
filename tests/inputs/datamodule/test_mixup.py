"""Mixtures of a batch against loops over pixels and the moments of the paper's distribution."""

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
    kept = images.clone()
    mixing = draw(count, alpha=0.4, seed=seed)
    mixed, shares = mix(images, targets, mixing, classes=3)
    assert torch.equal(images, kept)
    assert sorted(mixing.order) == list(range(count))
    for i, j in enumerate(mixing.order):
        a = mixing.share
        np.testing.assert_allclose(mixed[i], a * images[i] + (1 - a) * images[j], rtol=1e-5, atol=1e-3)
        expected = np.zeros(3)
        expected[targets[i]] += a
        expected[targets[j]] += 1 - a
        np.testing.assert_allclose(shares[i], expected, atol=1e-6)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares_of_mixup_have_the_moments_of_the_beta_distribution(alpha: float) -> None:
    shares = np.array([draw(4, alpha=alpha, seed=seed).share for seed in range(3000)])
    variance = 1 / (4 * (2 * alpha + 1))
    assert abs(shares.mean() - 0.5) < 5 * np.sqrt(variance / 3000)
    assert shares.var() == pytest.approx(variance, rel=0.1)


@some
@given(seed=seeds)
def test_the_seed_alone_decides(seed: int) -> None:
    first = draw(8, alpha=0.2, seed=seed)
    np.random.default_rng(0).random()
    again = draw(8, alpha=0.2, seed=seed)
    assert (first.share, list(first.order)) == (again.share, list(again.order))


def test_a_mirror_of_motion_and_a_mixture_of_it_can_change_places() -> None:
    images, targets = batch(4)
    signs = torch.tensor([-1.0, 1.0]).view(2, 1, 1)
    mixing = Mixing(np.array([2, 3, 0, 1]), 0.3)
    mirrored = mix(images.flip(-1) * signs, targets, mixing, classes=3)[0]
    torch.testing.assert_close(mirrored, mix(images, targets, mixing, classes=3)[0].flip(-1) * signs)
