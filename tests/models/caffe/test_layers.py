"""Writing of Caffe files: folded units, shapes of the definition, networks that have no names there."""

from __future__ import annotations

import pytest
import torch

from mer.config import AttentionConfig, ModelConfig
from mer.models import build
from mer.models.caffe.file_format import parse_net
from mer.models.caffe.layers import same_shape
from tests.helpers.caffe_files import forward, random_blobs
from tests.helpers.caffe_writer import to_caffemodel


@pytest.mark.parametrize(("release", "layout"), [("single", "new"), ("megc2019", "v1")])
def test_a_folded_network_is_written_as_the_released_one_that_it_equals(release: str, layout: str) -> None:
    torch.manual_seed(0)
    network = build(ModelConfig(release=release), in_channels=1, classes=4).eval()
    net = parse_net(to_caffemodel(network, layout=layout), "file")
    blobs = {layer.name: list(layer.blobs) for layer in net.layers}
    classifier = {"single": "classifier-Expressions", "megc2019": "classifier-Micro_expression"}[release]
    expected = random_blobs(classifier=classifier, classes=4)
    assert list(blobs) == list(expected)
    for name, found in blobs.items():
        assert len(found) == len(expected[name])
        for index, (blob, right) in enumerate(zip(found, expected[name], strict=True)):
            assert blob.shape == ((1,) * (4 - right.ndim) + right.shape if layout == "v1" else right.shape), name
            blobs[name][index] = blob.reshape(right.shape)
    x = torch.randn(2, 1, 40, 40, dtype=torch.float64)
    logits, maps = forward(blobs, x, release=release)
    with torch.no_grad():
        got, got_maps = network.double().attend(x)
    torch.testing.assert_close(got, logits, rtol=1e-6, atol=1e-7)
    for a, right in zip(got_maps, maps.values(), strict=True):
        torch.testing.assert_close(a, right, rtol=0, atol=1e-6)


def test_types_and_geometry_are_caffes() -> None:
    network = build(ModelConfig(attention=AttentionConfig(stages=[2])), in_channels=3, classes=2)
    layers = {layer.name: layer for layer in parse_net(to_caffemodel(network, name="mine"), "file").layers}
    assert {layer.type for layer in layers.values()} == {"BatchNorm", "Scale", "Convolution", "InnerProduct"}
    assert layers["conv1"].stated == {"pad": (3, 3), "stride": (2, 2), "dilation": (1, 1), "group": 1}
    assert layers["layer_512_1_conv_expand"].stated["stride"] == (2, 2)
    assert layers["last_bn"].stated["eps"] == pytest.approx(1e-5)
    assert (layers["mask_Concat_128_1x1_one"].blobs[0] == 1 / 128).all()
    assert "mask_Concat_64_1x1" not in layers


@pytest.mark.parametrize(
    ("found", "expected", "same"),
    [
        ((1, 1, 5, 512), (5, 512), True),
        ((5, 512, 1, 1), (5, 512), True),
        ((1, 1, 1, 64), (64,), True),
        ((1, 1, 1, 1), (1,), True),
        ((), (1,), True),
        ((1, 64, 7, 7), (64, 1, 7, 7), False),
        ((512, 5), (5, 512), False),
        ((64, 2), (64,), False),
    ],
)
def test_shapes_are_the_same_but_for_ones_at_the_ends(found, expected, same: bool) -> None:
    assert same_shape(found, expected) is same
