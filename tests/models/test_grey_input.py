"""A colour first layer made grey, against the colour layer on grey pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mer.models.caffe.importer import import_caffemodel
from tests.helpers.caffe_files import Blobs, file_bytes, forward, random_blobs


def stem(state: dict[str, Tensor], x: Tensor) -> Tensor:
    """Output of conv1, in float64."""
    state = {name: tensor.double() for name, tensor in state.items()}
    bn = [state[f"data_bn.{name}"] for name in ("running_mean", "running_var", "weight", "bias")]
    return F.conv2d(F.batch_norm(x, *bn), state["conv1.weight"], state["conv1.bias"], stride=2, padding=3)


@pytest.fixture(scope="module")
def colour() -> Blobs:
    """Channels with statistics as real colour pictures have them: alike, not equal."""
    blobs = random_blobs(in_channels=3, stages=(4,), seed=2)
    blobs["data_bn"] = [np.array([104, 117, 123], "f4"), np.array([5600, 5300, 5500], "f4"), np.ones(1, "f4")]
    blobs["data_scale"] = [np.array([0.9, 1.0, 1.2], "f4"), np.array([0.1, -0.1, 0.02], "f4")]
    return blobs


def test_equal_where_the_window_lies_inside_the_picture(colour: Blobs, tmp_path) -> None:
    path = tmp_path / "net.caffemodel"
    path.write_bytes(file_bytes(colour))
    found = import_caffemodel(path, grey=True)
    assert found.network.conv1.weight.shape == (64, 1, 7, 7)
    assert any("3 channels" in note for note in found.notes)
    for side in (32, 37):
        x = 120 + 60 * torch.randn(2, 1, side, side, dtype=torch.float64)
        expected = stem(import_caffemodel(path).network.state_dict(), x.expand(-1, 3, -1, -1))
        difference = stem(found.network.state_dict(), x) - expected
        assert difference[:, :, 2:-2, 2:-2].abs().max() < 1e-4 * expected.abs().max()
        # the rest of the constant at the border is a small part of the picture
        assert difference.abs().max() < 0.1 * expected.abs().max()


def test_everything_equal_and_the_kernel_a_plain_sum_where_channels_are_alike(colour: Blobs, tmp_path) -> None:
    colour = {**colour}
    colour["data_bn"] = [np.full(3, 110, "f4"), np.full(3, 5500, "f4"), np.ones(1, "f4")]
    colour["data_scale"] = [np.full(3, -0.7, "f4"), np.full(3, 0.3, "f4")]
    path = tmp_path / "net.caffemodel"
    path.write_bytes(file_bytes(colour))
    network = import_caffemodel(path, grey=True).network
    torch.testing.assert_close(network.conv1.weight, torch.from_numpy(colour["conv1"][0]).sum(dim=1, keepdim=True))
    torch.testing.assert_close(network.conv1.bias, torch.from_numpy(colour["conv1"][1]))
    x = 110 + 60 * torch.randn(2, 1, 45, 45, dtype=torch.float64)
    logits, maps = forward(colour, x.expand(-1, 3, -1, -1), release="single")
    with torch.no_grad():
        got, (got_map,) = network.attend(x.float())
    assert ((got.double() - logits).norm() / logits.norm()).item() < 1e-5
    assert (got_map.double() - maps[4]).abs().max().item() < 1e-5


def test_a_layer_that_passes_nothing_on_stays_so(colour: Blobs, tmp_path) -> None:
    colour = {**colour, "data_scale": [np.zeros(3, "f4"), np.array([1, 2, 3], "f4")]}
    path = tmp_path / "net.caffemodel"
    path.write_bytes(file_bytes(colour))
    x = torch.randn(1, 1, 30, 30, dtype=torch.float64)
    expected = stem(import_caffemodel(path).network.state_dict(), x.expand(-1, 3, -1, -1))
    got = stem(import_caffemodel(path, grey=True).network.state_dict(), x)
    torch.testing.assert_close(got[:, :, 2:-2, 2:-2], expected[:, :, 2:-2, 2:-2], rtol=1e-4, atol=1e-4)


def test_a_grey_file_stays_as_it_is(tmp_path) -> None:
    path = tmp_path / "net.caffemodel"
    path.write_bytes(file_bytes(random_blobs(stages=())))
    plain, grey = import_caffemodel(path).network.state_dict(), import_caffemodel(path, grey=True).network.state_dict()
    assert all(torch.equal(plain[name], grey[name]) for name in plain)
