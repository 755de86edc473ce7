"""Import, inspect, export or draw weight files: `mer weights import FILE.caffemodel OUT.pt`, `inspect`, `export`, ...

`import` converts a Caffe file to a checkpoint (`mer.models.checkpoint`) and lists every layer; `inspect` lists the
content of a checkpoint, a Caffe file or a state dict; `export` writes a checkpoint's network for use without this
package and compares its outputs; `picture` draws the templates of a checkpoint. Exit status 2: a problem that the user
can solve.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from mer.cli import guarded
from mer.config import InputConfig, as_settings
from mer.errors import MerError
from mer.evaluation.report.template_figure import template_figure
from mer.models import checkpoint, count_parameters, load
from mer.models.backbones.preact_options import RELEASES
from mer.models.backbones.templates import TemplateNetwork
from mer.models.caffe.file_format import parse_net, read_bytes
from mer.models.caffe.importer import BLUE_FIRST, Imported, import_caffemodel
from mer.models.caffe.layers import shapes_text
from mer.models.export import BATCHES, TOLERANCE, WRITERS, export
from mer.models.pretrained.weight_files import read_weights
from mer.utils.atomic_files import write_png
from mer.utils.console import say
from mer.utils.plugins import load_plugins

#: First bytes of a zip archive, which is what torch writes.
ZIP = b"PK\x03\x04"

#: First bytes of older torch files.
PICKLE = b"\x80"

#: Long lists in a card, of which only the length is printed.
LISTED = ("subjects", "samples", "pictures")

#: Side of the pictures in the authors' definitions, in pixels.
AUTHORS_SIZE = 224


def convert(
    source: str | Path,
    target: str | Path,
    *,
    grey: bool = False,
    release: str | None = None,
    classes: list[str] | None = None,
) -> Imported:
    """Convert a Caffe file to a checkpoint; return the imported network.

    Args:
        source: the `.caffemodel`.
        target: the checkpoint to write; its folder is made if needed.
        grey: for grey pictures, see `import_caffemodel`.
        release: see `import_caffemodel`.
        classes: names in the order of the file's classifier; None for class_0, class_1, ...

    Raises:
        MerError: if the file does not fit, the names do not fit its classes, or the target cannot be written.
    """
    source, target = Path(source), Path(target)
    _refuse(source, target)
    found = import_caffemodel(source, grey=grey, release=release)
    count = found.network.classes
    names = [f"class_{k}" for k in range(count)] if classes is None else classes
    if len(names) != count or len(set(names)) != count or not all(names):
        raise MerError(f"--classes: expected {count} different names, one for each class of {source}, got {names}")
    grey_input = found.network.in_channels == 1
    card = {
        "classes": names,
        "input": as_settings(InputConfig(representation="apex" if grey_input else "image", size=AUTHORS_SIZE)),
        "trained_on": {key: found.source[key] for key in ("file", "sha256")},
        "notes": list(found.notes),
        **({"colours": BLUE_FIRST} if found.network.in_channels == 3 else {}),
    }
    try:
        checkpoint.save(target, found.network, model=found.model, card=card)
    except OSError as error:
        raise MerError(f"{target} cannot be written: {error}") from error
    return found


def _refuse(source: Path, target: Path) -> None:
    """Raise MerError if the target is a folder or the source."""
    if target.is_dir() or (target.exists() and source.exists() and target.samefile(source)):
        raise MerError(f"{target}: expected the name of a file to write, got a folder or the source itself")


def import_lines(found: Imported) -> Iterator[str]:
    """Yield one line per layer of a file, taken or skipped; layers without weights share one line."""
    with_weights = [entry for entry in found.report if entry.weights]
    width = max(len(entry.layer) for entry in with_weights)
    for entry in with_weights:
        yield f"{'taken' if entry.taken else 'SKIPPED':7}  {entry.layer:{width}}  {entry.note}"
    others = [entry.layer for entry in found.report if not entry.weights]
    if others:
        yield f"without weights, so nothing to take: {', '.join(others)}"
    taken = sum(entry.taken for entry in with_weights)
    yield f"{taken} layers taken, {len(with_weights) - taken} with weights skipped"
    yield from (f"note: {note}" for note in found.notes)


def facts(found: Imported) -> str:
    """Return one line on a network: depth, release, attention, input channels, classes, parameters."""
    attention = f"released attention in stages {found.model.attention.stages}" if found.network.stages else "plain"
    network = found.network
    return (
        f"ResNet-{found.model.depth}, release {found.model.release}, {attention}; {network.in_channels} input "
        f"channels, {network.classes} classes, {count_parameters(network):,} parameters"
    )


def inspect(path: str | Path) -> Iterator[str]:
    """Yield lines on the content of a checkpoint, a Caffe file or a state dict of torch.

    Raises:
        MerError: if the file is none of these, or damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise MerError(f"no file at {path}; expected a checkpoint (model.ckpt, .pt) or a .caffemodel")
    with path.open("rb") as file:
        first = file.read(len(ZIP))
    is_torch = first == ZIP or first.startswith(PICKLE) or path.suffix == ".safetensors"
    yield from _torch(path) if is_torch else _caffe(path)


