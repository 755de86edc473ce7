"""Export a network with `export` for use without this package, as ONNX or as a `torch.export` program (.pt2).

Contract: the input is `input` (N, C, S, S) with any N; the outputs are `logits`, then one attention map per stage, such
as `attention_1`. The card (classes, input) is inside the file, as ONNX metadata or as the extra file `card.json` of a
.pt2. A written file is run and compared before it gets its name; if its outputs differ, it is removed.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mer.errors import MerError
from mer.models.network import RecognitionNetwork
from mer.utils.atomic_files import write_atomically

#: Largest allowed difference between a written file and the network, a few times the float32 rounding of all layers.
TOLERANCE = 1e-5

#: Batch sizes with which a written file is tested.
BATCHES = (1, 5)

#: Packages that ONNX export needs; the extra `export` installs them.
ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")

#: Name of the card inside a .pt2 file.
CARD = "card.json"

#: Input representations of grey levels 0..255; the others have about mean 0 and deviation 1.
GREY_LEVELS = ("apex", "image")


@dataclass(frozen=True)
class Exported:
    """Describe a written file and its differences from the network, over `BATCHES`.

    Attributes:
        outputs: names of the outputs, in order.
        logits: largest difference of a logit, divided by the largest logit if that is above 1.
        maps: largest difference of an attention map; 0 if there is none.
    """

    outputs: tuple[str, ...]
    logits: float
    maps: float


class _WithMaps(nn.Module):
    """Compute logits and maps of a network as one flat tuple."""

    def __init__(self, network: RecognitionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        logits, maps = self.network.attend(x)
        return (logits, *maps)


def export(network: RecognitionNetwork, target: str | Path, *, card: dict[str, Any], kind: str) -> Exported:
    """Write a network to a file, compare the file with the network and return the differences.

    Args:
        network: on the CPU; exported in evaluation mode.
        target: the file to write.
        card: plain values with the fields of `InputConfig` in `input`; `input.size` is the side S in pixels.
        kind: key of `WRITERS`.

    Raises:
        MerError: if packages are missing, the card has no size, or the outputs differ by `TOLERANCE` or more.
    """
    size = card.get("input", {}).get("size")
    if not isinstance(size, int):
        raise MerError(f"card: expected the side of the input in pixels (input.size), got {size!r}")
    if kind == "onnx" and (missing := [name for name in ONNX_PACKAGES if find_spec(name) is None]):
        raise MerError(f"ONNX needs {', '.join(missing)}: pip install 'mer[export]'")
    program = _WithMaps(network).eval()
    outputs = ("logits", *(f"attention_{stage}" for stage in network.map_stages))
    generator = torch.Generator().manual_seed(0)
    inputs = [torch.randn(count, network.in_channels, size, size, generator=generator) for count in (*BATCHES, 2)]
    if card["input"].get("representation") in GREY_LEVELS:
        inputs = [(127 + 64 * x).clamp(0, 255) for x in inputs]
    with write_atomically(target) as temporary, torch.no_grad():
        with _quiet():
            run = WRITERS[kind](program, inputs[-1], temporary, outputs, card)
        differences = torch.tensor([_differences(program(x), run(x)) for x in inputs[:-1]]).amax(dim=0)
        # written this way round so that nan counts as a difference
        if not bool((differences < TOLERANCE).all()):
            worst = differences.max().item()
            raise MerError(f"{target} was not written: its outputs differ by {worst:.1e}, expected below {TOLERANCE:g}")
    logits, *maps = differences.tolist()
    return Exported(outputs, logits, max(maps, default=0.0))


def _differences(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> list[float]:
    """Return the largest difference of each output, that of the logits divided by the largest one if above 1."""
    found = [(mine - other).abs().max().item() for mine, other in zip(ours, theirs, strict=True)]
    return [found[0] / max(1.0, ours[0].abs().max().item()), *found[1:]]


def _onnx(
    program: nn.Module, example: Tensor, path: Path, outputs: tuple[str, ...], card: dict[str, Any]
) -> Callable[[Tensor], list[Tensor]]:
    import onnxruntime

    written = torch.onnx.export(
        program,
        (example,),
        dynamo=True,
        dynamic_shapes=({0: "batch"},),
        input_names=["input"],
        output_names=list(outputs),
        verbose=False,
    )
    assert written is not None  # torch returns None only if a path is passed
    written.model.metadata_props.update({key: _text(value) for key, value in card.items()})
    written.save(path, external_data=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda x: [torch.from_numpy(output) for output in session.run(None, {"input": x.numpy()})]


def _torch(
    program: nn.Module, example: Tensor, path: Path, outputs: tuple[str, ...], card: dict[str, Any]
) -> Callable[[Tensor], list[Tensor]]:
    exported = torch.export.export(program, (example,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    facts = {**card, "outputs": list(outputs)}
    with path.open("wb") as file:
        torch.export.save(exported, file, extra_files={CARD: json.dumps(facts, ensure_ascii=False, default=str)})
    with path.open("rb") as file:
        return torch.export.load(file).module()


#: Writer by kind of file. It writes the file and returns a function that runs it.
WRITERS: dict[str, Callable[..., Callable[[Tensor], Any]]] = {"onnx": _onnx, "torch": _torch}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence warnings about the exporters' internals, on which a user cannot act."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
