"""What moves, how fast, and what stays: groups against a rule written out, frozen parts against their copies."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mer.config import AttentionConfig, ModelConfig
from mer.errors import ConfigError
from mer.models import RecognitionNetwork, build, count_parameters, freeze, parameter_groups
from mer.models.attention import UNITS

PLAIN = ModelConfig(attention=AttentionConfig(stages=[]))


def network(model: ModelConfig = PLAIN) -> RecognitionNetwork:
    torch.manual_seed(0)
    return build(model, in_channels=1, classes=3)


@pytest.mark.parametrize(("unit", "form"), [("micro", "released"), *((unit, "folded") for unit in UNITS)])
def test_groups_cover_every_parameter_once_by_one_rule(unit: str, form: str) -> None:
    built = network(ModelConfig(attention=AttentionConfig(unit=unit, form=form)))
    groups = {g["name"]: g for g in parameter_groups(built, lr=0.1, weight_decay=0.01, bias_lr=2.0)}
    kinds = {}
    for module_name, module in built.named_modules():
        for name, _ in module.named_parameters(recurse=False):
            scale = isinstance(module, nn.BatchNorm2d) and name == "weight"
            kinds[f"{module_name}.{name}"] = "scales" if scale else "shifts" if name == "bias" else "weights"
    by_id = {id(p): name for name, p in built.named_parameters()}
    got = {by_id[id(p)]: kind for kind, group in groups.items() for p in group["params"]}
    assert got == kinds
    assert sum(len(group["params"]) for group in groups.values()) == len(kinds)
    assert {k: (g["lr"], g["weight_decay"]) for k, g in groups.items()} == {
        "weights": (0.1, 0.01),
        "scales": (0.1, 0.0),
        "shifts": (0.2, 0.0),
    }


@settings(deadline=None, max_examples=10)
@given(levels=st.integers(0, 5))
def test_what_is_frozen_is_in_no_group_and_does_not_count(levels: int) -> None:
    built = network()
    freeze(built, levels)
    beginnings = ["data_bn conv1 bn1", "layer1", "layer2", "layer3", "layer4 last_bn"][:levels]
    still = " ".join(beginnings).split()
    moving = {name for name, _ in built.named_parameters() if name.split(".")[0] not in still}
    assert {name for name, p in built.named_parameters() if p.requires_grad} == moving
    groups = parameter_groups(built, lr=1.0, weight_decay=0.1, bias_lr=1.0)
    assert {id(p) for g in groups for p in g["params"]} == {id(built.get_parameter(name)) for name in moving}
    assert count_parameters(built) == sum(built.get_parameter(name).numel() for name in moving)


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.AdamW])
@pytest.mark.parametrize("levels", [0, 2, 5])
def test_frozen_parts_and_their_statistics_stay_and_the_others_move(optimizer, levels: int) -> None:
    built = network()
    held = freeze(built, levels)
    built.train()
    for layer in held:
        layer.eval()
    before = copy.deepcopy(built.state_dict())
    steps = optimizer(parameter_groups(built, lr=0.1, weight_decay=0.1, bias_lr=2.0))
    for _ in range(2):
        steps.zero_grad()
        nn.functional.cross_entropy(built(torch.randn(4, 1, 28, 28)), torch.tensor([0, 1, 2, 0])).backward()
        steps.step()
    for name, value in built.state_dict().items():
        assert torch.equal(value, before[name]) == (built.level_of(name) < levels), name


def test_layers_whose_statistics_stay_are_those_of_frozen_levels() -> None:
    assert freeze(network(), 0) == ()
    built = network()
    stem = [built.get_submodule(name) for name in ("data_bn", "bn1")]
    assert list(freeze(built, 1)) == stem


def test_the_classifier_cannot_be_frozen() -> None:
    with pytest.raises(ConfigError, match=r"optim\.freeze: expected 0\.\.5 of the levels stem, .*, layer4, got 6"):
        freeze(network(), 6)
