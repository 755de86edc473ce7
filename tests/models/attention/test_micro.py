"""Micro-attention: folded equals released in value and in training, and nothing is lost on a copy."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from mer.models.attention import FORMS, MicroAttention


def features(
    channels: int, height: int = 3, width: int = 5, *, seed: int = 0, hidden: int | None = None
) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    parts = {"r": channels, "s": channels, "h1": hidden or channels, "h2": channels}
    return {
        name: torch.randn(2, c, height, width, dtype=torch.float64, generator=generator) for name, c in parts.items()
    }


@settings(deadline=None)
@given(
    channels=st.integers(1, 9),
    hidden=st.integers(1, 9),
    height=st.integers(1, 5),
    width=st.integers(1, 5),
    last=st.booleans(),
)
def test_folded_equals_released_on_any_shape_and_layout(channels, hidden, height, width, last: bool) -> None:
    unit = MicroAttention(channels, hidden=hidden, form="released").double()
    z = features(channels, height, width, hidden=hidden)
    if last:
        z = {name: x.contiguous(memory_format=torch.channels_last) for name, x in z.items()}
    y, a = unit(**z)
    folded_y, folded_a = unit.fold()(**z)
    torch.testing.assert_close(folded_y, y, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(folded_a, a, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(y, z["r"] + a * z["r"])
    assert a.shape == (2, 1, height, width)


@pytest.mark.parametrize("form", FORMS)
def test_zero_weights_give_half_a_map(form: str) -> None:
    unit = MicroAttention(4, form=form).double()
    for parameter in unit.parameters():
        nn.init.zeros_(parameter)
    z = features(4)
    y, a = unit(**z)
    assert torch.equal(a, torch.full_like(a, 0.5))
    assert torch.equal(y, 1.5 * z["r"])


@pytest.mark.parametrize("form", FORMS)
def test_the_map_is_one_for_all_channels_and_reaches_every_input(form: str) -> None:
    z = {name: x.requires_grad_() for name, x in features(4).items()}
    unit = MicroAttention(4, form=form).double()
    unit(**z)[1].sum().backward()
    assert z["r"].grad is None
    for name in ("s", "h1", "h2"):
        gradient = z[name].grad
        assert gradient is not None
        assert gradient.abs().min() > 0


def test_gradients_of_the_inputs_agree_with_finite_differences() -> None:
    unit = MicroAttention(3).double()
    inputs = [x.requires_grad_() for x in features(3, 2, 2).values()]
    assert torch.autograd.gradcheck(lambda r, s, h1, h2: unit(r, s=s, h1=h1, h2=h2), inputs)


@pytest.mark.parametrize("hidden", [None, 2])
@pytest.mark.parametrize("travel", [lambda unit: unit, copy.deepcopy, lambda unit: pickle.loads(pickle.dumps(unit))])
def test_folded_gradient_is_that_of_each_released_row(travel, hidden: int | None) -> None:
    released = MicroAttention(5, hidden=hidden, form="released").double()
    folded = travel(released.fold())
    for unit in (released, folded):
        y, _ = unit(**features(5, hidden=hidden))
        y.square().sum().backward()
    rows = released.project.conv.weight.grad.flatten(1)
    torch.testing.assert_close(
        folded.project.weight.grad.flatten().expand(5, 10 + (hidden or 5)), rows, rtol=1e-10, atol=1e-12
    )


def test_folded_weight_enters_with_its_exact_value() -> None:
    unit = MicroAttention(7)
    z = {name: torch.zeros(1, 7, 1, 1) for name in ("r", "s", "h1", "h2")}
    z["h1"][0, 4] = 1
    _, a = unit(**z)
    assert a.item() == torch.sigmoid(unit.project.weight[1, 4]).item()


def test_fold_keeps_device_precision_and_mode_and_leaves_a_folded_unit_alone() -> None:
    folded = MicroAttention(3, form="released").to(torch.bfloat16).eval().fold()
    assert folded.project.weight.dtype == torch.bfloat16
    assert not folded.training
    assert folded.fold() is folded


@pytest.mark.parametrize("hidden", [256, 64])
@pytest.mark.parametrize("form", FORMS)
def test_both_forms_start_alike(form: str, hidden: int) -> None:
    torch.manual_seed(0)
    channels = 256
    unit = MicroAttention(channels, hidden=hidden, form=form)
    w = unit.fold().project.weight
    inputs = 2 * channels + hidden
    expected = (2 / inputs) ** 0.5 / channels**0.5
    assert w.numel() == inputs
    assert w.std().item() == pytest.approx(expected, rel=0.1)
    assert abs(w.mean().item()) < 4 * expected / inputs**0.5