def _torch(path: Path) -> Iterator[str]:
    try:
        content = checkpoint.read(path)
    except checkpoint.ForeignFileError:
        file = read_weights(path)
        yield f"{path}: {'; '.join(file.notes)}"
        yield "no checkpoint of this package, yet a run may begin with it (init=file) where its network is the run's"
        width = max(map(len, file.tensors))
        yield from (f"  {name:{width}}  {tuple(tensor.shape)}" for name, tensor in file.tensors.items())
        return
    network, _ = checkpoint.load(path)
    yield f"{path}: checkpoint of this package ({content['format']}), {count_parameters(network):,} parameters"
    for key in ("model", "in_channels", "card"):
        yield f"{key}: {json.dumps(_counted(content[key]), indent=2, ensure_ascii=False, default=str)}"


def _counted(value: Any) -> Any:
    """Return the value with the long lists (`LISTED`) replaced by their lengths."""
    if not isinstance(value, dict):
        return value
    return {
        key: f"{len(inner)} listed" if key in LISTED and isinstance(inner, list) else _counted(inner)
        for key, inner in value.items()
    }


def _caffe(path: Path) -> Iterator[str]:
    net = parse_net(read_bytes(path), path)
    yield f"{path}: Caffe network {net.name or '(no name)'}, {net.layout} layout, {len(net.layers)} layers"
    width = max(len(layer.name) for layer in net.layers)
    for layer in net.layers:
        shapes = shapes_text([blob.shape for blob in layer.blobs])
        yield f"  {layer.name:{width}}  {layer.type:12}  {shapes or 'no weights'}"
    try:
        found = import_caffemodel(path)
    except MerError as error:
        yield f"cannot be imported: {error}"
    else:
        yield f"can be imported: {facts(found)}"
        yield from (f"note: {note}" for note in found.notes)


def exported(source: str | Path, target: str | Path, *, kind: str) -> Iterator[str]:
    """Export a checkpoint's network as ONNX or as a torch program; yield lines on the result.

    Args:
        source: the checkpoint.
        target: the file to write.
        kind: key of `mer.models.export.WRITERS`.

    Raises:
        MerError: if the source is not a checkpoint, the target cannot be written, a package is missing, or the outputs
            differ.
    """
    source, target = Path(source), Path(target)
    network = load(source)
    _refuse(source, target)
    try:
        found = export(network, target, card=network.card, kind=kind)
    except OSError as error:
        raise MerError(f"{target} cannot be written: {error}") from error
    batches = " and ".join(str(count) for count in BATCHES)
    yield f"outputs: {', '.join(found.outputs)}, for any number of samples"
    yield (
        f"largest difference from the network at batch {batches}: logits {found.logits:.1e}, maps {found.maps:.1e} "
        f"(below {TOLERANCE:g} is asked for)"
    )
    yield f"written: {target}"


def pictured(source: str | Path, target: str | Path) -> Iterator[str]:
    """Draw the templates of a checkpoint as PNG; yield a line on the result.

    Raises:
        MerError: if the source is not a checkpoint with templates, or the target cannot be written.
    """
    source, target = Path(source), Path(target)
    network = load(source)
    if not isinstance(network, TemplateNetwork):
        raise MerError(
            f"{source}: expected a network of templates (model=templates), whose weights are maps of motion, got "
            f"{type(network).__name__}; attention maps of others stand in a run's report.html"
        )
    _refuse(source, target)
    figure = template_figure(network.templates().numpy(), network.card["classes"])
    try:
        write_png(target, figure)
    except OSError as error:
        raise MerError(f"{target} cannot be written: {error}") from error
    yield f"written: {target}"


@guarded
def main(arguments: list[str] | None = None) -> None:
    """Entry point of `python -m mer.weights`."""
    parser = argparse.ArgumentParser(prog="python -m mer.weights", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--plugin", action="append", default=[], help="module or .py file the network needs; its code runs"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    importing = commands.add_parser("import", help="make a checkpoint of a Caffe file")
    importing.add_argument("file", help="the .caffemodel")
    importing.add_argument("out", help="the checkpoint to write (OUT.pt)")
    importing.add_argument("--grey", action="store_true", help="sum a colour first layer over its channels")
    importing.add_argument("--release", choices=RELEASES, help="where the classifier's name does not say it")
    importing.add_argument("--classes", help="names in the classifier's order, comma between (default class_0,...)")
    commands.add_parser("inspect", help="say what a file holds").add_argument("file", help="checkpoint or .caffemodel")
    exporting = commands.add_parser("export", help="write a checkpoint's network for use without this package")
    exporting.add_argument("file", help="the checkpoint (model.ckpt)")
    exporting.add_argument("out", help="the file to write (OUT.onnx, OUT.pt2)")
    exporting.add_argument("--format", choices=list(WRITERS), default="onnx", help="default onnx; torch: .pt2")
    drawing = commands.add_parser("picture", help="draw the templates of a checkpoint (model=templates)")
    drawing.add_argument("file", help="the checkpoint (model.ckpt)")
    drawing.add_argument("out", help="the picture to write (OUT.png)")
    given = parser.parse_args(arguments)
    console = Console()
    load_plugins(given.plugin)
    if given.command == "inspect":
        lines = inspect(given.file)
    elif given.command == "export":
        lines = exported(given.file, given.out, kind=given.format)
    elif given.command == "picture":
        lines = pictured(given.file, given.out)
    else:
        names = None if given.classes is None else [name.strip() for name in given.classes.split(",")]
        found = convert(given.file, given.out, grey=given.grey, release=given.release, classes=names)
        lines = iter([*import_lines(found), facts(found), f"written: {given.out}"])
    for line in lines:
        say(console, line)


if __name__ == "__main__":
    sys.exit(main())
