"""Import, inspect, export, draw or make weight files: `mer weights import FILE.caffemodel OUT.pt`, `inspect`, ...

`import` converts a Caffe file to a checkpoint (`mer.models.checkpoint`) and lists every layer; `inspect` lists the
content of a checkpoint, a Caffe file or a state dict; `export` writes a checkpoint's network for use without this
package and compares its outputs; `picture` draws the templates of a checkpoint; `prior` trains the packaged networks.
Exit status 2: a problem that the user can solve.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from mer.cli import guarded
from mer.config import InputConfig, as_settings
from mer.errors import MerError
from mer.evaluation.report.template_figure import template_figure
from mer.models import checkpoint, load
from mer.models.backbones.preact_options import RELEASES
from mer.models.backbones.templates import TemplateNetwork
from mer.models.caffe.importer import BLUE_FIRST, Imported, import_caffemodel
from mer.models.export import BATCHES, TOLERANCE, WRITERS, export
from mer.models.pretrained.inspect_file import facts, inspect
from mer.utils.atomic_files import write_png
from mer.utils.console import say
from mer.utils.plugins import load_plugins

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
    parser = argparse.ArgumentParser(prog="mer weights", description=__doc__.splitlines()[0])
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
    making = commands.add_parser(
        "prior", help="make the packaged networks of mer predict anew, from drawn motion alone"
    )
    making.add_argument("out", help="the folder to write them into")
    making.add_argument("--seed", type=int, default=0, help="of the drawings and of training (default 0)")
    given = parser.parse_args(arguments)
    console = Console()
    load_plugins(given.plugin)
    if given.command == "inspect":
        lines = inspect(given.file)
    elif given.command == "export":
        lines = exported(given.file, given.out, kind=given.format)
    elif given.command == "picture":
        lines = pictured(given.file, given.out)
    elif given.command == "prior":
        from mer.make_prior.heads import make_prior  # Lightning takes seconds to import, and nothing else here needs it

        lines = make_prior(Path(given.out), seed=given.seed)
    else:
        names = None if given.classes is None else [name.strip() for name in given.classes.split(",")]
        found = convert(given.file, given.out, grey=given.grey, release=given.release, classes=names)
        lines = iter([*import_lines(found), facts(found), f"written: {given.out}"])
    for line in lines:
        say(console, line)


if __name__ == "__main__":
    sys.exit(main())
