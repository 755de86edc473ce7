"""Report on what became of every tensor of a weight file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from mer.config import ModelConfig
from mer.models.pretrained.adapt import ATTENTION, StateDraft
from mer.models.pretrained.weight_files import WeightFile

#: Misfits shown of a file of another network, which has one for nearly every tensor.
SHOWN = 8

State = dict[str, Tensor]


@dataclass(frozen=True)
class LoadReport:
    """What became of the tensors of a file and of a network.

    Attributes:
        sentences: every tensor of the file and of the network, counted once on its side.
        drawn: why a tensor of the network stays as it was drawn, by its name.
        new_units: attention units of the network that the file's weights did not learn with, by their modules' names.
        model: configuration of the file's network, where the file says it.
        card: of a checkpoint of this package, else empty.
    """

    sentences: tuple[str, ...]
    drawn: Mapping[str, str] = field(default_factory=dict)
    new_units: tuple[str, ...] = ()
    model: ModelConfig | None = None
    card: Mapping[str, Any] = field(default_factory=dict)


def refusal(source: str, misfits: list[str], fitting: int, held: int) -> str:
    """Return the message for a file of which tensors do not fit: which, and what to do."""
    lines = [f"  {i}. {misfit}" for i, misfit in enumerate(misfits[:SHOWN], 1)]
    if len(misfits) > SHOWN:
        lines.append(f"  and {len(misfits) - SHOWN} more")
    first = f"{source} is of another network ({fitting} of its {held} tensors have a name of this one):"
    remedy = "set model.backbone, model.depth and their options as the file's network had them, or init=random"
    return "\n".join([first, *lines, remedy])


def why_drawn(name: str, draft: StateDraft) -> str:
    """Why a tensor of the network stays as it was."""
    if name.startswith("data_norm."):
        return "the input is taken as it is: mean 0 and deviation 1"
    # all parts that may stay are left whole, so one reason of the part is the reason of each
    part = name.partition(ATTENTION)[0] if ATTENTION in name else name.split(".")[0]
    reasons = [reason for other, reason in draft.left.items() if other.startswith(f"{part}.")]
    return reasons[0] if reasons else "not in the file"


def sentences(
    draft: StateDraft, file: WeightFile, ours: State, *, left: dict[str, str], drawn: dict[str, str], counters: set[str]
) -> Iterator[str]:
    """Every tensor of the file and of the network, counted once on its side."""
    taken = [name for name in draft.state if name not in draft.adapted and name not in draft.derived]
    # `layer1` reads better than its fifty tensors without those of its attention units, which are counted below
    yield _counted(
        "taken as they are", taken, (name for name in ours if ATTENTION not in name and name not in counters)
    )
    for title, reasons, universe in (
        ("adapted", draft.adapted, ours),
        ("set", draft.derived, ours),
        ("left out of the file", left, file.tensors),
        ("left as drawn", drawn, ours),
    ):
        for reason in dict.fromkeys(reasons.values()):
            members = [name for name, each in reasons.items() if each == reason]
            yield f"{_counted(title, members, universe)} ({reason})"
    if counters:
        yield f"set to 0: {len(counters)} tensor(s): counters of batches that the file has not"


def _counted(title: str, names: Collection[str], universe: Iterable[str]) -> str:
    count = len(names)
    return f"{title}: {count} tensor{'' if count == 1 else 's'}: {', '.join(_short(names, universe)) or 'none'}"


def _short(names: Collection[str], universe: Iterable[str]) -> list[str]:
    """Fewest dotted beginnings that stand for these names and for no other of the universe, in order."""
    others = [name for name in universe if name not in set(names)]
    found: list[str] = []
    for name in names:
        parts = name.split(".")
        starts = [".".join(parts[: k + 1]) for k in range(len(parts))]
        # a whole name stands for itself, even where it is also the beginning of another
        start = next((s for s in starts if not any(f"{other}.".startswith(f"{s}.") for other in others)), name)
        if start not in found:
            found.append(start)
    return found
