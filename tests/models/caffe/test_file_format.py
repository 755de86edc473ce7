"""Caffe files against bytes written by hand; whatever is not a whole file is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer.errors import MerError
from mer.models.caffe.file_format import CaffeLayer, CaffeNet, parse_net, read_bytes
from tests.helpers.caffe_files import blob_bytes, chunk, file_bytes, layer_bytes, number
from tests.helpers.caffe_writer import serialise_net

SMALL = {
    "conv1": [np.arange(24, dtype="f4").reshape(2, 3, 2, 2), np.array([0.5, -1.5], "f4")],
    "empty": [],
    "fc": [np.linspace(-1, 1, 6, dtype="f4").reshape(2, 3)],
}


@pytest.mark.parametrize("v1", [False, True])
def test_blobs_written_by_hand_come_back(v1: bool) -> None:
    net = parse_net(file_bytes(SMALL, v1=v1), "file")
    assert (net.name, net.layout) == ("by hand", "v1" if v1 else "new")
    assert [layer.name for layer in net.layers] == list(SMALL)
    for layer in net.layers:
        for got, expected in zip(layer.blobs, SMALL[layer.name], strict=True):
            assert got.shape == ((1,) * (4 - expected.ndim) + expected.shape if v1 else expected.shape)
            assert np.array_equal(got.reshape(expected.shape), expected)


@pytest.mark.parametrize("layout", ["new", "v1"])
def test_written_bytes_are_those_of_the_hand(layout: str) -> None:
    net = CaffeNet(tuple(CaffeLayer(name, "", tuple(found)) for name, found in SMALL.items()), "by hand", layout)
    bare = chunk(1, b"by hand")
    for name, found in SMALL.items():
        v1 = layout == "v1"
        blobs = [chunk(6 if v1 else 7, blob_bytes(blob, v1=v1)) for blob in found]
        # fields in ascending order; V1's type 0 says that there is none
        head = chunk(4, name.encode()) + number(5, 0) if v1 else chunk(1, name.encode()) + chunk(2, b"")
        bare += chunk(2 if v1 else 100, head + b"".join(blobs))
    assert serialise_net(net) == bare


def test_old_shapes_doubles_and_unknown_fields_in_the_new_layout() -> None:
    values = np.array([1.25, -1e-300, 3])
    doubles = chunk(7, chunk(8, values.astype("<f8").tobytes()) + chunk(7, chunk(1, b"\x03")))
    legacy = chunk(7, blob_bytes(np.ones((2, 2), "f4"), v1=True))
    scalar = chunk(7, chunk(5, np.array([7], "<f4").tobytes()))
    foreign = number(15, 3) + chunk(137, b"a parameter that we do not declare")
    data = chunk(100, chunk(1, b"x") + chunk(2, b"Odd") + doubles + legacy + scalar + foreign)
    (layer,) = parse_net(data, "file").layers
    assert layer.type == "Odd"
    assert np.array_equal(layer.blobs[0], values)
    assert layer.blobs[1].shape == (1, 1, 2, 2)
    assert layer.blobs[2].shape == ()
    assert layer.blobs[2] == 7


def test_what_a_layer_states_of_its_geometry_is_read_with_caffes_defaults() -> None:
    convolution = chunk(106, number(3, 3) + number(6, 2))
    sides = chunk(106, number(9, 1) + number(10, 2) + number(13, 3) + number(14, 4) + number(5, 8) + number(18, 2))
    eps = chunk(139, b"\x1d" + np.array([1e-3], "<f4").tobytes())
    extras = {"a": convolution, "b": sides, "c": eps, "d": chunk(139, b""), "e": b""}
    data = b"".join(layer_bytes(name, [], extra=extra) for name, extra in extras.items())
    stated = {layer.name: dict(layer.stated) for layer in parse_net(data, "file").layers}
    assert stated["a"] == {"pad": (3, 3), "stride": (2, 2), "dilation": (1, 1), "group": 1}
    assert stated["b"] == {"pad": (1, 2), "stride": (3, 4), "dilation": (2, 2), "group": 8}
    assert stated["c"]["eps"] == pytest.approx(1e-3)
    assert stated["d"] == {"eps": 1e-5}
    assert stated["e"] == {}


def test_stated_geometry_survives_writing() -> None:
    stated = {"pad": (1, 2), "stride": (2, 2), "dilation": (1, 1), "group": 4}
    layers = (CaffeLayer("a", "Convolution", (), stated), CaffeLayer("b", "BatchNorm", (), {"eps": 0.5}))
    again = parse_net(serialise_net(CaffeNet(layers)), "file")
    assert [dict(layer.stated) for layer in again.layers] == [stated, {"eps": 0.5}]
    old = parse_net(serialise_net(CaffeNet(layers[:1], layout="v1")), "file").layers[0]
    assert (old.type, dict(old.stated)) == ("Convolution", stated)


def test_v1_names_the_types_that_hold_weights_and_numbers_others() -> None:
    data = chunk(2, chunk(4, b"a") + number(5, 14)) + chunk(2, chunk(4, b"b") + number(5, 18))
    assert [layer.type for layer in parse_net(data, "file").layers] == ["InnerProduct", "type 18"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (chunk(1, b"a name and no layers"), "no layers"),
        (b"PK\x03\x04" + bytes(60), "truncated or of another kind"),
        (b"\x89PNG\r\n\x1a\n" + bytes(60), "of another kind"),
        (b'\n name: "ResNet-10"\nlayer {\n', "prototxt"),
        (b"<!DOCTYPE html><html>", "of another kind"),
        (chunk(100, chunk(1, b"\xff\xfe not text")), "of another kind"),
        (layer_bytes("a", []) + layer_bytes("b", [], v1=True), "layers of one layout"),
        (chunk(100, chunk(1, b"a") + chunk(7, chunk(5, bytes(8)) + chunk(7, chunk(1, b"\x03")))), "layer a.*(3,)"),
        (chunk(100, chunk(1, b"a") + chunk(7, number(1, 2) + number(2, 3) + chunk(5, bytes(8)))), "layer a"),
    ],
)
def test_what_is_no_whole_network_is_refused_with_its_name(data: bytes, words: str) -> None:
    with pytest.raises(MerError, match=words) as caught:
        parse_net(data, "some/file.caffemodel")
    assert "some/file.caffemodel" in str(caught.value)


@settings(deadline=None, max_examples=200)
@given(data=st.data(), v1=st.booleans())
def test_damaged_bytes_give_whole_layers_or_a_clear_error(data: st.DataObject, v1: bool) -> None:
    content = bytearray(file_bytes(SMALL, v1=v1))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=3)):
        content[place] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))]
    try:
        net = parse_net(bytes(content), "file")
    except MerError as error:
        assert "file" in str(error)
    else:
        assert net.layers
        assert all(isinstance(layer.name, str) and isinstance(layer.type, str) for layer in net.layers)


@given(st.binary(max_size=200))
def test_random_bytes_never_end_in_another_error(content: bytes) -> None:
    try:
        assert parse_net(content, "file").layers
    except MerError as error:
        assert "file" in str(error)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.caffemodel", tmp_path):
        with pytest.raises(MerError, match=r"no Caffe file at"):
            read_bytes(path)
