"""Exported networks agree with the originals at any batch, and carry their card; what disagrees is not left behind."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from mer.config import AttentionConfig, ModelConfig
from mer.errors import MerError
from mer.models import build, export
from mer.models.export import ONNX_PACKAGES
from mer.models.network import RecognitionNetwork

needs_onnx = pytest.mark.skipif(any(find_spec(name) is None for name in ONNX_PACKAGES), reason="needs the extra export")

#: `SLOW` are the other backbones, options and units.
QUICK = [
    ModelConfig(width=16),
    ModelConfig(backbone="templates", depth=None, attention=AttentionConfig(unit="none")),
]
SLOW = [
    ModelConfig(width=16, stem="small", head="grid", attention=AttentionConfig(unit="cbam", stages=[4])),
    *(ModelConfig(width=16, attention=AttentionConfig(unit=unit)) for unit in ("none", "se", "eca", "coordinate")),
    ModelConfig(width=16, release="megc2019", attention=AttentionConfig(form="released")),
    ModelConfig(depth=50, width=16),
    ModelConfig(backbone="resnet", depth=18),
    ModelConfig(backbone="resnet", depth=18, attention=AttentionConfig(unit="simam", stages=[4])),
    ModelConfig(backbone="lite0", depth=None, attention=AttentionConfig(unit="cbam", stages=[1, 4])),
]  # fmt: skip
MODELS = [*QUICK, *(pytest.param(model, marks=pytest.mark.slow) for model in SLOW)]


def trained(model: ModelConfig, channels: int) -> RecognitionNetwork:
    """A network whose statistics fit its input, as after a training."""
    torch.manual_seed(0)
    network = build(model, in_channels=channels, classes=3).train()
    with torch.no_grad():
        for _ in range(25):
            network(torch.randn(8, channels, 32, 32))
    return network.eval()


def name_of(model: ModelConfig) -> str:
    return f"{model.backbone}-{model.depth}-{model.attention.unit}-{model.attention.form}-{model.stem}"


def agree(network: RecognitionNetwork, outputs: list[Any], x: torch.Tensor) -> None:
    with torch.no_grad():
        logits, maps = network.attend(x)
    assert len(outputs) == 1 + len(maps)
    for found, expected in zip(outputs, [logits, *maps], strict=True):
        scale = max(1.0, expected.abs().max().item())
        assert (torch.as_tensor(found) - expected).abs().max().item() < 1e-5 * scale


CARD = {"classes": ["a", "ü", "c"], "input": {"representation": "flow", "size": 32}, "trained_on": {"data": "invented"}}


@needs_onnx
@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_onnx(model: ModelConfig, tmp_path: Path):
    import onnxruntime

    network = trained(model, 3)
    path = tmp_path / "net.onnx"
    found = export.export(network, path, card=CARD, kind="onnx")
    assert 0 <= found.logits < 1e-5
    assert 0 <= found.maps < 1e-5
    assert [each.name for each in tmp_path.iterdir()] == ["net.onnx"]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [each.name for each in session.get_outputs()] == ["logits", *(f"attention_{s}" for s in network.map_stages)]
    assert session.get_inputs()[0].shape == ["batch", 3, 32, 32]
    for batch in (1, 5, 8):
        x = torch.randn(batch, 3, 32, 32)
        agree(network, session.run(None, {"input": x.numpy()}), x)
    kept = session.get_modelmeta().custom_metadata_map
    assert {key: json.loads(text) for key, text in kept.items()} == CARD


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_torch_program(model: ModelConfig, tmp_path: Path):
    network = trained(model, 1)
    path = tmp_path / "net.pt2"
    found = export.export(network, path, card=CARD, kind="torch")
    assert max(found.logits, found.maps) < 1e-5
    files = {"card.json": ""}
    program = torch.export.load(path, extra_files=files).module()
    for batch in (1, 5, 8):
        x = torch.randn(batch, 1, 32, 32)
        agree(network, list(program(x)), x)
    assert json.loads(files["card.json"]) == {**CARD, "outputs": list(found.outputs)}


def test_a_file_that_disagrees_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def wrong(program, example, path, outputs, card):
        path.write_bytes(b"some file")
        return lambda x: [output + 1e-3 for output in program(x)]

    monkeypatch.setitem(export.WRITERS, "torch", wrong)
    with pytest.raises(MerError, match=r"differ by 1\.0e-03"):
        export.export(trained(QUICK[0], 1), tmp_path / "net.pt2", card=CARD, kind="torch")
    assert list(tmp_path.iterdir()) == []


def test_a_result_that_is_no_number_is_no_agreement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(
        export.WRITERS, "torch", lambda program, *rest: lambda x: [output * torch.nan for output in program(x)]
    )
    with pytest.raises(MerError, match="differ by"):
        export.export(trained(QUICK[0], 1), tmp_path / "net.pt2", card=CARD, kind="torch")


def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    network = trained(QUICK[0], 1)
    with pytest.raises(MerError, match=r"input\.size"):
        export.export(network, tmp_path / "x.onnx", card={"classes": ["a"]}, kind="onnx")
    monkeypatch.setattr("mer.models.export.find_spec", lambda name: None)
    with pytest.raises(MerError, match=r"pip install 'mer\[export\]'"):
        export.export(network, tmp_path / "x.onnx", card=CARD, kind="onnx")
