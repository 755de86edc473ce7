"""The network against its definition, written a second time in `tests.helpers.reference_network`."""

from __future__ import annotations

import itertools
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mer.config import AttentionConfig, ModelConfig
from mer.models import MicroAttentionResNet, build, fold_attention
from mer.models.backbones.preact_options import BLOCKS, RELEASES
from tests.helpers import reference_network

FORMS = ("folded", "released")


def make(
    depth: int = 10,
    release: str = "single",
    form: str = "folded",
    stages: tuple[int, ...] = (1, 2, 3, 4),
    channels: int = 1,
    classes: int = 5,
    seed: int = 0,
) -> MicroAttentionResNet:
    """A network with random numbers in every tensor, in float64 and evaluation mode."""
    torch.manual_seed(seed)
    config = ModelConfig(depth=depth, release=release, attention=AttentionConfig(form=form, stages=list(stages)))
    network = build(config, in_channels=channels, classes=classes).double().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
    nn.init.normal_(network.conv1.bias)
    for name, parameter in network.named_parameters():
        if ".attention." in name:
            # maps far from 0.5, so that a wrong one shows
            parameter.data.mul_(5)
    return network


def images(count: int, side: tuple[int, int] = (60, 60), channels: int = 1, seed: int = 1) -> Tensor:
    return torch.randn(count, channels, *side, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def relative(got: Tensor, expected: Tensor) -> float:
    return ((got.double() - expected).norm() / expected.norm()).item()


CASES = [
    *itertools.product((10,), RELEASES, FORMS, [(1, 2, 3, 4)], [(60, 60)]),
    *itertools.product((10,), RELEASES, ("released",), [(2,), (1, 4), ()], [(37, 50)]),
    *itertools.product((18, 34), RELEASES, ("folded",), [(1, 2, 3, 4)], [(37, 50)]),
]


@pytest.mark.parametrize(("depth", "release", "form", "stages", "side"), CASES)
def test_logits_and_maps_equal_the_definition(depth, release, form, stages, side) -> None:
    network = make(depth, release, form, stages)
    x = images(2, side)
    logits, maps = reference_network.network(network.state_dict(), x, release=release, counts=BLOCKS[depth])
    assert len(maps) == len(stages)
    for model, x_in, rtol, atol in (
        (network, x, 1e-12, 1e-10),
        (make(depth, release, form, stages).float(), x.float(), 1e-5, 1e-5),
    ):
        with torch.no_grad():
            got_logits, got_maps = model.attend(x_in)
        assert relative(got_logits, logits) < rtol
        assert len(got_maps) == len(maps)
        for got, expected in zip(got_maps, maps, strict=True):
            assert got.shape == expected.shape
            assert (got.double() - expected).abs().max() < atol


@pytest.mark.parametrize("release", RELEASES)
def test_grey_values_at_the_authors_size(release: str) -> None:
    network = make(release=release)
    network.data_bn.running_mean.fill_(120)
    network.data_bn.running_var.fill_(900)
    x = torch.randint(0, 256, (1, 1, 224, 224), generator=torch.Generator().manual_seed(0)).double()
    logits, maps = reference_network.network(network.state_dict(), x, release=release)
    with torch.no_grad():
        got_logits, got_maps = network.float().attend(x.float())
    assert [tuple(a.shape) for a in got_maps] == [(1, 1, 56, 56), (1, 1, 28, 28), (1, 1, 14, 14), (1, 1, 7, 7)]
    assert relative(got_logits, logits) < 1e-5
    for got, expected in zip(got_maps, maps, strict=True):
        assert (got.double() - expected).abs().max() < 1e-5


@pytest.mark.parametrize(("release", "form"), list(itertools.product(RELEASES, FORMS)))
def test_training_mode_and_its_gradients_equal_the_definition(release: str, form: str) -> None:
    network = make(release=release, form=form).train()
    x, target = images(4, (40, 40)), torch.tensor([0, 1, 2, 3])
    state = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
    weights = {name: state[name].requires_grad_() for name, _ in network.named_parameters()}
    F.cross_entropy(reference_network.network(state, x, release=release, training=True)[0], target).backward()
    F.cross_entropy(network(x), target).backward()
    for name, parameter in network.named_parameters():
        expected = weights[name].grad
        assert expected is not None
        if name.endswith("project.weight"):
            expected = expected / parameter.shape[1]
        # BN takes every constant out: no gradient but rounding error is left for conv1's bias
        assert name == "conv1.bias" or relative(parameter.grad, expected) < 1e-8, name
    assert network.conv1.bias.grad.abs().max() < 1e-12


def test_folding_a_network_keeps_logits_and_maps_and_the_original() -> None:
    released = make(18, form="released")
    before = released.state_dict().keys()
    folded = fold_attention(released)
    assert released.state_dict().keys() == before
    assert folded.state_dict().keys() == make(18).state_dict().keys()
    with torch.no_grad():
        for got, expected in zip(folded.attend(images(2)), released.attend(images(2)), strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-12)


OPTIMISERS = {
    "sgd": partial(torch.optim.SGD, lr=0.01, momentum=0.9, weight_decay=0.01),
    "adamw": partial(torch.optim.AdamW, lr=1e-3, weight_decay=0.05),
}


@pytest.mark.parametrize(("release", "optimiser"), [("single", "sgd"), ("megc2019", "sgd"), ("single", "adamw")])
def test_both_forms_take_the_same_path_over_20_steps(release: str, optimiser: str) -> None:
    torch.manual_seed(0)
    config = ModelConfig(release=release, width=16, attention=AttentionConfig(form="released"))
    released = build(config, in_channels=1, classes=5).double()
    # BN takes it out, so that its gradient is rounding error, which AdamW would divide by its own size
    nn.init.normal_(released.conv1.bias.requires_grad_(False))
    folded = fold_attention(released)
    start = folded.layer4[0].attention.project.weight.detach().clone()
    for network in (released, folded):
        optimise = OPTIMISERS[optimiser](network.parameters())
        for step in range(20):
            optimise.zero_grad()
            x = images(5, (28, 28), seed=step)
            F.cross_entropy(network(x), torch.arange(5)).backward()
            optimise.step()
    moved = relative(folded.layer4[0].attention.project.weight.detach(), start)
    assert moved > 1e-3
    end = fold_attention(released).state_dict()
    for name, value in folded.state_dict().items():
        assert relative(value, end[name].double()) < 1e-9, name


@pytest.mark.parametrize(("release", "stage"), list(itertools.product(RELEASES, (1, 2, 3, 4))))
def test_a_neutral_unit_equals_the_plain_network(release: str, stage: int) -> None:
    """With weights 0 the map is 0.5, so the block gives 1.5 r; a unit that returns r gives the plain network."""

    class Neutral(nn.Module):
        def forward(self, r: Tensor, *, s: Tensor, h1: Tensor, h2: Tensor) -> tuple[Tensor, None]:
            return r, None

    plain = make(release=release, stages=())
    x = images(2)
    attended = make(release=release, stages=(stage,))
    attended.load_state_dict(plain.state_dict(), strict=False)
    block = getattr(attended, f"layer{stage}")[0]
    nn.init.zeros_(block.attention.project.weight)
    sums = {}
    getattr(plain, f"layer{stage}")[0].register_forward_hook(lambda _m, _i, out: sums.update(plain=out[0]))
    handle = block.register_forward_hook(lambda _m, _i, out: sums.update(attended=out[0]))
    with torch.no_grad():
        logits = plain(x)
        (a,) = attended.attention_maps(x)
        handle.remove()
        block.attention = Neutral()
        assert torch.equal(attended(x), logits)
        assert attended.attention_maps(x) == []
    assert torch.equal(a, torch.full_like(a, 0.5))
    torch.testing.assert_close(sums["attended"], 1.5 * sums["plain"])


def test_features_feed_the_classifier_and_have_length_one_in_megc2019() -> None:
    for release in RELEASES:
        network = make(release=release)
        with torch.no_grad():
            f = network.features(images(3))
            torch.testing.assert_close(network.fc(f), network(images(3)))
        assert f.shape == (3, 512)
        if release == "megc2019":
            torch.testing.assert_close(f.norm(dim=1), torch.ones(3, dtype=torch.float64))


@pytest.mark.parametrize(
    ("side", "channels", "classes"), [((28, 28), 3, 2), ((29, 41), 2, 7), ((64, 28), 1, 3), ((57, 57), 6, 4)]
)
def test_shapes_from_the_smallest_side_up(side: tuple[int, int], channels: int, classes: int) -> None:
    network = make(channels=channels, classes=classes).train()
    logits, maps = network.attend(images(2, side, channels))
    assert logits.shape == (2, classes)
    assert torch.isfinite(logits).all()
    if side == (28, 28):
        assert [a.shape[-1] for a in maps] == [7, 4, 2, 1]


def test_initial_values_are_those_of_the_definition() -> None:
    torch.manual_seed(0)
    network = build(ModelConfig(), in_channels=1, classes=100)
    # fan-out of conv1: 64 x 7 x 7; fan-in elsewhere
    expected = {
        "conv1": (2 / (64 * 49)) ** 0.5,
        "layer1.0.conv1": (2 / (64 * 9)) ** 0.5,
        "layer3.0.conv1": (2 / (128 * 9)) ** 0.5,
        "layer4.0.conv2": (2 / (512 * 9)) ** 0.5,
        "layer4.0.shortcut": (2 / 256) ** 0.5,
    }
    for name, deviation in expected.items():
        assert network.get_submodule(name).weight.std().item() == pytest.approx(deviation, rel=0.05)
    bound = (3 / 512) ** 0.5
    assert bound * 0.99 < network.fc.weight.abs().max().item() <= bound
    assert (network.fc.bias == 0.2).all()
    assert (network.conv1.bias == 0).all()


def test_exported_program_takes_any_batch() -> None:
    network = make(release="megc2019").float()

    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
            return self.network.attend(x)

    batch = torch.export.Dim("batch", min=2, max=64)
    program = torch.export.export(Both().eval(), (images(3).float(),), dynamic_shapes={"x": {0: batch}})
    x = images(5).float()
    got, expected = program.module()(x), network.attend(x)
    torch.testing.assert_close(got[0], expected[0])
    torch.testing.assert_close(got[1], expected[1])
