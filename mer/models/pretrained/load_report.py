"""Describe the use of each tensor of a weight file: `LoadReport` and its sentences."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from mer.config import ModelConfig
from mer.models.pretrained.adapt import ATTENTION, StateDraft
from mer.models.pretrained.weight_files import WeightFile

#: Largest number of misfits shown; a file of another network has one for nearly every tensor.
SHOWN = 8

State = dict[str, Tensor]


@dataclass(frozen=True)
class LoadReport:
    """Report the source of each tensor of a network and the use of each tensor of a file.

    Attributes:
        sentences: sentences that count each tensor of the file once and each tensor of the network once.
        drawn: reasons, by name, for tensors of the network that keep their random values.
        new_units: module names of the attention units that the file's weights were not trained with.
        model: configuration of the file's network; None if the file does not record it.
        card: card of a checkpoint of this package, else empty.
    """

    sentences: tuple[str, ...]
    drawn: Mapping[str, str] = field(default_factory=dict)
    new_units: tuple[str, ...] = ()
    model: ModelConfig | None = None
    card: Mapping[str, Any] = field(default_factory=dict)


def refusal(source: str, misfits: list[str], fitting: int, total: int) -> str:
    """Return the error message for a file with misfits, with a remedy.

    Args:
        source: path of the file.
        misfits: sentences on tensors that do not fit.
        fitting: number of the file's tensors with a name of the network.
        total: number of all tensors of the file.
    """
    lines = [f"  {i}. {misfit}" for i, misfit in enumerate(misfits[:SHOWN], 1)]
    if len(misfits) > SHOWN:
        lines.append(f"  and {len(misfits) - SHOWN} more")
    first = f"{source} is of another network ({fitting} of its {total} tensors have a name of this one):"
    remedy = "set model.backbone, model.depth and their options as the file's network had them, or init=random"
    return "\n".join([first, *lines, remedy])


def why_drawn(name: str, draft: StateDraft) -> str:
    """Return the reason why a tensor of the network keeps its random values."""
    if name.startswith("data_norm."):
        return "the input is taken as it is: mean 0 and deviation 1"
    # such parts are left out as a whole, so each tensor has the reason of any other
    part = name.partition(ATTENTION)[0] if ATTENTION in name else name.split(".")[0]
    reasons = [reason for other, reason in draft.left.items() if other.startswith(f"{part}.")]
    return reasons[0] if reasons else "not in the file"


def sentences(
    draft: StateDraft, file: WeightFile, ours: State, *, left: dict[str, str], drawn: dict[str, str], counters: set[str]
) -> Iterator[str]:
    """Yield sentences that count each tensor of the file once and each tensor of the network once."""
    taken = [name for name in draft.state if name not in draft.adapted and name not in draft.derived]
    # leave out the units, which are counted below, so that the rest of a stage is shown as `layer1` and not one by one
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
    """Return the shortest dotted prefixes, in order, that match these names and no other name of `universe`."""
    others = [name for name in universe if name not in set(names)]
    found: list[str] = []
    for name in names:
        parts = name.split(".")
        starts = [".".join(parts[: k + 1]) for k in range(len(parts))]
        # a whole name stands for itself, even if another name begins with it
        start = next((s for s in starts if not any(f"{other}.".startswith(f"{s}.") for other in others)), name)
        if start not in found:
            found.append(start)
    return found
