"""What every network offers: levels that hold every tensor once, a classifier that can be exchanged, dropout."""

from __future__ import annotations

import pickle

import pytest
import torch
from torch import nn

from mer.config import AttentionConfig, ModelConfig
from mer.models import RecognitionNetwork, build
from mer.models.attention import UNITS


def network(**options) -> RecognitionNetwork:
    torch.manual_seed(0)
    return build(ModelConfig(width=16, **options), in_channels=2, classes=4)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("depth", [10, 50])
def test_every_tensor_and_module_stands_in_one_level(unit: str, depth: int) -> None:
    found = network(depth=depth, attention=AttentionConfig(unit=unit))
    assert found.levels == ("stem", "layer1", "layer2", "layer3", "layer4", "head")
    for name in found.state_dict():
        first = name.split(".")[0]
        expected = {"data_bn": 0, "conv1": 0, "bn1": 0, "last_bn": 4, "fc": 5}
        assert found.level_of(name) == (int(first[-1]) if first.startswith("layer") else expected[first]), name
    for name, _ in found.named_modules():
        if name:
            assert 0 <= found.level_of(name) <= 5


@pytest.mark.parametrize("name", ["", "layer5.0.conv1.weight", "layer11", "network.fc.weight", "fcx"])
def test_a_name_of_no_level_is_an_error(name: str) -> None:
    with pytest.raises(ValueError, match=repr(name)):
        network().level_of(name)


def test_nothing_behind_a_level_reaches_the_levels_before() -> None:
    """Levels are in the order of the forward pass: what a level gets does not depend on the weights after it."""
    found = network().eval()
    x = torch.randn(1, 2, 40, 40)
    seen: list[torch.Tensor] = []
    found.layer2[-1].register_forward_hook(lambda _m, _i, out: seen.append(out[0].detach()))
    found(x)
    for name, parameter in found.named_parameters():
        if found.level_of(name) > 2:
            parameter.data.mul_(3)
    found(x)
    assert torch.equal(*seen)


@pytest.mark.parametrize(("stem", "reductions"), [("imagenet", [4, 8, 16, 32]), ("small", [1, 2, 4, 8])])
@pytest.mark.parametrize("depth", [18, 50])
def test_feature_info_is_what_the_levels_give(depth: int, stem: str, reductions: list[int]) -> None:
    found = network(depth=depth, stem=stem).eval()
    shapes = {}
    for info in found.feature_info:
        last = getattr(found, info.name)[-1]
        last.register_forward_hook(lambda _m, _i, out, name=info.name: shapes.update({name: out[0].shape}))
    found(torch.zeros(1, 2, 64, 64))
    assert [info.name for info in found.feature_info] == ["layer1", "layer2", "layer3", "layer4"]
    assert [info.reduction for info in found.feature_info] == reductions
    for info in found.feature_info:
        assert shapes[info.name] == (1, info.channels, 64 // info.reduction, 64 // info.reduction)


def test_the_classifier_starts_as_the_definitions_ask() -> None:
    found = network(head="grid", stem="small")
    bound = (3 / (16 * 8 * 16)) ** 0.5
    assert 0.95 * bound < found.fc.weight.abs().max().item() <= bound
    assert (found.fc.bias == 0.2).all()


def test_dropout_acts_on_the_features_in_training_only_and_draws_nothing_at_0() -> None:
    with_dropout, without = network(dropout=0.5), network()
    x = torch.randn(4, 2, 28, 28)
    assert torch.equal(with_dropout.eval()(x), without.eval()(x))
    for each in (with_dropout, without):
        each.train()
        each.fc = nn.Linear(128, 128)
        nn.init.eye_(each.fc.weight)
        nn.init.zeros_(each.fc.bias)
    state = torch.get_rng_state()
    plain = without(x)
    assert torch.equal(torch.get_rng_state(), state)
    dropped = with_dropout(x)
    kept = dropped != 0
    torch.testing.assert_close(dropped[kept], 2 * plain[kept])
    alive = plain != 0
    assert 0.35 < kept[alive].float().mean().item() < 0.65


def test_copies_by_pickling_are_equal() -> None:
    found = network().eval()
    other = pickle.loads(pickle.dumps(found))
    x = torch.randn(2, 2, 28, 28)
    assert torch.equal(other(x), found(x))
    assert (other.in_channels, other.classes, other.card) == (2, 4, {})
