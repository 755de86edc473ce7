"""From configurations to networks: counts of the definition, every problem named."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from mer.config import AttentionConfig, ModelConfig, from_dict
from mer.errors import ConfigError
from mer.models import build, config_errors, count_parameters
from mer.models.attention import UNITS


@pytest.mark.parametrize(
    ("form", "stages", "count"),
    [("released", [1, 2, 3, 4], 5_944_839), ("folded", [1, 2, 3, 4], 4_903_239), ("folded", [], 4_900_359)],
)
@pytest.mark.parametrize("release", ["single", "megc2019"])
def test_parameter_counts_of_the_definition(release: str, form: str, stages: list[int], count: int) -> None:
    config = ModelConfig(release=release, attention=AttentionConfig(form=form, stages=stages))
    assert count_parameters(build(config, in_channels=1, classes=5)) == count


def test_frozen_parameters_do_not_count() -> None:
    layer = nn.Linear(3, 2)
    layer.bias.requires_grad_(False)
    assert count_parameters(layer) == 6


@given(stages=st.lists(st.integers(-2, 8), max_size=6))
def test_stages_are_a_subset_in_any_order_or_a_named_problem(stages: list[int]) -> None:
    found = config_errors(ModelConfig(attention=AttentionConfig(stages=stages)))
    if set(stages) <= {1, 2, 3, 4}:
        assert found == []
    else:
        assert len(found) == 1
        assert "model.attention.stages" in found[0]
        assert "expected some of 1, 2, 3, 4" in found[0]
        assert found[0].endswith(f"got {', '.join(str(stage) for stage in stages if stage not in {1, 2, 3, 4})}")


def test_stages_are_ordered_and_each_taken_once() -> None:
    network = build(ModelConfig(depth=18, attention=AttentionConfig(stages=[4, 1, 4])), in_channels=1, classes=3).eval()
    assert network.stages == (1, 4)
    carries = [[block.attention is not None for block in getattr(network, f"layer{stage}")] for stage in (1, 2, 3, 4)]
    assert carries == [[True, True], [False, False], [False, False], [True, True]]
    assert [a.shape[-1] for a in network.attention_maps(torch.zeros(1, 1, 56, 56))] == [14, 2]


@pytest.mark.parametrize("unit", UNITS)
def test_every_block_of_an_attended_stage_carries_the_unit(unit: str) -> None:
    attention = AttentionConfig(unit=unit, stages=[2, 3])
    with torch.device("meta"):
        network = build(ModelConfig(depth=34, attention=attention), in_channels=1, classes=3)
    carries = [[block.attention is not None for block in getattr(network, f"layer{stage}")] for stage in (1, 2, 3, 4)]
    assert carries == [[False] * 3, [True] * 4, [True] * 6, [False] * 3]


def test_the_map_of_a_stage_is_that_of_its_last_block() -> None:
    torch.manual_seed(0)
    config = ModelConfig(depth=18, attention=AttentionConfig(unit="spatial", stages=[3]))
    network = build(config, in_channels=1, classes=3).eval()
    block = network.layer3[1]
    block.attention.register_forward_hook(lambda _module, _inputs, output: seen.append(output[1]))
    seen: list[torch.Tensor] = []
    with torch.no_grad():
        (a,) = network.attention_maps(torch.randn(1, 1, 40, 40))
    assert a is seen[0]


@pytest.mark.parametrize("attention", [{"unit": "none"}, {"stages": []}, {"unit": "none", "stages": []}])
def test_no_unit_and_no_stage_are_the_plain_network(attention: dict) -> None:
    network = build(from_dict(ModelConfig, {"attention": attention}), in_channels=1, classes=5)
    assert count_parameters(network) == 4_900_359
    assert network.stages == network.map_stages == ()
    assert network.eval().attention_maps(torch.zeros(1, 1, 28, 28)) == []


def test_an_unknown_unit_is_named_with_all_that_are_known() -> None:
    (problem,) = config_errors(ModelConfig(attention=AttentionConfig(unit="cbma")))
    for word in ("model.attention.unit", "'cbma'", "'cbam'", "none", *UNITS):
        assert word in problem


def test_all_problems_come_at_once_with_key_expected_and_got() -> None:
    attention = AttentionConfig(unit="macro", form="bent", stages=[0, True])
    config = ModelConfig(depth=12, release="megc2018", attention=attention)
    with pytest.raises(ConfigError) as caught:
        build(config, in_channels=0, classes=1)
    found = caught.value.errors
    assert len(found) == 7
    words = [
        "model.depth",
        "12",
        "release",
        "megc2018",
        "unit",
        "macro",
        "form",
        "bent",
        "got 0, True",
        "got 0",
        "got 1",
    ]
    for word in words:
        assert word in str(caught.value)
