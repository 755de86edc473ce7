"""Post-activation ResNets: names, shapes, counts from the published rules; outputs from the definition written out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mer.config import AttentionConfig, ModelConfig
from mer.models import build, config_errors, count_parameters

PLAIN = AttentionConfig(unit="none")

#: He et al. 2016, table 1: convolutions of a block as (side, channels over the stage's width), blocks a stage.
PUBLISHED = {
    18: (((3, 1), (3, 1)), (2, 2, 2, 2)),
    34: (((3, 1), (3, 1)), (3, 4, 6, 3)),
    50: (((1, 1), (3, 1), (1, 4)), (3, 4, 6, 3)),
}


def model(depth: int, **options: object) -> ModelConfig:
    return ModelConfig(backbone="resnet", depth=depth, **options)  # type: ignore[arg-type]


def published(depth: int, classes: int) -> dict[str, tuple[int, ...]]:
    """Torchvision's names with their shapes, from the rules by which that library numbers its layers."""
    listing: dict[str, tuple[int, ...]] = {}

    def norm(name: str, channels: int) -> None:
        for leaf in ("weight", "bias", "running_mean", "running_var"):
            listing[f"{name}.{leaf}"] = (channels,)
        listing[f"{name}.num_batches_tracked"] = ()

    convolutions, counts = PUBLISHED[depth]
    listing["conv1.weight"] = (64, 3, 7, 7)
    norm("bn1", 64)
    inputs = 64
    for stage, count in enumerate(counts, 1):
        width = 64 * 2 ** (stage - 1)
        for index in range(count):
            name, channels = f"layer{stage}.{index}", inputs
            for number, (side, factor) in enumerate(convolutions, 1):
                listing[f"{name}.conv{number}.weight"] = (factor * width, channels, side, side)
                channels = factor * width
                norm(f"{name}.bn{number}", channels)
            if index == 0 and (stage > 1 or inputs != channels):
                listing[f"{name}.downsample.0.weight"] = (channels, inputs, 1, 1)
                norm(f"{name}.downsample.1", channels)
            inputs = channels
    listing["fc.weight"] = (classes, inputs)
    listing["fc.bias"] = (classes,)
    return listing


@pytest.mark.parametrize(("depth", "parameters"), [(18, 11_689_512), (34, 21_797_672), (50, 25_557_032)])
def test_names_shapes_and_counts_are_the_published_ones(depth: int, parameters: int):
    with torch.device("meta"):
        network = build(model(depth, attention=PLAIN), in_channels=3, classes=1000)
    state = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    assert {name: state.pop(name) for name in ("data_norm.mean", "data_norm.std")} == {
        "data_norm.mean": (3,),
        "data_norm.std": (3,),
    }
    assert state == published(depth, 1000)
    assert count_parameters(network) == parameters


