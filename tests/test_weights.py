"""`python -m mer.weights` as a user meets it: import, inspect, and every error without a traceback."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from mer import weights
from mer.config import AttentionConfig, ModelConfig
from mer.errors import MerError
from mer.models import build, checkpoint
from tests.helpers.caffe_files import file_bytes, forward, random_blobs
from tests.helpers.command import command, process

CARD = {"classes": ["a", "b"], "input": {"representation": "flow", "size": 28}}


@pytest.fixture(scope="module")
def caffemodel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("caffe") / "authors.caffemodel"
    path.write_bytes(file_bytes({**random_blobs(), "odd": random_blobs()["last_scale"][:1], "prob": []}))
    return path


def call(*arguments: str | Path) -> int:
    """Exit status of the entry point in this process."""
    try:
        return weights.main([str(argument) for argument in arguments])
    except SystemExit as exit:  # argparse ends the process itself
        return int(exit.code or 0)


def test_import_end_to_end(caffemodel: Path, tmp_path: Path) -> None:
    done = process("mer.weights", "import", str(caffemodel), "new/net.pt", "--classes", "a,b,c,d,e", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert "taken    layer_128_1_conv_expand  -> layer2.0.shortcut" in lines
    assert "SKIPPED  odd                      no such layer in this network ((512,))" in lines
    assert "without weights, so nothing to take: prob" in lines
    assert "1 with weights skipped" in done.stdout
    assert "ResNet-10, release single, released attention in stages [1, 2, 3, 4]" in done.stdout
    network, card = checkpoint.load(tmp_path / "new" / "net.pt")
    assert card["classes"] == ["a", "b", "c", "d", "e"]
    digest = hashlib.sha256(caffemodel.read_bytes()).hexdigest()
    assert card["trained_on"] == {"file": "authors.caffemodel", "sha256": digest}
    assert (card["input"]["representation"], card["input"]["size"]) == ("apex", 224)
    x = torch.randn(1, 1, 32, 32, dtype=torch.float64)
    logits, _ = forward(random_blobs(), x, release="single")
    with torch.no_grad():
        assert ((network(x.float()) - logits).norm() / logits.norm()).item() < 1e-5


def test_a_problem_of_the_user_ends_with_status_2_and_no_traceback(caffemodel: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.caffemodel"
    cut.write_bytes(caffemodel.read_bytes()[:1_000_000])
    done = command("mer.weights", "import", str(cut), "net.pt", cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("mer: ")
    assert "cut.caffemodel" in done.stderr
    assert not (tmp_path / "net.pt").exists()


def test_colour_files_can_become_grey(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "colour.caffemodel"
    source.write_bytes(file_bytes(random_blobs(classifier="score", in_channels=3, classes=9, stages=())))
    assert call("import", source, tmp_path / "colour.pt") == 0
    assert call("import", source, tmp_path / "grey.pt", "--grey") == 0
    assert "rows and columns of conv1's output" in capsys.readouterr().out
    for name, channels, representation in (("colour", 3, "image"), ("grey", 1, "apex")):
        network, card = checkpoint.load(tmp_path / f"{name}.pt")
        assert network.conv1.in_channels == channels
        assert card["input"]["representation"] == representation
        assert card["classes"] == [f"class_{k}" for k in range(9)]
        assert len(card["notes"]) == 1
        # import_caffemodel keeps the file's order, which only a card can tell
        assert card.get("colours") == ("blue, green, red" if name == "colour" else None)


@pytest.mark.parametrize("names", ["a,b", "a,b,c,d,d", "a,b,c,d,"])
def test_class_names_must_fit(names: str, caffemodel: Path, tmp_path: Path) -> None:
    with pytest.raises(MerError, match="--classes: expected 5 different names"):
        weights.convert(caffemodel, tmp_path / "net.pt", classes=names.split(","))
    assert not (tmp_path / "net.pt").exists()


def test_targets_that_cannot_be_written(caffemodel: Path, tmp_path: Path) -> None:
    before = caffemodel.read_bytes()
    (tmp_path / "file").write_text("no folder")
    for target in (tmp_path, caffemodel, tmp_path / "file" / "net.pt"):
        with pytest.raises(MerError, match=r"expected the name of a file|cannot be written"):
            weights.convert(caffemodel, target)
    assert caffemodel.read_bytes() == before


def test_inspect_shows_a_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.ckpt"
    card = {"classes": ["x", "ü"], "trained_on": {"data": "[synthetic]"}}
    checkpoint.save(path, build(ModelConfig(), in_channels=3, classes=2), model=ModelConfig(), card=card)
    assert call("inspect", path) == 0
    shown = capsys.readouterr().out
    assert "mer-checkpoint-1" in shown
    assert json.loads(shown.split("card: ")[1]) == card
    assert "in_channels: 3" in shown


def test_inspect_counts_whom_a_checkpoint_saw(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.ckpt"
    saw = {"subjects": ["set:anna"], "samples": [f"clip{k}" for k in range(300)], "pictures": ["0123abcd"] * 600}
    card = {"classes": ["x", "y"], "trained_on": {"data": "set", **saw}}
    checkpoint.save(path, build(ModelConfig(), in_channels=3, classes=2), model=ModelConfig(), card=card)
    assert call("inspect", path) == 0
    shown = capsys.readouterr().out
    told = json.loads(shown.split("card: ")[1])["trained_on"]
    assert told == {"data": "set", "subjects": "1 listed", "samples": "300 listed", "pictures": "600 listed"}
    assert "anna" not in shown and "clip7" not in shown


@pytest.mark.parametrize("old", [True, False])
def test_inspect_knows_a_state_dict_of_either_layout_of_torch(old, tmp_path, capsys) -> None:
    torch.save({"fc.weight": torch.zeros(3, 4)}, tmp_path / "x.pth", _use_new_zipfile_serialization=not old)
    assert call("inspect", tmp_path / "x.pth") == 0
    shown = capsys.readouterr().out
    assert "state dict of 1 tensors" in shown and "(3, 4)" in shown and "Caffe" not in shown


def test_inspect_shows_a_caffe_file_and_whether_it_fits(
    caffemodel: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("inspect", caffemodel) == 0
    shown = capsys.readouterr().out
    assert "by hand, new layout" in shown
    assert "(64, 1, 7, 7) + (64,)" in shown
    assert "can be imported: ResNet-10" in shown
    foreign = tmp_path / "foreign.caffemodel"
    foreign.write_bytes(file_bytes({"fc": random_blobs()["last_scale"]}, v1=True))
    assert call("inspect", foreign) == 0
    assert "cannot be imported" in capsys.readouterr().out


def test_inspect_refuses_what_is_neither(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = {"empty": b"", "zip": b"PK\x03\x04 no checkpoint", "text": b"[red]hello[/red] " * 9}
    torch.save({"format": "another"}, tmp_path / "other")
    torch.save(
        {"format": checkpoint.FORMAT, "card": {"classes": ["a", "b"]}, "model": {"depht": 1}}, tmp_path / "newer"
    )
    for name, data in content.items():
        (tmp_path / name).write_bytes(data)
    for name in (*content, "other", "newer", "missing", "."):
        assert call("inspect", tmp_path / name) == 2, name
        assert str(tmp_path) in capsys.readouterr().err


def test_export_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = ModelConfig(width=16)
    checkpoint.save(tmp_path / "model.ckpt", build(model, in_channels=3, classes=2), model=model, card=CARD)
    assert call("export", tmp_path / "model.ckpt", tmp_path / "net.pt2", "--format", "torch") == 0
    shown = capsys.readouterr().out
    assert "outputs: logits, attention_1, attention_2, attention_3, attention_4, for any number of samples" in shown
    assert "largest difference from the network at batch 1 and 5: logits" in shown
    program = torch.export.load(tmp_path / "net.pt2").module()
    assert [output.shape[0] for output in program(torch.randn(3, 3, 28, 28))] == [3] * 5


def test_export_refuses_what_it_cannot_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.ckpt"
    checkpoint.save(
        path, build(ModelConfig(width=16), in_channels=3, classes=2), model=ModelConfig(width=16), card=CARD
    )
    (tmp_path / "file").write_text("no folder")
    before = path.read_bytes()
    for target in (tmp_path, path, tmp_path / "file" / "net.pt2"):
        assert call("export", path, target, "--format", "torch") == 2
        assert str(tmp_path) in capsys.readouterr().err
    assert call("export", tmp_path / "missing.ckpt", tmp_path / "net.pt2", "--format", "torch") == 2
    assert path.read_bytes() == before


def test_templates_are_drawn_and_other_networks_have_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = AttentionConfig(unit="none")
    models = {
        "templates": ModelConfig(backbone="templates", depth=None, attention=plain),
        "plain": ModelConfig(width=8),
    }
    for name, model in models.items():
        checkpoint.save(tmp_path / f"{name}.ckpt", build(model, in_channels=3, classes=2), model=model, card=CARD)
    assert call("picture", tmp_path / "templates.ckpt", tmp_path / "new" / "seen.png") == 0
    with Image.open(tmp_path / "new" / "seen.png") as picture:
        assert picture.format == "PNG" and picture.width > picture.height  # two classes, three templates each
    assert call("picture", tmp_path / "plain.ckpt", tmp_path / "none.png") == 2
    assert "expected a network of templates" in capsys.readouterr().err and not (tmp_path / "none.png").exists()
    assert call("picture", tmp_path / "templates.ckpt", tmp_path / "templates.ckpt") == 2
