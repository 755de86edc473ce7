"""The loss of units against a slow loop and torch's own, their mixtures, and the score that chooses epochs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score
from torch.nn import functional as F

from mer.config import OptimConfig
from mer.evaluation.metric_modules import MeanUnitF1
from mer.inputs.datamodule.mixup import draw
from mer.inputs.datamodule.samplers import unit_weights
from mer.train.lightning.losses import UnitLoss
from mer.train.lightning.objectives import Classes, Units, objective_of

GENERATOR = torch.Generator().manual_seed(0)
LOGITS = 2 * torch.randn(7, 3, generator=GENERATOR)
TARGETS = torch.randint(-1, 2, (7, 3), generator=GENERATOR).float()


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weights", [None, [[0.5, 1.0, 0.7], [4.0, 1.0, 2.0]]])
def test_loss_of_units_is_the_mean_over_what_is_known(smoothing: float, weights: list[list[float]] | None) -> None:
    losses = []
    for n in range(7):
        for k in range(3):
            target = int(TARGETS[n, k])
            if target >= 0:
                p = torch.sigmoid(LOGITS[n, k]).item()
                smoothed = target * (1 - smoothing) + smoothing / 2
                entropy = -smoothed * np.log(p) - (1 - smoothed) * np.log(1 - p)
                losses.append(entropy * (1 if weights is None else weights[target][k]))
    loss = UnitLoss(OptimConfig(label_smoothing=smoothing), weights)
    assert loss(LOGITS, TARGETS).item() == pytest.approx(np.mean(losses), rel=1e-5)


def test_loss_without_anything_unknown_is_torchs_and_without_anything_known_zero() -> None:
    loss = UnitLoss(OptimConfig())
    known = TARGETS.clamp(min=0)
    assert loss(LOGITS, known).item() == pytest.approx(F.binary_cross_entropy_with_logits(LOGITS, known).item())
    logits = LOGITS.clone().requires_grad_()
    nothing = loss(logits, torch.full((7, 3), -1.0))
    nothing.backward()
    assert nothing.item() == 0
    assert logits.grad is not None
    assert logits.grad.abs().max() == 0


def test_present_and_absent_weigh_alike_and_a_unit_that_is_never_shown_has_no_weight_without_bound() -> None:
    targets = np.array([[1, 0], [0, 0], [0, 0], [0, -1]] * 25)
    absent, present = np.array(unit_weights(targets))
    assert absent * [76, 76] == pytest.approx(present * [26, 1])
    assert present[1] < 100


def test_a_mixture_is_known_only_where_both_are() -> None:
    images = torch.randn(7, 1, 2, 2, generator=GENERATOR)
    drawn = draw(7, alpha=0.4, seed=3)
    mixed, targets = Units(3).mix(images, TARGETS, drawn)
    for n, other in enumerate(drawn.order):
        expected = drawn.share * images[n] + (1 - drawn.share) * images[other]
        assert torch.allclose(mixed[n], expected, atol=1e-6)
        for k in range(3):
            mine, theirs = TARGETS[n, k].item(), TARGETS[other, k].item()
            both = drawn.share * mine + (1 - drawn.share) * theirs if min(mine, theirs) >= 0 else -1
            assert targets[n, k].item() == pytest.approx(both, abs=1e-6)


def test_score_of_the_inner_split_is_the_mean_f1_of_the_units_it_shows() -> None:
    targets = TARGETS.clone()
    targets[:, 2] = targets[:, 2].clamp(max=0)  # a unit that nobody shows
    score = MeanUnitF1(3)
    for part in (slice(0, 4), slice(4, 7)):
        score.update(Units(3).decide(LOGITS[part]), targets[part])
    expected = []
    for k in range(2):
        known = targets[:, k] >= 0
        expected.append(f1_score(targets[known, k], LOGITS[known, k] > 0))
    assert score.compute().item() == pytest.approx(np.mean(expected))
    score.reset()
    score.update(torch.zeros(2, 3, dtype=torch.bool), torch.full((2, 3), -1.0))
    assert score.compute().item() == 0


def test_accuracy_counts_known_units_only() -> None:
    known = TARGETS >= 0
    right = ((LOGITS > 0) == (TARGETS > 0.5)) & known
    assert Units(3).accuracy(LOGITS, TARGETS).item() == pytest.approx(right.sum().item() / known.sum().item())
    assert isinstance(objective_of({"classes": ["AU1", "AU2"], "units": True}), Units)
    assert isinstance(objective_of({"classes": ["a", "b"]}), Classes)
