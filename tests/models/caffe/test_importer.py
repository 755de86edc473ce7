"""Import of Caffe files, checked through the definition run in float64 straight from blobs written by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mer.errors import MerError
from mer.models import MicroAttentionResNet
from mer.models.caffe import importer
from mer.models.caffe.importer import import_caffemodel
from tests.helpers.caffe_files import Blobs, chunk, file_bytes, forward, layer_bytes, number, random_blobs
from tests.helpers.caffe_writer import to_caffemodel

CLASSIFIERS = {"single": "classifier-Expressions", "megc2019": "classifier-Micro_expression"}


@pytest.fixture(scope="module")
def blobs() -> Blobs:
    return random_blobs()


def write(folder: Path, content: bytes, name: str = "net.caffemodel") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def changed(blobs: Blobs, **replacements: list[np.ndarray] | None) -> Blobs:
    """The same blobs with some layers replaced, or left out where None."""
    return {name: found for name, found in {**blobs, **replacements}.items() if found is not None}


def assert_equals_definition(
    network: MicroAttentionResNet, blobs: Blobs, release: str, *, side: tuple[int, int] = (64, 64), scale: float = 1
) -> None:
    generator = torch.Generator().manual_seed(1)
    x = scale * torch.randn(2, network.conv1.in_channels, *side, dtype=torch.float64, generator=generator)
    logits, maps = forward(blobs, x, release=release)
    with torch.no_grad():
        got_logits, got_maps = network.attend(x.to(network.fc.weight.dtype))
    assert ((got_logits.double() - logits).norm() / logits.norm()).item() < 1e-5
    assert network.stages == tuple(maps)
    for got, expected in zip(got_maps, maps.values(), strict=True):
        assert got.shape == expected.shape
        assert (got.double() - expected).abs().max().item() < 1e-5


CASES = [
    ("single", 1, 5, (1, 2, 3, 4), False),
    ("megc2019", 1, 3, (1, 2, 3, 4), False),
    ("single", 3, 7, (1, 2, 3, 4), True),
    ("megc2019", 3, 2, (2, 4), False),
    ("megc2019", 1, 4, (), True),
]


@pytest.mark.parametrize(("release", "in_channels", "classes", "stages", "v1"), CASES)
def test_imported_network_equals_the_definition(release, in_channels, classes, stages, v1, tmp_path: Path) -> None:
    blobs = random_blobs(classifier=CLASSIFIERS[release], in_channels=in_channels, classes=classes, stages=stages)
    found = import_caffemodel(write(tmp_path, file_bytes(blobs, v1=v1)))
    assert (found.model.release, found.model.attention.stages) == (release, list(stages))
    assert found.network.fc.out_features == classes
    assert all(entry.taken for entry in found.report)
    assert [entry.layer for entry in found.report] == list(blobs)
    assert not found.network.training
    assert {p.dtype for p in found.network.parameters()} == {torch.float32}
    assert_equals_definition(found.network, blobs, release)


def test_raw_grey_values_at_the_authors_size(tmp_path: Path) -> None:
    blobs = random_blobs(seed=3)
    blobs["data_bn"] = [np.array([120 * 999.98], "f4"), np.array([3600 * 999.98], "f4"), np.array([999.98], "f4")]
    network = import_caffemodel(write(tmp_path, file_bytes(blobs))).network
    assert_equals_definition(network, blobs, "single", side=(224, 224), scale=60)


def test_the_common_resnet10_is_known_by_its_shapes(tmp_path: Path) -> None:
    """The CVGJ file: three channels, 1000 classes in a layer of its own name, layers without weights between."""
    blobs = random_blobs(classifier="score", in_channels=3, classes=1000, stages=())
    between = {"data": [], "conv1": blobs["conv1"], "conv1_relu": []}
    content = file_bytes({**blobs, **between, "prob": []})
    network = import_caffemodel(write(tmp_path, content)).network
    assert network.stages == ()
    assert network.fc.out_features == 1000
    assert_equals_definition(network, blobs, "single", side=(40, 51))
    found = import_caffemodel(write(tmp_path, content))
    left = [(entry.layer, entry.note) for entry in found.report if not entry.taken]
    assert left == [("data", "no weights"), ("conv1_relu", "no weights"), ("prob", "no weights")]
    assert any("blue, green, red" in note for note in found.notes)


@pytest.mark.parametrize(
    ("release", "v1", "stages", "layout"), [("single", True, (1, 2, 3, 4), "new"), ("megc2019", False, (3,), "v1")]
)
def test_import_write_import_gives_the_same_numbers(release, v1, stages, layout, tmp_path: Path) -> None:
    blobs = random_blobs(classifier=CLASSIFIERS[release], in_channels=3, stages=stages)
    first = import_caffemodel(write(tmp_path, file_bytes(blobs, v1=v1))).network
    found = import_caffemodel(write(tmp_path, to_caffemodel(first, layout=layout, name="again")))
    assert (found.source["layout"], found.source["name"]) == (layout, "again")
    assert found.network.release == first.release
    again = found.network.state_dict()
    assert again.keys() == first.state_dict().keys()
    for name, tensor in first.state_dict().items():
        assert torch.equal(again[name], tensor), name


def test_scale_factor_zero_means_no_statistics(tmp_path: Path, blobs: Blobs) -> None:
    ones = np.ones(64, "f4")
    untrained = changed(blobs, conv1_bn=[ones, ones, np.zeros(1, "f4")])
    found = import_caffemodel(write(tmp_path, file_bytes(untrained)))
    assert (found.network.bn1.running_mean == 0).all()
    assert (found.network.bn1.running_var == 0).all()
    assert any("conv1_bn: scale factor 0" in note for note in found.notes)
    # values a few hundred times larger, too large for a comparison in float32
    assert_equals_definition(found.network.double(), untrained, "single")


def test_a_second_mask_layer_that_is_not_the_mean_goes_into_the_first(tmp_path: Path, blobs: Blobs) -> None:
    rng = np.random.default_rng(5)
    rounded = np.full((1, 64, 1, 1), 0.0156, "f4")
    random = rng.normal(0, 0.01, (1, 512, 1, 1)).astype("f4")
    odd = changed(blobs, mask_Concat_64_1x1_one=[rounded], mask_Concat_512_1x1_one=[random])
    found = import_caffemodel(write(tmp_path, file_bytes(odd)))
    assert_equals_definition(found.network, odd, "single")
    assert len(found.notes) == 2
    assert all("not all 1/" in note for note in found.notes)


def test_unknown_layers_are_listed_and_logged(tmp_path: Path, blobs: Blobs) -> None:
    extra = {"fc_aux": [np.ones((5, 512), "f4"), np.ones(5, "f4")], "stray": [np.ones((2, 3), "f4")]}
    path = write(tmp_path, file_bytes({**blobs, **extra}))
    left = {entry.layer: entry.note for entry in import_caffemodel(path).report if not entry.taken}
    assert list(left) == ["fc_aux", "stray"]
    assert "(5, 512) + (5,)" in left["fc_aux"]
    network = import_caffemodel(path).network
    assert_equals_definition(network, blobs, "single", side=(30, 30))


def f4(*shape: int) -> np.ndarray:
    return np.ones(shape, "f4")


ONE_MISSING = ["data_scale", "layer_64_1_conv2", "layer_512_1_bn1", "mask_Concat_128_1x1", "mask_Concat_128_1x1_one"]


@pytest.mark.parametrize("layer", [*ONE_MISSING, "last_bn", "classifier-Expressions"])
def test_a_missing_layer_is_an_error_that_names_it(layer: str, tmp_path: Path, blobs: Blobs) -> None:
    with pytest.raises(MerError) as caught:
        import_caffemodel(write(tmp_path, file_bytes(changed(blobs, **{layer: None}))))
    word = "classifier" if layer.startswith("classifier") else f"layer {layer}: "
    assert word in str(caught.value)


def test_every_missing_layer_is_named(tmp_path: Path, blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importer, "SHOWN", 99)
    kept = {name: found for name, found in blobs.items() if name.endswith("_1x1_one")}
    with pytest.raises(MerError) as caught:
        import_caffemodel(write(tmp_path, file_bytes(kept)))
    named = [line.split(": ")[0].split("layer ")[1] for line in str(caught.value).splitlines() if ". layer " in line]
    assert named == [name for name in blobs if name not in kept and not name.startswith("classifier")]


@pytest.mark.parametrize(
    ("layer", "wrong", "words"),
    [
        ("conv1", [f4(64, 1, 7, 7)], ["(64, 1, 7, 7) + (64,)", "got (64, 1, 7, 7)"]),
        ("conv1", [f4(64, 1, 5, 5), f4(64)], ["got (64, 1, 5, 5) + (64,)"]),
        ("conv1", [f4(64, 3, 7, 7), f4(64)], ["layer data_bn: expected blobs (3,) + (3,) + (1,), got (1,)"]),
        ("layer_128_1_conv1", [f4(64, 128, 3, 3)], ["(128, 64, 3, 3)", "got (64, 128, 3, 3)"]),
        ("layer_64_1_bn2", [f4(64), f4(64)], ["(64,) + (64,) + (1,)", "got (64,) + (64,)"]),
        ("layer_64_1_bn2", [f4(64), -f4(64), f4(1)], ["variances"]),
        ("last_scale", [f4(512), f4(256)], ["got (512,) + (256,)"]),
        ("last_scale", [f4(512), np.full(512, np.nan, "f4")], ["finite"]),
        ("mask_Concat_256_1x1", [f4(256, 256, 1, 1)], ["(256, 768, 1, 1)"]),
        ("mask_Concat_256_1x1_one", [], ["no weights"]),
        ("classifier-Expressions", [f4(5, 256), f4(5)], ["(K, 512)", "got (5, 256) + (5,)"]),
        ("classifier-Expressions", [f4(1, 512), f4(1)], ["K 2 or more"]),
    ],
)
def test_wrong_shapes_and_numbers_are_named(layer: str, wrong: list, words: list[str], tmp_path, blobs: Blobs) -> None:
    with pytest.raises(MerError) as caught:
        import_caffemodel(write(tmp_path, file_bytes(changed(blobs, **{layer: wrong}))))
    for word in [*words, "net.caffemodel"]:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("layer", "extra", "words"),
    [
        ("conv1", chunk(106, number(3, 3) + number(6, 1)), ["layer conv1", "stride (2, 2)", "(1, 1)"]),
        ("layer_256_1_conv1", chunk(106, number(6, 2)), ["pad (1, 1)", "(0, 0)"]),
        ("conv1_bn", chunk(139, b"\x1d" + np.array([1e-3], "<f4").tobytes()), ["layer conv1_bn", "eps"]),
    ],
)
def test_a_file_that_states_another_geometry_is_refused(layer, extra, words, tmp_path: Path, blobs: Blobs) -> None:
    layers = [layer_bytes(name, found, extra=extra if name == layer else b"") for name, found in blobs.items()]
    with pytest.raises(MerError) as caught:
        import_caffemodel(write(tmp_path, b"".join(layers)))
    for word in words:
        assert word in str(caught.value)


def test_weights_of_other_blocks_make_another_network(tmp_path: Path, blobs: Blobs) -> None:
    deeper = {**blobs, "layer_64_2_conv1": [f4(64, 64, 3, 3)]}
    with pytest.raises(MerError, match="layer_64_2_conv1"):
        import_caffemodel(write(tmp_path, file_bytes(deeper)))


def test_a_foreign_network_gives_a_short_list(tmp_path: Path) -> None:
    foreign = {"conv1": [f4(96, 3, 11, 11), f4(96)], "fc8": [f4(1000, 64), f4(1000)]}
    with pytest.raises(MerError, match=r"and \d+ more") as caught:
        import_caffemodel(write(tmp_path, file_bytes(foreign)))
    assert len(str(caught.value).splitlines()) < 14
    assert "mer.weights inspect" in str(caught.value)


def test_names_that_decide_nothing_or_too_much(tmp_path: Path, blobs: Blobs) -> None:
    renamed = {("my_classes" if name.startswith("classifier") else name): found for name, found in blobs.items()}
    path = write(tmp_path, file_bytes(renamed))
    with pytest.raises(MerError, match=r"layer my_classes.*--release"):
        import_caffemodel(path)
    assert import_caffemodel(path, release="megc2019").network.release == "megc2019"
    with pytest.raises(MerError, match=r"expected one of .*single"):
        import_caffemodel(path, release="megc2018")
    both = {**blobs, "classifier-Micro_expression": [f4(3, 512), f4(3)]}
    with pytest.raises(MerError, match="classifier-Expressions, classifier-Micro_expression"):
        import_caffemodel(write(tmp_path, file_bytes(both)))
    twice = file_bytes(blobs) + layer_bytes("conv1_scale", blobs["conv1_scale"])
    with pytest.raises(MerError, match=r"layer conv1_scale.*got two"):
        import_caffemodel(write(tmp_path, twice))


def test_random_generator_is_left_alone(tmp_path: Path, blobs: Blobs) -> None:
    path = write(tmp_path, file_bytes(blobs))
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    import_caffemodel(path)
    assert torch.equal(torch.rand(1), expected)


def test_every_cut_between_layers_gives_no_network(tmp_path: Path, blobs: Blobs) -> None:
    content = file_bytes(blobs)
    cuts = [len(chunk(1, b"by hand"))]
    for name, found in blobs.items():
        cuts.append(cuts[-1] + len(layer_bytes(name, found)))
    assert cuts[-1] == len(content)
    for cut in cuts[:-1]:
        with pytest.raises(MerError, match=r"net\.caffemodel"):
            import_caffemodel(write(tmp_path, content[:cut]))


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_never_gives_a_network(share: float, tmp_path: Path, blobs: Blobs) -> None:
    content = file_bytes(blobs)
    with pytest.raises(MerError, match=r"net\.caffemodel"):
        import_caffemodel(write(tmp_path, content[: int(share * len(content))]))
