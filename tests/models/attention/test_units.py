"""Every unit of the registry: its paper's formulas, its counts, its neutral value, copies, gradients, export."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from mer.config import AttentionConfig, ModelConfig
from mer.models import build, count_parameters
from mer.models.attention import UNITS, Cost, attention_factory, cost, describe
from mer.models.attention.efficient_channel import kernel_size
from mer.models.backbones.preact_options import RELEASES
from tests.helpers.attention_formulas import FORMULAS

#: Unit and form of every kind of unit.
KINDS = [("micro", "folded"), ("micro", "released"), *((name, "folded") for name in UNITS if name != "micro")]

#: Units with a map (N, 1, H, W).
MAPS = {"micro", "cbam", "spatial"}

#: Value of the sigmoid at which a unit changes nothing.
NEUTRAL = {name: 0.0 if name == "micro" else 1.0 for name in UNITS}


def make(unit: str, form: str, channels: int = 32, seed: int = 0, hidden: int | None = None) -> nn.Module:
    """A unit with random numbers in every tensor, in float64 and evaluation mode."""
    torch.manual_seed(seed)
    maker = attention_factory(AttentionConfig(unit=unit, form=form))
    assert maker is not None
    module = maker(channels, hidden).double().eval()
    for name, tensor in module.state_dict().items():
        if name.endswith("running_var"):
            nn.init.uniform_(tensor, 0.5, 2)
        elif tensor.is_floating_point():
            nn.init.normal_(tensor)
    return module


def features(
    count: int, channels: int, height: int, width: int, *, seed: int = 1, hidden: int | None = None
) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    parts = {"r": channels, "s": channels, "h1": hidden or channels, "h2": channels}
    return {
        name: torch.randn((count, c, height, width), dtype=torch.float64, generator=generator)
        for name, c in parts.items()
    }


@pytest.mark.parametrize(("unit", "form"), KINDS)
@settings(deadline=None, max_examples=8)
@given(
    channels=st.sampled_from([1, 5, 16, 40]),
    hidden=st.sampled_from([None, 1, 7]),
    height=st.integers(1, 6),
    width=st.integers(1, 6),
    last=st.booleans(),
)
def test_a_unit_equals_its_papers_formulas(unit: str, form: str, channels, hidden, height, width, last: bool) -> None:
    module = make(unit, form, channels, hidden=hidden)
    z = features(2, channels, height, width, hidden=hidden)
    if last:
        z = {name: x.contiguous(memory_format=torch.channels_last) for name, x in z.items()}
    y, a = module(**z)
    weights = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    right, right_map = FORMULAS[unit](**{name: x.numpy() for name, x in z.items()}, weights=weights)
    np.testing.assert_allclose(y.detach().numpy(), right, rtol=1e-9, atol=1e-12)
    assert module.has_map == (unit in MAPS)
    assert (a is not None) == (right_map is not None) == module.has_map
    if a is not None:
        np.testing.assert_allclose(a.detach().numpy(), right_map, rtol=1e-9, atol=1e-12)


#: Parameters of a unit for C channels, and the products that weights take at H x W positions.
COUNTS = {
    ("micro", "folded"): (lambda c: 3 * c, lambda c, h, w: 3 * c * h * w),
    ("micro", "released"): (lambda c: 3 * c * c, lambda c, h, w: 3 * c * c * h * w),
    ("se", "folded"): (lambda c: 2 * c * (c // 16), lambda c, h, w: 2 * c * (c // 16)),
    ("eca", "folded"): (lambda c: {64: 3, 128: 5, 256: 5, 512: 5}[c], lambda c, h, w: (3 if c == 64 else 5) * c),
    ("cbam", "folded"): (lambda c: 2 * c * (c // 16) + 98, lambda c, h, w: 4 * c * (c // 16) + 98 * h * w),
    ("spatial", "folded"): (lambda c: 98, lambda c, h, w: 98 * h * w),
    ("simam", "folded"): (lambda c: 0, lambda c, h, w: 0),
    ("coordinate", "folded"): (
        lambda c: 3 * c * max(8, c // 32) + 2 * max(8, c // 32),
        lambda c, h, w: 2 * c * max(8, c // 32) * (h + w),
    ),
}


@pytest.mark.parametrize("channels", [64, 128, 256, 512])
@pytest.mark.parametrize(("unit", "form"), KINDS)
def test_parameters_and_products_of_weights(unit: str, form: str, channels: int) -> None:
    module = make(unit, form, channels)
    parameters, products = COUNTS[unit, form]
    assert count_parameters(module) == parameters(channels)
    with FlopCounterMode(display=False) as counter:
        module(**features(1, channels, 3, 5))
    assert counter.get_total_flops() == 2 * products(channels, 3, 5)


class Products(TorchDispatchMode):
    """Counts what FlopCounterMode leaves out: element-wise products over whole maps, and those of a normalisation."""

    def __init__(self, at_least: int) -> None:
        super().__init__()
        self.at_least, self.total = at_least, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name in ("mul", "div", "pow") and out.numel() >= self.at_least:
            self.total += out.numel()
        if "batch_norm" in name:
            self.total += out[0].numel()
        return out


@pytest.mark.parametrize("shape", [(64, 5, 7), (128, 4, 4), (2048, 2, 3)])
@pytest.mark.parametrize(("unit", "form"), KINDS)
@pytest.mark.parametrize("bottleneck", [False, True])
def test_cost_equals_what_the_operations_count(unit: str, form: str, shape, bottleneck: bool) -> None:
    channels, height, width = shape
    hidden = channels // 4 if bottleneck else None
    with torch.device("meta"):
        module: nn.Module = attention_factory(AttentionConfig(unit=unit, form=form))(channels, hidden).eval()
        parts = {"r": channels, "s": channels, "h1": hidden or channels, "h2": channels}
        z = {name: torch.empty(1, c, height, width) for name, c in parts.items()}
        with FlopCounterMode(display=False) as weights, Products(math.prod(shape)) as products:
            module(**z)
    found = cost(AttentionConfig(unit=unit, form=form), shape, hidden=hidden)
    assert found.parameters == count_parameters(module)
    assert found.multiply_adds == weights.get_total_flops() // 2 + products.total


def test_no_unit_costs_nothing() -> None:
    assert cost(AttentionConfig(unit="none"), (64, 7, 7)) == Cost(0, 0)


def test_cost_of_the_authors_units() -> None:
    """Sums over ResNet-10 at 224: 2,880 and 1,044,480 weights, as counted from the authors' definition."""
    shapes = [(64, 56, 56), (128, 28, 28), (256, 14, 14), (512, 7, 7)]
    for form, parameters in (("folded", 2_880), ("released", 1_044_480)):
        assert sum(cost(AttentionConfig(form=form), shape).parameters for shape in shapes) == parameters


