"""Hostile, damaged and huge weight files: each ends in a sentence, within seconds and within bounded memory."""

from __future__ import annotations

import io
import json
import pickle
import resource
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from mer.config import AttentionConfig, InputConfig, ModelConfig
from mer.errors import MerError
from mer.models import checkpoint
from mer.models.backbones.preact_resnet import MicroAttentionResNet
from mer.models.build import build
from mer.models.caffe.importer import import_caffemodel
from mer.models.pretrained.weight_files import read_weights
from mer.models.torch_files import read_torch
from mer.utils.limits import LimitError
from tests.faults.counts import counted

MODEL = ModelConfig(width=8)
CARD = {"classes": ["negative", "positive", "surprise"], "input": vars(InputConfig()), "trained_on": {}}


def good(path: Path, **changes) -> Path:
    """A small checkpoint, with parts changed."""
    network = MicroAttentionResNet(MODEL, in_channels=3, classes=3)
    checkpoint.save(path, network, model=MODEL, card=CARD)
    if changes:
        torch.save({**torch.load(path, weights_only=True), **changes}, path)
    return path


def repacked(path: Path, compression: int) -> Path:
    """A checkpoint whose archive is written anew, compressed."""
    good(path)
    with zipfile.ZipFile(path) as archive:
        parts = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def bomb(path: Path) -> Path:
    """An archive of 600 KB that unpacks to 600 MB."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", pickle.dumps({"a": 1}))
        with archive.open("a/data/0", "w") as entry:
            for _ in range(600):
                entry.write(bytes(2**20))
    return path


def shared_bytes(path: Path) -> Path:
    """An archive of 4 MB whose directory names the same stored bytes 400 times."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a/data/0", bytes(4 * 2**20))
        first = archive.infolist()[0]
        for number in range(1, 400):
            twin = zipfile.ZipInfo(f"a/data/{number}")
            twin.header_offset, twin.file_size, twin.compress_size = 0, first.file_size, first.compress_size
            twin.CRC = first.CRC
            archive.filelist.append(twin)
            archive.NameToInfo[twin.filename] = twin
    path.write_bytes(buffer.getvalue())
    return path


def stretched(path: Path) -> Path:
    """A state dict whose tensor claims 10^12 numbers and stores one."""
    torch.save({"a": torch.zeros(1).expand(10**6, 10**6)}, path)
    return path


def laughs(path: Path) -> Path:
    """A state dict with a list of lists of the same list: 10^12 values in 300 bytes."""
    value: list = [0] * 10
    for _ in range(11):
        value = [value] * 10
    torch.save({"format": "mer-checkpoint-1", "card": value}, path)
    return path


def code(path: Path) -> Path:
    """A pickle that would write a file."""

    class Evil:
        def __reduce__(self):
            return (Path.write_text, (path.with_suffix(".ran"), "ran"))

    path.write_bytes(pickle.dumps(Evil()))
    return path


def sparse(path: Path) -> Path:
    """Six gigabytes without a block on disk."""
    with path.open("wb") as file:
        file.write(b"PK\x03\x04")
        file.truncate(6 * 2**30)
    return path


