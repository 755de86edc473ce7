"""Networks for use without this package: ONNX, or a program of `torch.export` (.pt2).

Contract: input `input` (N, C, S, S) with any N; outputs `logits`, then one attention map a stage, `attention_1` say.
What a user must know of it (classes, input) is in the file: ONNX metadata, or the extra file `card.json` of a .pt2. A
written file is run and compared before it takes its name; it is never left behind in disagreement.
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

#: Largest difference from the network that a written file may have: a few times float32 rounding over its layers.
TOLERANCE = 1e-5

#: Batches that a written file is tried with.
BATCHES = (1, 5)

#: What ONNX needs, all of the extra `export`.
ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")

#: Name of the card inside a .pt2 file.
CARD = "card.json"

#: Input representations of grey levels 0..255; the others have about mean 0 and deviation 1.
GREY_LEVELS = ("apex", "image")


@dataclass(frozen=True)
class Exported:
    """A written file and how well it agrees with its network, over `BATCHES`.

    Attributes:
        outputs: names of the outputs, in order.
        logits: largest difference of a logit, as a share of the largest logit where that is above 1.
        maps: largest difference of an attention map; 0 where there is none.
    """

    outputs: tuple[str, ...]
    logits: float
    maps: float


class _WithMaps(nn.Module):
    """Logits and maps as one flat tuple."""

    def __init__(self, network: RecognitionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        logits, maps = self.network.attend(x)
        return (logits, *maps)


def export(network: RecognitionNetwork, target: str | Path, *, card: dict[str, Any], kind: str) -> Exported:
    """What was written, and how well it agrees.

    Args:
        network: on the CPU; exported as in evaluation mode.
        target: the file to write.
        card: plain values, with `input` as `InputConfig` has it: `size` is the side S.
        kind: key of `WRITERS`.

    Raises:
        MerError: packages are missing, the card has no size, or the written file does not agree.
    """
    size = card.get("input", {}).get("size")
    if not isinstance(size, int):
        raise MerError(f"expected the side of the input in the card (input.size), got {size!r}")
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
        # written so that a result that is no number is no agreement
        if not bool((differences < TOLERANCE).all()):
            worst = differences.max().item()
            raise MerError(f"{target} was not written: its outputs differ by {worst:.1e}, expected below {TOLERANCE:g}")
    logits, *maps = differences.tolist()
    return Exported(outputs, logits, max(maps, default=0.0))


def _differences(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> list[float]:
    """Largest difference of each output; of the logits, as a share of the largest one where that is above 1."""
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
    assert written is not None  # it is None only where a path is given
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


#: Writer by kind of file: it writes, and gives a function that runs what was written.
WRITERS: dict[str, Callable[..., Callable[[Tensor], Any]]] = {"onnx": _onnx, "torch": _torch}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporters' remarks on their own workings, which a user can do nothing about."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
