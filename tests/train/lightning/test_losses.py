"""The loss against torch's own, written out by hand, and its linearity in the targets."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from mer.config import OptimConfig
from mer.train.lightning.losses import ClassificationLoss

some = settings(deadline=None, max_examples=30)
weights = st.none() | st.lists(st.floats(0.1, 5.0), min_size=4, max_size=4)
seeds = st.integers(0, 2**16)


def drawn(seed: int, count: int = 6) -> tuple[Tensor, Tensor]:
    """Logits (N, 4) float64 and classes (N,)."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(count, 4, dtype=torch.float64, generator=generator)
    return logits, torch.randint(0, 4, (count,), generator=generator)


def one_hot(classes: Tensor) -> Tensor:
    return F.one_hot(classes, 4).double()


@some
@given(seed=seeds, weight=weights, smoothing=st.floats(0.0, 0.5))
def test_cross_entropy_of_classes_is_torchs_and_that_of_pure_mixtures_equals_it(seed, weight, smoothing):
    logits, classes = drawn(seed)
    loss = ClassificationLoss(OptimConfig(label_smoothing=smoothing), weight).double()
    given_weight = None if weight is None else torch.tensor(weight).double()
    expected = F.cross_entropy(logits, classes, given_weight, label_smoothing=smoothing)
    assert loss(logits, classes).item() == expected.item()
    assert loss(logits, one_hot(classes)).item() == pytest.approx(expected.item(), rel=1e-6)


@some
@given(seed=seeds, share=st.floats(0.0, 1.0), smoothing=st.sampled_from([0.0, 0.1]))
def test_the_loss_of_a_mixture_is_the_mixture_of_the_losses(seed, share, smoothing):
    logits, one = drawn(seed)
    other = one.flip(0)
    loss = ClassificationLoss(OptimConfig(label_smoothing=smoothing))
    mixed = loss(logits, share * one_hot(one) + (1 - share) * one_hot(other))
    assert mixed.item() == pytest.approx((share * loss(logits, one) + (1 - share) * loss(logits, other)).item())


def test_a_weighted_mixture_divides_by_the_weights_of_its_shares():
    logits = torch.tensor([[0.5, -1.0], [2.0, 0.0]], dtype=torch.float64)
    shares = torch.tensor([[0.7, 0.3], [0.0, 1.0]], dtype=torch.float64)
    loss = ClassificationLoss(OptimConfig(), [1.0, 3.0]).double()
    a, b = logits.log_softmax(1).tolist()
    expected = -(0.7 * 1 * a[0] + 0.3 * 3 * a[1] + 1.0 * 3 * b[1]) / (0.7 * 1 + 0.3 * 3 + 1.0 * 3)
    assert loss(logits, shares).item() == pytest.approx(expected)