def norm(x: Tensor, state: dict[str, Tensor], name: str) -> Tensor:
    mean, variance, scale, shift = (
        state[f"{name}.{leaf}"].view(1, -1, 1, 1) for leaf in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / torch.sqrt(variance + 1e-5) * scale + shift


def definition(state: dict[str, Tensor], x: Tensor, depth: int, attended: bool) -> tuple[Tensor, dict[int, Tensor]]:
    """Logits and the last map of each stage, from names and table 1 alone; stride 2 stands at the first 3x3."""
    convolutions, counts = PUBLISHED[depth]
    x = (x - state["data_norm.mean"].view(1, -1, 1, 1)) / state["data_norm.std"].view(1, -1, 1, 1)
    x = norm(F.conv2d(x, state["conv1.weight"], stride=2, padding=3), state, "bn1").clamp_min(0)
    x = F.max_pool2d(F.pad(x, (1, 1, 1, 1), value=-torch.inf), 3, stride=2)
    maps = {}
    for stage, count in enumerate(counts, 1):
        for index in range(count):
            name = f"layer{stage}.{index}"
            stride = 2 if index == 0 and stage > 1 else 1
            h, h1 = x, x
            for number, (side, _) in enumerate(convolutions, 1):
                step = stride if side == 3 else 1
                stride = 1 if side == 3 else stride
                h = F.conv2d(h, state[f"{name}.conv{number}.weight"], stride=step, padding=side // 2)
                h = norm(h, state, f"{name}.bn{number}")
                if number < len(convolutions):
                    h = h1 = h.clamp_min(0)
            s = x
            if f"{name}.downsample.0.weight" in state:
                step = 2 if stage > 1 else 1
                s = norm(F.conv2d(x, state[f"{name}.downsample.0.weight"], stride=step), state, f"{name}.downsample.1")
            x = s + h
            if attended:
                weight = state[f"{name}.attention.project.weight"].reshape(1, -1, 1, 1)
                maps[stage] = torch.sigmoid((torch.cat([s, h1, h], dim=1) * weight).sum(dim=1, keepdim=True))
                x = (1 + maps[stage]) * x
            x = x.clamp_min(0)
    return x.mean(dim=(2, 3)) @ state["fc.weight"].T + state["fc.bias"], maps


@pytest.mark.parametrize("attended", [False, True])
@pytest.mark.parametrize("depth", [18, 50])
def test_outputs_are_those_of_the_definition(depth: int, attended: bool):
    torch.manual_seed(depth)
    attention = AttentionConfig() if attended else PLAIN
    network = build(model(depth, attention=attention), in_channels=2, classes=3).double()
    state = network.state_dict()
    for name, tensor in state.items():
        if name.endswith(("running_mean", "bias", "data_norm.mean")):
            tensor.normal_(std=0.3)
        elif tensor.is_floating_point() and tensor.ndim == 1:
            tensor.uniform_(0.5, 1.5)
    x = torch.randn(2, 2, 45, 38, dtype=torch.float64)
    with torch.no_grad():
        logits, maps = network.eval().attend(x)
        expected, expected_maps = definition(state, x, depth, attended)
    torch.testing.assert_close(logits, expected, rtol=1e-9, atol=1e-9)
    assert network.map_stages == tuple(expected_maps)
    for ours, theirs in zip(maps, expected_maps.values(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("unit", ["micro", "se", "eca", "cbam", "spatial", "simam", "coordinate"])
def test_every_unit_stands_behind_the_sum_of_every_block_and_learns(unit: str):
    torch.manual_seed(0)
    attention = AttentionConfig(unit=unit, stages=[2, 4])
    network = build(model(18, attention=attention), in_channels=3, classes=3)
    carrying = {name.partition(".attention")[0] for name, _ in network.named_modules() if ".attention" in name}
    assert carrying == {"layer2.0", "layer2.1", "layer4.0", "layer4.1"}
    network(torch.randn(4, 3, 40, 40)).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().sum() > 0, name


def test_feature_maps_are_as_announced():
    network = build(model(50), in_channels=1, classes=3).eval()
    shapes: dict[str, torch.Size] = {}
    for info in network.feature_info:
        network.get_submodule(info.name)[-1].register_forward_hook(  # type: ignore[index]
            lambda module, inputs, output, name=info.name: shapes.__setitem__(name, output[0].shape)
        )
    with torch.no_grad():
        network(torch.randn(1, 1, 64, 96))
    assert {
        info.name: (1, info.channels, 64 // info.reduction, 96 // info.reduction) for info in network.feature_info
    } == {name: tuple(shape) for name, shape in shapes.items()}
    assert [network.level_of(name) for name in ("data_norm", "conv1.weight", "layer3.0.conv2", "fc")] == [0, 0, 3, 5]


def test_the_grid_head_keeps_positions_and_asks_for_enough_of_them():
    network = build(model(18, head="grid", attention=PLAIN), in_channels=1, classes=3).eval()
    with torch.no_grad():
        assert network.features(torch.randn(1, 1, 97, 97)).shape == (1, 512 * 16)
    assert config_errors(model(18, head="grid"), side=97) == []
    assert any("model.head" in each for each in config_errors(model(18, head="grid"), side=96))


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"depth": 10}, "model.depth"),
        ({"width": 16}, "model.width"),
        ({"head": "x"}, "model.head"),
        ({"dropout": 1.0}, "model.dropout"),
        ({"stem": "small"}, "model.stem"),
        ({"release": "megc2019"}, "model.release"),
    ],
)
def test_options_that_do_not_fit_are_said(options: dict[str, object], key: str):
    found = config_errors(model(**{"depth": 18, **options}))  # type: ignore[arg-type]
    assert len(found) == 1
    assert key in found[0]
