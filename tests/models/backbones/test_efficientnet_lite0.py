"""EfficientNet-Lite0 against the package's own weights and, on photographs, against what everyone can see."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
import torch
from skimage import data, transform
from torch.nn import functional as F

from mer.config import AttentionConfig, InitConfig, ModelConfig
from mer.models import build, config_errors, count_parameters
from mer.models.backbones.efficientnet_lite0 import SameConv
from mer.models.pretrained.initialise import PACKAGE, load_weights, packaged_file

#: Tests that need the weights; the extra `lite0` has them.
needs_weights = pytest.mark.skipif(find_spec(PACKAGE) is None, reason="needs the extra lite0")

PLAIN = AttentionConfig(unit="none")
LITE0 = ModelConfig(backbone="lite0", depth=None, attention=PLAIN)


def photograph(picture: np.ndarray, side: int = 224) -> torch.Tensor:
    """Middle square in grey levels 0..255, (1, 3, side, side)."""
    height, width, _ = picture.shape
    square = min(height, width)
    top, left = (height - square) // 2, (width - square) // 2
    small = transform.resize(picture[top : top + square, left : left + square], (side, side), anti_aliasing=True)
    return torch.from_numpy(255 * small).float().permute(2, 0, 1)[None]


def test_the_published_number_of_parameters():
    with torch.device("meta"):
        network = build(LITE0, in_channels=3, classes=1000)
    # 4.65 million in the published table of the Lite family
    assert round(count_parameters(network) / 1e6, 2) == 4.65


@needs_weights
@pytest.mark.parametrize("channels", [3, 1])
def test_the_packaged_weights_see_what_is_there(channels: int):
    network = build(LITE0, in_channels=channels, classes=1000).eval()
    load_weights(network, InitConfig("packaged"))
    pictures = torch.cat([photograph(data.chelsea()), photograph(data.coffee())])
    if channels == 1:
        pictures = pictures.mean(dim=1, keepdim=True)
    with torch.no_grad():
        cat, cup = network(pictures).softmax(dim=1)
    # ImageNet's classes 281, 282, 285: tabby, tiger cat, Egyptian cat; 967, 968: espresso, cup
    assert cat[[281, 282, 285]].sum() > 0.5
    assert cup[[967, 968]].sum() > 0.5


@needs_weights
def test_grey_weights_give_the_colour_network_s_numbers_on_grey_pictures():
    colour = build(LITE0, in_channels=3, classes=1000).eval()
    grey = build(LITE0, in_channels=1, classes=1000).eval()
    for network in (colour, grey):
        load_weights(network, InitConfig("packaged"))
    picture = photograph(data.chelsea()).mean(dim=1, keepdim=True)
    with torch.no_grad():
        expected, found = colour(picture.expand(-1, 3, -1, -1)), grey(picture)
    # its normalisation is one for all colours, so the sum is exact
    assert ((found - expected).norm() / expected.norm()).item() < 1e-5


def definition(state: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """Logits of EfficientNet-Lite0 written a second time, as functions of the package's tensors by their own names.

    Table 1 of the paper row by row: repeats, kernel, stride, expansion, channels; SAME padding, ReLU6, epsilon 1e-3.
    """
    rows = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80)]
    rows += [(3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)]

    def convolved(x: torch.Tensor, name: str, stride: int = 1, groups: int = 1) -> torch.Tensor:
        weight = state[f"{name}.weight"]
        before = []
        for side in (x.shape[3], x.shape[2]):
            missing = max((-(-side // stride) - 1) * stride + weight.shape[2] - side, 0)
            before += [missing // 2, missing - missing // 2]
        return F.conv2d(F.pad(x, before), weight, None, stride, 0, 1, groups)

    def normalised(x: torch.Tensor, name: str) -> torch.Tensor:
        mean, var, scale, shift = (
            state[f"{name}.{leaf}"][:, None, None] for leaf in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / torch.sqrt(var + 1e-3) * scale + shift

    x = normalised(convolved((x - 127) / 128, "_conv_stem", 2), "_bn0").clamp(0, 6)
    number = 0
    for repeats, kernel, stride, expansion, channels in rows:
        for place in range(repeats):
            block, h = f"_blocks.{number}", x
            if expansion > 1:
                h = normalised(convolved(h, f"{block}._expand_conv"), f"{block}._bn0").clamp(0, 6)
            assert state[f"{block}._depthwise_conv.weight"].shape == (expansion * x.shape[1], 1, kernel, kernel)
            h = convolved(h, f"{block}._depthwise_conv", 1 if place else stride, h.shape[1])
            h = normalised(h, f"{block}._bn1").clamp(0, 6)
            h = normalised(convolved(h, f"{block}._project_conv"), f"{block}._bn2")
            assert h.shape[1] == channels
            x = x + h if place else h
            number += 1
    x = normalised(convolved(x, "_conv_head"), "_bn1").clamp(0, 6).mean(dim=(2, 3))
    return x @ state["_fc.weight"].T + state["_fc.bias"]


@needs_weights
@pytest.mark.parametrize("side", [64, 97, 33])
def test_logits_equal_a_second_definition_over_the_package_s_own_names(side: int):
    state = torch.load(packaged_file(), map_location="cpu", weights_only=True)
    network = build(LITE0, in_channels=3, classes=1000).eval()
    load_weights(network, InitConfig("packaged"))
    x = 255 * torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(side))
    with torch.no_grad():
        expected = definition({name: tensor.double() for name, tensor in state.items()}, x.double())
        found = network(x).double()
    assert expected.abs().max() > 1
    assert (found - expected).abs().max().item() < 1e-4


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("side", [7, 8, 13, 28])
def test_padding_is_tensorflow_s_same(kernel: int, stride: int, side: int):
    torch.manual_seed(kernel)
    convolution = SameConv(2, 3, kernel, stride=stride)
    x = torch.randn(1, 2, side, side + 1)
    found = convolution(x)
    outputs = [-(-length // stride) for length in x.shape[2:]]
    assert list(found.shape[2:]) == outputs
    # TensorFlow's definition: what is missing for the last window, one half before (rounded down), the rest behind
    needed = [
        max((count - 1) * stride + kernel - length, 0) for count, length in zip(outputs, x.shape[2:], strict=True)
    ]
    padded = torch.zeros(1, 2, side + needed[0], side + 1 + needed[1])
    padded[:, :, needed[0] // 2 : needed[0] // 2 + side, needed[1] // 2 : needed[1] // 2 + side + 1] = x
    for i in range(outputs[0]):
        for j in range(outputs[1]):
            window = padded[0, :, i * stride : i * stride + kernel, j * stride : j * stride + kernel]
            expected = (convolution.weight * window).sum(dim=(1, 2, 3))
            torch.testing.assert_close(found[0, :, i, j], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("unit", ["se", "eca", "cbam", "spatial", "simam", "coordinate"])
def test_units_stand_at_the_outputs_of_the_blocks(unit: str):
    torch.manual_seed(0)
    attention = AttentionConfig(unit=unit, stages=[1, 3])
    network = build(ModelConfig(backbone="lite0", depth=None, attention=attention), in_channels=3, classes=3)
    carrying = {name.partition(".attention")[0] for name, _ in network.named_modules() if ".attention" in name}
    assert carrying == {f"layer1.{k}" for k in range(3)} | {f"layer3.{k}" for k in range(6)}
    logits, maps = network.attend(torch.randn(3, 3, 64, 64))
    assert [tuple(a.shape) for a in maps] == ([(3, 1, 16, 16), (3, 1, 4, 4)] if network.map_stages else [])
    logits.square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_feature_maps_are_as_announced():
    network = build(LITE0, in_channels=1, classes=3).eval()
    shapes: dict[str, tuple[int, ...]] = {}
    for info in network.feature_info:
        network.get_submodule(info.name)[-1].register_forward_hook(  # type: ignore[index]
            lambda module, inputs, output, name=info.name: shapes.__setitem__(name, tuple(output[0].shape))
        )
    with torch.no_grad():
        network(torch.randn(1, 1, 64, 64))
    assert shapes == {
        info.name: (1, info.channels, 64 // info.reduction, 64 // info.reduction) for info in network.feature_info
    }
    assert [network.level_of(name) for name in ("conv1.weight", "layer4.0.project_bn", "last_conv", "fc")] == [
        0,
        4,
        4,
        5,
    ]


def test_what_it_cannot_do_is_said():
    assert config_errors(LITE0) == []
    micro = ModelConfig(backbone="lite0", depth=None)
    assert [each.split(":")[0] for each in config_errors(micro)] == ["model.attention.unit"]
    assert [each.split(":")[0] for each in config_errors(ModelConfig(backbone="lite0", attention=PLAIN))] == [
        "model.depth"
    ]