def test_neighbours_grow_with_the_channels_and_stay_odd() -> None:
    assert [kernel_size(c) for c in (2, 16, 64, 128, 256, 512, 1024, 4096)] == [1, 3, 3, 5, 5, 5, 5, 7]


@pytest.mark.parametrize(
    ("unit", "form", "release"), [(*kind, RELEASES[i % 2]) for i, kind in enumerate([*KINDS, ("micro", "folded")])]
)
@pytest.mark.parametrize(("depth", "width"), [(10, 64), (18, 16), (34, 16), (50, 16)])
def test_a_unit_at_its_neutral_value_gives_the_plain_network(unit, form, release, depth, width, monkeypatch) -> None:
    """Every unit acts through sigmoids only: with their value fixed at the neutral one it must change nothing."""
    torch.manual_seed(0)
    plain, network = (
        build(
            ModelConfig(depth=depth, width=width, release=release, attention=AttentionConfig(unit=one, form=form)),
            in_channels=1,
            classes=3,
        )
        for one in ("none", unit)
    )
    missing = network.load_state_dict(plain.state_dict(), strict=False)
    assert all(".attention." in name for name in missing.missing_keys)
    assert not missing.unexpected_keys
    plain, network = plain.eval(), network.eval()
    x = torch.randn(2, 1, 30, 30)
    with torch.no_grad():
        assert not torch.allclose(network(x), plain(x), rtol=1e-3)
        monkeypatch.setattr(torch, "sigmoid", lambda x: torch.full_like(x, NEUTRAL[unit]))
        assert torch.equal(network(x), plain(x))