def tensors(path: Path, header: dict | bytes, numbers: int) -> Path:
    """A `.safetensors` file with this header and so many bytes behind it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(numbers))
    return path


def entry(shape: list, first: int, last: int, dtype: str = "F32") -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [first, last]}


def lying_header(path: Path) -> Path:
    path.write_bytes(struct.pack("<Q", 2**62) + b"{}")
    return path


def long_header(path: Path) -> Path:
    with path.open("wb") as file:
        file.write(struct.pack("<Q", 2**30))
        file.truncate(2**30 + 8)
    return path


#: Name -> (file name, what makes it, what the message says).
TORCH: dict[str, tuple[str, Callable[[Path], Path], str]] = {
    "deflated checkpoint": ("a.pt", lambda path: repacked(path, zipfile.ZIP_DEFLATED), "expected uncompressed entries"),
    "deflated bomb": ("a.pt", bomb, "expected uncompressed entries"),
    "entries that share bytes": ("a.pt", shared_bytes, "claim|damaged archive"),
    "stretched tensor": ("a.pt", stretched, "not all stored"),
    "list of lists of lists": ("a.pt", laughs, "weight_values|MER_LIMIT_WEIGHT_VALUES"),
    "code in a pickle": ("a.pt", code, "cannot be read"),
    "sparse 6 GB": ("a.pt", sparse, "MER_LIMIT_WEIGHT_BYTES"),
    "empty": ("a.pt", lambda path: (path.write_bytes(b"") and path) or path, "cannot be read"),
    "half a checkpoint": ("a.pt", lambda path: cut(good(path), 0.5), "cannot be read"),
    "header only": ("a.pt", lambda path: cut(good(path), 0.001), "cannot be read"),
    "card is a list": ("a.pt", lambda path: good(path, card=[1]), "card"),
    "classes are a number": ("a.pt", lambda path: good(path, card={**CARD, "classes": 3}), "card.classes"),
    "no weights": ("a.pt", lambda path: good(path, weights=None), "weights"),
    "in_channels is text": ("a.pt", lambda path: good(path, in_channels="3"), "in_channels"),
    "newer format": ("a.pt", lambda path: good(path, format="mer-checkpoint-2"), "mer-checkpoint-2|expected"),
}

#: The same for what only a network's description can say; read by `checkpoint.load`.
DESCRIBED: dict[str, tuple[dict, str]] = {
    "in_channels 1e9": ({"in_channels": 10**9}, "shape"),
    "in_channels 0": ({"in_channels": 0}, "1 channel"),
    "width 1e6": ({"model": {"width": 10**6}}, "model.width"),
    "width is text": ({"model": {"width": "wide"}}, "width"),
    "depth 10000": ({"model": {"depth": 10**4}}, "depth"),
    "unknown option": ({"model": {"of_tomorrow": 1}}, "of_tomorrow"),
    "100,000 classes": ({"card": {**CARD, "classes": ["a"] * 10**5}}, "shape"),
    "an environment variable": ({"model": {"backbone": "${oc.env:HOME}"}}, r"\$\{oc.env:HOME\}"),
}

SAFE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "overlapping tensors": (
        lambda path: tensors(path, {name: entry([4], 0, 16) for name in "ab"}, 16),
        "from byte 16",
    ),
    "a hole": (lambda path: tensors(path, {"a": entry([1], 8, 12)}, 12), "from byte 0"),
    "bytes that nobody names": (
        lambda path: tensors(path, {"a": entry([1], 0, 4)}, 400),
        "expected 4 bytes of tensors",
    ),
    "negative shape": (lambda path: tensors(path, {"a": entry([-1, -4], 0, 16)}, 16), "0 or more"),
    "shape of 10^18": (lambda path: tensors(path, {"a": entry([10**9, 10**9], 0, 4)}, 4), "from byte 0"),
    "offsets backwards": (lambda path: tensors(path, {"a": entry([1], 4, 0)}, 4), "from byte 0"),
    "unknown type": (lambda path: tensors(path, {"a": entry([1], 0, 4, "F8")}, 4), "F8"),
    "a name twice": (lambda path: tensors(path, b'{"a":1,"a":2}', 0), "twice"),
    "header claims 2^62 bytes": (lying_header, "expected a header inside the file"),
    "header of a gigabyte": (long_header, "MER_LIMIT_WEIGHT_HEADER_BYTES"),
    "nested header": (lambda path: tensors(path, b'{"a":' + b"[" * 10**5, 0), "cannot be read"),
    "no dict": (lambda path: tensors(path, b"[1]", 0), "cannot be read"),
    "text for offsets": (
        lambda path: tensors(path, {"a": {**entry([1], 0, 4), "data_offsets": ["0", "4"]}}, 4),
        "0 or more",
    ),
}


def cut(path: Path, share: float) -> Path:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    return path


class Bounds:
    """Asserts that a block takes at most 20 s and adds at most 400 MB to the largest memory that the process took."""

    def __enter__(self) -> None:
        self.start, self.memory = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def __exit__(self, *_: object) -> None:
        assert time.perf_counter() - self.start < 20
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - self.memory < 400 * 1024


@pytest.mark.parametrize("name", TORCH)
@counted("weight file")
def test_a_file_of_torch_is_refused_by_name(name: str, tmp_path: Path):
    file, make, says = TORCH[name]
    path = make(tmp_path / file)
    for read in (read_weights, checkpoint.read):
        with Bounds(), pytest.raises(MerError, match=says) as found:
            read(path)
        assert str(path) in str(found.value)
    assert not path.with_suffix(".ran").exists()


@pytest.mark.parametrize("name", DESCRIBED)
@counted("weight file")
def test_a_description_that_does_not_fit_the_weights_builds_nothing(name: str, tmp_path: Path):
    changes, says = DESCRIBED[name]
    path = good(tmp_path / "a.pt", **changes)
    with Bounds(), pytest.raises(MerError, match=says) as found:
        checkpoint.load(path)
    assert str(path) in str(found.value)
    assert str(Path.home()) not in str(found.value).replace(str(path), "")


@pytest.mark.parametrize("name", SAFE)
@counted("weight file")
def test_a_safetensors_file_is_refused_by_name(name: str, tmp_path: Path):
    make, says = SAFE[name]
    path = make(tmp_path / "a.safetensors")
    with Bounds(), pytest.raises(MerError, match=says) as found:
        read_weights(path)
    assert str(path) in str(found.value)


def test_a_safetensors_file_in_any_order_of_names_is_read(tmp_path: Path):
    header = {"b": entry([2], 0, 8), "a": entry([], 8, 12), "empty": entry([0, 3], 12, 12), "__metadata__": {"x": "y"}}
    path = tensors(tmp_path / "a.safetensors", header, 12)
    assert {name: tuple(one.shape) for name, one in read_weights(path).tensors.items()} == {
        "b": (2,),
        "a": (),
        "empty": (0, 3),
    }


#: Ten million messages of three bytes, or as many in one layer; tag 802 is `layer`, 58 `blobs`, 18 `layers`.
CAFFE = {
    "30 MB of empty layers": b"\xa2\x06\x00" * 10**7,
    "30 MB of empty layers of V1": b"\x12\x00" * (15 * 10**6),
    "30 MB of empty blobs": b"\xa2\x06\x80\xda\xc4\x09" + b"\x3a\x00" * 10**7,
}


@pytest.mark.parametrize("name", CAFFE)
@counted("weight file")
def test_a_caffe_file_of_empty_messages_is_refused_in_seconds(name: str, tmp_path: Path):
    path = tmp_path / "a.caffemodel"
    path.write_bytes(CAFFE[name])
    with Bounds(), pytest.raises(LimitError, match="MER_LIMIT_CAFFE_FIELDS") as found:
        import_caffemodel(path)
    assert str(path) in str(found.value)


def test_limits_can_be_lifted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = good(tmp_path / "a.pt")
    monkeypatch.setenv("MER_LIMIT_WEIGHT_BYTES", "1000")
    with pytest.raises(LimitError, match="at most 1,000"):
        read_torch(path)
    monkeypatch.setenv("MER_LIMIT_WEIGHT_BYTES", str(2**40))
    assert read_torch(path)["format"] == "mer-checkpoint-1"
    monkeypatch.setenv("MER_LIMIT_WEIGHT_BYTES", "much")
    with pytest.raises(MerError, match="MER_LIMIT_WEIGHT_BYTES"):
        read_torch(path)


def test_text_in_a_checkpoint_stays_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MER_SECRET", "hush")
    path = good(tmp_path / "a.pt", card={**CARD, "note": "${oc.env:MER_SECRET}"})
    assert checkpoint.load(path)[1]["note"] == "${oc.env:MER_SECRET}"
    bad = good(tmp_path / "b.pt", model={"width": "${oc.env:MER_SECRET}"})
    with pytest.raises(MerError) as found:
        checkpoint.load(bad)
    assert "hush" not in str(found.value)


def test_every_backbone_loads_after_its_shapes_were_compared(tmp_path: Path):
    for model in (
        ModelConfig(width=8),
        ModelConfig(backbone="resnet", depth=18),
        ModelConfig(backbone="lite0", depth=None, attention=AttentionConfig(unit="none")),
        ModelConfig(backbone="templates", depth=None, attention=AttentionConfig(unit="none")),
    ):
        network = build(model, in_channels=3, classes=3)
        checkpoint.save(tmp_path / "a.pt", network, model=model, card=CARD)
        loaded, _ = checkpoint.load(tmp_path / "a.pt")
        theirs = loaded.state_dict()
        assert all(torch.equal(value, theirs[name]) for name, value in network.state_dict().items())
