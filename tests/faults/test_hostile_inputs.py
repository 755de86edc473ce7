"""Hostile and damaged pictures, lists and overrides: one sentence with the name, status 2, no traceback, no child."""

from __future__ import annotations

import csv
import io
import multiprocessing
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.faults.counts import counted
from tests.helpers.command import TINY_RECIPE, command

LABELS = ("negative", "positive", "surprise")


def png(side: int) -> bytes:
    """The head of a PNG that claims so many pixels a side."""
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", len(head)) + b"IHDR" + head + struct.pack(">I", zlib.crc32(b"IHDR" + head))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))


def written(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def bomb(path: Path) -> None:
    """Ten thousand pixels a side of one grey: 100 KB that unpack to 100 MB."""
    Image.new("L", (13_000, 13_000)).save(path)


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.write(png(100))
        file.truncate(6 * 2**30)


def animation(path: Path) -> None:
    frames = [Image.new("L", (32, 32), grey) for grey in (0, 255)]
    frames[0].save(path, format="GIF", save_all=True, append_images=frames[1:])


PICTURES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: written(path, b""),
    "text": lambda path: written(path, b"this is no picture\n" * 50),
    "noise": lambda path: written(path, random.Random(0).randbytes(4000)),
    "PostScript": lambda path: written(path, b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n"),
    "SVG": lambda path: written(
        path, b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'
    ),
    "claims 2^31 pixels a side": lambda path: written(path, png(2**31 - 1)),
    "claims no pixels": lambda path: written(path, png(0)),
    "a picture that unpacks to 169 MB": bomb,
    "sparse 6 GB": sparse,
    "animation": animation,
    "16 bits": lambda path: cv2.imwrite(str(path), np.full((32, 32), 40_000, np.uint16)),
    "cut": lambda path: written(path, path.read_bytes()[: path.stat().st_size // 2]),
    "deleted": lambda path: path.unlink(),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a link to itself": lambda path: (path.unlink(), path.symlink_to(path)),
}
QUICK_PICTURES = ("PostScript", "claims 2^31 pixels a side", "cut", "a folder")


def clips(folder: Path) -> Path:
    """A list of twelve clips of four people, two frames each."""
    rng = np.random.default_rng(0)
    rows = []
    for person in range(4):
        for label in LABELS:
            name = f"p{person}_{label}"
            for frame in ("onset", "apex"):
                cv2.imwrite(str(folder / f"{name}_{frame}.png"), rng.integers(0, 256, (32, 32), dtype=np.uint8))
            own = {"sample_id": name, "dataset": "own", "subject": f"p{person}", "label": label}
            rows.append({**own, "path": f"{name}_apex.png", "onset": f"{name}_onset.png"})
    with (folder / "clips.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder / "clips.csv"


def refused(folder: Path, name: str, *overrides: str) -> str:
    """What the command says, which has to end with status 2, name the culprit and leave nobody at work."""
    done = command(
        "mer.run",
        "+experiment=manifest_plain",
        f"data.manifest={folder / 'clips.csv'}",
        "input=flow",
        f"cache_dir={folder / 'cache'}",
        f"hydra.run.dir={folder / 'run'}",
        *TINY_RECIPE,
        *overrides,
        cwd=folder,
    )
    said = " ".join(done.stderr.split())
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in said
    assert name in said
    assert not multiprocessing.active_children()
    assert not (folder / "run" / "folds").exists()
    return said


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[] if kind in QUICK_PICTURES else pytest.mark.slow) for kind in PICTURES]
)
@counted("hostile picture")
def test_a_picture_that_cannot_be_used_is_named(kind: str, tmp_path: Path):
    clips(tmp_path)
    PICTURES[kind](tmp_path / "p1_positive_apex.png")
    refused(tmp_path, "p1_positive_apex.png")


def xlsx(path: Path, sheet: bytes) -> None:
    """A workbook with this text as its only sheet, under the name of a CSV."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", sheet)
    path.write_bytes(buffer.getvalue())


def edited(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


LISTS: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: written(path, b""),
    "noise": lambda path: written(path, random.Random(0).randbytes(4000)),
    "no UTF-8": lambda path: written(path, b"\xff\xfe" + path.read_bytes()),
    "zeros": lambda path: written(path, bytes(4000)),
    "a workbook": lambda path: xlsx(path, b"<a/>"),
    "header only": lambda path: written(path, path.read_bytes().splitlines()[0] + b"\n"),
    "a column less": lambda path: edited(path, "subject", "person"),
    "a row with a cell less": lambda path: edited(path, "p1_positive,own,", "p1_positive,"),
    "a sample twice": lambda path: edited(path, "p1_positive,", "p1_negative,"),
    "an id with a control character": lambda path: edited(path, "p1_positive,", "p1\x07positive,"),
    "an open quote": lambda path: edited(path, "p1_positive,", '"p1_positive,'),
    "a path that climbs to nowhere": lambda path: edited(path, "p1_positive_apex.png", "../../nowhere.png"),
    "one person": lambda path: written(
        path,
        "".join(f"{line}\n" for line in path.read_text().splitlines() if ",p" not in line or ",p1," in line).encode(),
    ),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "deleted": lambda path: path.unlink(),
}
QUICK_LISTS = ("noise", "an open quote", "a folder", "one person")


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[] if kind in QUICK_LISTS else pytest.mark.slow) for kind in LISTS]
)
@counted("damaged or hostile list")
def test_a_list_that_cannot_be_used_is_named(kind: str, tmp_path: Path):
    LISTS[kind](clips(tmp_path))
    refused(tmp_path, "clips.csv")


#: Overrides that nobody should give, and the key that the answer names.
OVERRIDES = {
    "optim.lr=nan": "optim.lr",
    "optim.lr=-1": "optim.lr",
    "optim.lr=fast": "optim.lr",
    "optim.epochs=0": "optim.epochs",
    "optim.epochs=1e99": "optim.epochs",
    "optim.batch_size=1.5": "optim.batch_size",
    "model.width=100000000": "model.width",
    "model.depth=11": "model.depth",
    "model.attention.unit=magic": "model.attention.unit",
    "model.attention.stages=[9]": "model.attention.stages",
    "input.size=100000": "input.size",
    "input.representation=soup": "input.representation",
    "protocol.name=luck": "protocol.name",
    "protocol.validation=2": "protocol.validation",
    "protocol.selection=best": "protocol.selection",
    "protocol.waive=[all]": "protocol.waive",
    "trainer.threads=100000": "trainer.threads",
    "trainer.precision=3": "trainer.precision",
    "trainer.accelerator=tpu": "trainer.accelerator",
    "trainer.devices=64": "trainer.devices",
    "evaluation.bootstrap=1000000000": "evaluation.bootstrap",
    "members=100000": "members",
    "objective=uf1": "objective",
    "null=everything": "null",
    "seed=-1": "seed",
    "plugins=[no.such.module]": "plugins",
    "init.name=file": "init.path",
    "face.detector=precomputed": "face.landmarks",
    "no.such.key=1": "no.such.key",
    "+optim.momentun=1": "momentun",
    "optim=": "optim",
    "optim.lr": "optim.lr",
    "hydra.run.dir=/dev/null/x": "/dev/null/x",
}


@pytest.mark.parametrize(
    "override",
    [pytest.param(one, marks=[] if place % 8 == 0 else pytest.mark.slow) for place, one in enumerate(OVERRIDES)],
)
@counted("bad override")
def test_a_bad_override_is_named_before_anything_is_trained(override: str, tmp_path: Path):
    clips(tmp_path)
    refused(tmp_path, OVERRIDES[override], override)