@pytest.mark.parametrize("backbone", ["resnet", "lite0"])
@pytest.mark.parametrize(("unit", "form"), KINDS)
def test_neutral_units_give_the_plain_network_of_the_other_backbones_too(unit, form, backbone, monkeypatch) -> None:
    if backbone == "lite0" and unit == "micro":
        pytest.skip("refused there: a block without a shortcut has nothing that micro-attention looks at")
    torch.manual_seed(0)
    depth = 18 if backbone == "resnet" else None
    plain, network = (
        build(
            ModelConfig(backbone=backbone, depth=depth, attention=AttentionConfig(unit=one, form=form)),
            in_channels=3,
            classes=3,
        ).eval()
        for one in ("none", unit)
    )
    assert not network.load_state_dict(plain.state_dict(), strict=False).unexpected_keys
    x = torch.randn(2, 3, 40, 33)
    with torch.no_grad():
        # drawn, a unit changes what comes out: weights that learned without it are no longer themselves
        assert not torch.allclose(network.features(x), plain.features(x), rtol=1e-2)
        monkeypatch.setattr(torch, "sigmoid", lambda x: torch.full_like(x, NEUTRAL[unit]))
        torch.testing.assert_close(network(x), plain(x), rtol=0, atol=0)


@pytest.mark.parametrize(("unit", "form"), KINDS)
def test_networks_train_at_the_smallest_side_and_give_the_maps_they_say(unit: str, form: str) -> None:
    torch.manual_seed(0)
    model = ModelConfig(attention=AttentionConfig(unit=unit, form=form, stages=[2, 4]))
    network = build(model, in_channels=2, classes=3)
    assert network.stages == (2, 4)
    assert network.map_stages == ((2, 4) if unit in MAPS else ())
    logits, maps = network.attend(torch.randn(2, 2, 28, 28))
    assert [tuple(a.shape) for a in maps] == [(2, 1, 4, 4), (2, 1, 1, 1)][: len(network.map_stages)]
    assert all(((a > 0) & (a < 1)).all() for a in maps)
    torch.nn.functional.cross_entropy(logits, torch.tensor([0, 2])).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
    learned = [p for name, p in network.named_parameters() if ".attention." in name]
    assert len(learned) == 0 if unit == "simam" else any(p.grad.abs().max() > 0 for p in learned)


@pytest.mark.parametrize(("unit", "form"), KINDS)
def test_gradients_agree_with_finite_differences(unit: str, form: str) -> None:
    module = make(unit, form, 3)
    inputs = [x.requires_grad_() for x in features(1, 3, 2, 3).values()]
    assert torch.autograd.gradcheck(lambda r, s, h1, h2: module(r, s=s, h1=h1, h2=h2)[0], inputs)


@pytest.mark.parametrize(("unit", "form"), KINDS)
def test_copies_are_equal_and_apart(unit: str, form: str) -> None:
    module, z = make(unit, form), features(2, 32, 3, 4)
    y, _ = module(**z)
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert torch.equal(other(**z)[0], y)
        with torch.no_grad():
            for parameter in other.parameters():
                parameter.zero_()
        assert torch.equal(module(**z)[0], y)


@pytest.mark.parametrize(("unit", "form"), KINDS)
def test_an_exported_unit_takes_any_batch(unit: str, form: str) -> None:
    module = make(unit, form)
    batch = torch.export.Dim("batch", min=2, max=64)
    z = features(3, 32, 4, 5)
    program = torch.export.export(module, (), kwargs=z, dynamic_shapes={name: {0: batch} for name in z})
    z = features(5, 32, 4, 5, seed=2)
    for got, expected in zip(program.module()(**z), module(**z), strict=True):
        torch.testing.assert_close(got, expected)


@pytest.mark.parametrize(
    ("attention", "text"),
    [
        (AttentionConfig(), "micro attention (folded) in every block of stages [1, 2, 3, 4]"),
        (
            AttentionConfig(unit="cbam", stages=[4, 1]),
            "cbam attention in every block of stages [1, 4]",
        ),
        (AttentionConfig(unit="none"), "no attention"),
        (AttentionConfig(stages=[]), "no attention"),
    ],
)
def test_a_configuration_in_words(attention: AttentionConfig, text: str) -> None:
    assert describe(attention) == text
