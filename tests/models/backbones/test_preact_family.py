"""Depths, widths, stems and heads of the pre-activation family against the definition written a second time."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from mer.config import AttentionConfig, ModelConfig
from mer.errors import ConfigError
from mer.models import MicroAttentionResNet, build, config_errors, count_parameters, fold_attention
from mer.models.attention import UNITS
from mer.models.backbones.grid_pooling import grid_means
from mer.models.backbones.preact_options import BLOCKS, RELEASES, last_side
from mer.models.build import describe
from tests.helpers import reference_network

#: Unit and form of every kind of unit, and of none.
KINDS = [("none", "folded"), ("micro", "released"), *((name, "folded") for name in UNITS)]


def make(model: ModelConfig, *, channels: int = 1, seed: int = 0) -> MicroAttentionResNet:
    """A network with random numbers in every tensor, in float64 and evaluation mode."""
    torch.manual_seed(seed)
    network = build(model, in_channels=channels, classes=3).double().eval()
    assert isinstance(network, MicroAttentionResNet)
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var") or (tensor.ndim == 1 and name.endswith(".weight")):
            nn.init.uniform_(tensor, 0.5, 1.5)
        elif tensor.ndim == 1:
            nn.init.normal_(tensor, std=0.3)
        elif ".attention." in name:
            # maps far from 0.5, so that a wrong one shows
            tensor.mul_(5)
    return network


def images(count: int, side: tuple[int, int] = (30, 37), channels: int = 1) -> Tensor:
    return torch.randn(count, channels, *side, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


NARROW = ModelConfig(width=16)

MODELS = [
    replace(NARROW, stem="small"),
    replace(NARROW, stem="small", head="grid"),
    replace(NARROW, stem="small", head="grid", release="megc2019"),
    replace(NARROW, release="megc2019"),
    replace(NARROW, depth=18, width=48, head="grid", stem="small"),
    ModelConfig(depth=18, width=5, stem="small", head="grid", release="megc2019"),
    replace(NARROW, depth=50),
    replace(NARROW, depth=50, release="megc2019", attention=AttentionConfig(form="released", stages=[1, 4])),
    replace(NARROW, depth=50, stem="small", head="grid"),
]


@pytest.mark.parametrize("model", MODELS, ids=describe)
def test_logits_maps_and_gradients_equal_the_definition(model: ModelConfig) -> None:
    network, x, target = make(model), images(3), torch.tensor([0, 1, 2])
    assert model.depth is not None
    options = {"release": model.release, "counts": BLOCKS[model.depth], "stem": model.stem, "head": model.head}
    logits, maps = reference_network.network(network.state_dict(), x, **options)
    with torch.no_grad():
        got, got_maps = network.attend(x)
    torch.testing.assert_close(got, logits, rtol=1e-10, atol=1e-10)
    assert len(maps) == len(model.attention.stages)
    torch.testing.assert_close(got_maps, maps, rtol=1e-10, atol=1e-10)
    state = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
    weights = {name: state[name].requires_grad_() for name, _ in network.named_parameters()}
    F.cross_entropy(reference_network.network(state, x, training=True, **options)[0], target).backward()
    F.cross_entropy(network.train()(x), target).backward()
    for name, parameter in network.named_parameters():
        expected = weights[name].grad
        if name.endswith("project.weight"):
            block = network.get_submodule(name.removesuffix(".attention.project.weight"))
            expected = expected / block(torch.zeros(2, *_inputs(block), dtype=torch.float64))[0].shape[1]
        # a constant before a normalisation over the batch has no gradient but rounding error
        torch.testing.assert_close(parameter.grad, expected, rtol=1e-6, atol=1e-9, msg=name)


def _inputs(block: nn.Module) -> tuple[int, int, int]:
    return block.conv1.in_channels, 4, 4


@settings(deadline=None, max_examples=40)
@given(height=st.integers(1, 13), width=st.integers(1, 13))
def test_a_grid_cuts_as_adaptive_pooling_does(height: int, width: int) -> None:
    x = images(2, (height, width), channels=3).requires_grad_()
    got, expected = grid_means(x, 4), F.adaptive_avg_pool2d(x, 4)
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)
    weights = torch.randn_like(got)
    gradients = [torch.autograd.grad((y * weights).sum(), x)[0] for y in (got, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-12)


def test_a_grid_tells_positions_apart_better_than_a_pool() -> None:
    x = torch.zeros(1, 1, 28, 28, dtype=torch.float64)
    x[..., 4:8, 4:8] = 50
    found = {}
    for head in ("grid", "pool"):
        network = make(replace(NARROW, stem="small", head=head, attention=AttentionConfig(stages=[])))
        a, b = (network.features(each.roll((8, 8), dims=(2, 3))) for each in (x, x.roll((8, 8), dims=(2, 3))))
        found[head] = ((a - b).norm() / a.norm()).item()
    assert found["grid"] > 2 * found["pool"], found


def test_features_of_the_grid_have_length_one_in_megc2019() -> None:
    network = make(replace(NARROW, stem="small", head="grid", release="megc2019"))
    f = network.features(images(3))
    assert f.shape == (3, 16 * 8 * 16)
    torch.testing.assert_close(f.norm(dim=1), torch.ones(3, dtype=torch.float64))


def expected_parameters(depth: int, width: int, unit: str, form: str, *, in_channels: int, classes: int) -> int:
    """Tensor by tensor of the tables: 2 numbers a normalised channel, K x K x in x out a convolution."""

    def attention(c: int, hidden: int) -> int:
        kernel = min((1, 3, 5, 7), key=lambda k: (abs(k - (torch.tensor(float(c)).log2().item() + 1) / 2), -k))
        m, z = max(8, c // 32), 2 * c + hidden
        gates = 2 * c * (c // 16)
        counts = {"none": 0, "se": gates, "eca": kernel, "cbam": gates + 98, "spatial": 98, "simam": 0}
        counts |= {"coordinate": 3 * m * c + 2 * m, "micro": z * c if form == "released" else z}
        return counts[unit]

    total, inputs = 2 * in_channels + 49 * in_channels * width + width + 2 * width, width
    repeats = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}[depth]
    for stage, repeat in enumerate(repeats):
        inner = width * 2**stage
        c = 4 * inner if depth == 50 else inner
        for index in range(repeat):
            if depth == 50:
                total += inputs * inner + 2 * inner + 9 * inner * inner + 2 * inner + inner * c
            else:
                total += 9 * inputs * c + 2 * c + 9 * c * c
            total += 2 * inputs if (stage, index) != (0, 0) else 0
            total += inputs * c if inputs != c else 0
            total += attention(c, inner)
            inputs = c
    return total + 2 * inputs + inputs * classes + classes


@pytest.mark.parametrize(("depth", "kind"), list(itertools.product(BLOCKS, KINDS)))
def test_parameters_of_every_depth_and_unit(depth: int, kind: tuple[str, str]) -> None:
    unit, form = kind
    for width in (64, 16):
        model = ModelConfig(depth=depth, width=width, attention=AttentionConfig(unit=unit, form=form))
        with torch.device("meta"):
            network = build(model, in_channels=3, classes=7)
        expected = expected_parameters(depth, width, unit, form, in_channels=3, classes=7)
        assert count_parameters(network) == expected


@pytest.mark.parametrize(("depth", "kind"), list(itertools.product(BLOCKS, KINDS)))
def test_every_depth_and_unit_trains(depth: int, kind: tuple[str, str]) -> None:
    unit, form = kind
    release = RELEASES[len(unit) % 2]
    torch.manual_seed(0)
    model = ModelConfig(depth=depth, width=16, release=release, attention=AttentionConfig(unit=unit, form=form))
    network = build(model, in_channels=2, classes=3)
    logits, maps = network.attend(torch.randn(2, 2, 28, 28))
    assert len(maps) == len(network.map_stages) == (4 if unit in ("micro", "cbam", "spatial") else 0)
    F.cross_entropy(logits, torch.tensor([0, 2])).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
    # the few hidden units of a narrow SE may all be off in one block, and behind a 1x1 map of two samples some vanish
    units = [p for name, p in network.named_parameters() if ".attention." in name]
    assert not units or max(parameter.grad.abs().max() for parameter in units) > 0
    for name, parameter in network.layer1.named_parameters():
        assert ".attention." in name or parameter.grad.abs().max() > 0, name


def test_depth_50_has_the_channels_of_the_paper() -> None:
    with torch.device("meta"):
        network = build(ModelConfig(depth=50), in_channels=3, classes=1000)
    # He et al. 2016: 256, 512, 1024, 2048
    assert [info.channels for info in network.feature_info] == [256, 512, 1024, 2048]
    unit = network.layer4[0].attention.project
    assert unit.parts == (2048, 512, 2048)


def test_folding_bottlenecks_keeps_logits_and_maps() -> None:
    released = make(replace(NARROW, depth=50, attention=AttentionConfig(form="released")))
    folded = fold_attention(released)
    assert folded.layer2[0].attention.project.weight.shape == (1, 2 * 128 + 32)
    with torch.no_grad():
        torch.testing.assert_close(folded.attend(images(2)), released.attend(images(2)), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("stem", ["imagenet", "small"])
@pytest.mark.parametrize("side", [28, 29, 30, 57, 64, 99, 112, 113])
def test_sides_of_the_stages(stem: str, side: int) -> None:
    model = ModelConfig(width=1, stem=stem, attention=AttentionConfig(stages=[]))
    network, sides = build(model, in_channels=1, classes=2).eval(), []
    for blocks in (network.layer1, network.layer2, network.layer3, network.layer4):
        blocks[-1].register_forward_hook(lambda _m, _i, out: sides.append(out[0].shape[-1]))
    network(torch.zeros(1, 1, side, side))
    assert last_side(model, side) == sides[-1]
    if side in (28, 64, 112):
        assert sides == [-(-side // info.reduction) for info in network.feature_info]


@pytest.mark.parametrize(
    ("change", "side", "words"),
    [
        ({"depth": None}, None, ["model.depth", "10, 18, 34, 50", "None"]),
        ({"stem": "big"}, None, ["model.stem", "imagenet", "small", "'big'"]),
        ({"head": "mean"}, None, ["model.head", "pool", "grid", "'mean'"]),
        ({"width": 0}, None, ["model.width", "1 to 256", "got 0"]),
        ({"dropout": 1.0}, None, ["model.dropout", "at least 0 and below 1", "1.0"]),
        ({"dropout": float("nan")}, None, ["model.dropout", "nan"]),
        ({"head": "grid"}, 28, ["model.head", "28 pixels", "1x1", "model.stem=small", "input.size=112"]),
    ],
)
def test_what_makes_no_network_is_named(change: dict, side: int | None, words: list[str]) -> None:
    (problem,) = config_errors(replace(ModelConfig(), **change), side=side)
    for word in words:
        assert word in problem
    if side is None:
        with pytest.raises(ConfigError):
            build(replace(ModelConfig(), **change), in_channels=1, classes=2)


@pytest.mark.parametrize("size", [28, 56, 112, 224])
def test_the_remedies_for_a_grid_help(size: int) -> None:
    assert config_errors(ModelConfig(head="grid", stem="small"), side=size) == []
    assert (config_errors(ModelConfig(head="grid"), side=size) == []) == (size >= 112)


def test_a_grid_exports_with_any_batch() -> None:
    network = make(replace(NARROW, stem="small", head="grid"))
    batch = torch.export.Dim("batch", min=2, max=64)
    program = torch.export.export(network, (images(3),), dynamic_shapes={"x": {0: batch}})
    x = images(5)
    torch.testing.assert_close(program.module()(x), network(x))


def test_a_network_in_words() -> None:
    assert describe(ModelConfig()) == "ResNet-10"
    assert describe(ModelConfig(depth=50, width=16, stem="small")) == "ResNet-50 (width 16, stem small)"
