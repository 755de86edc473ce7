"""Adapt the tensors of a file to a network with `fit_input`, `fit_attention` and `fit_classifier`.

Contract: each function changes a `StateDraft` with the network's names. First layer, attention units and classifier are
loaded as they are, adapted or left out as a whole, and the draft records the reason. The stages between are never
adapted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mer.models.grey_input import BN_EPS, to_grey_input
from mer.models.network import RecognitionNetwork

#: Modules before the first convolution: `data_bn` is learned (pre-activation family), `data_norm` is fixed (others).
DATA = ("data_bn", "data_norm")

#: Part of the name of each tensor of an attention unit.
ATTENTION = ".attention."


@dataclass
class StateDraft:
    """Collect the tensors to load, by the network's names, and the reasons for each change.

    Attributes:
        state: the tensors to load.
        adapted: reasons by name for tensors of `state` that differ from the file's.
        derived: reasons by name for tensors of `state` that are not in the file.
        left: reasons by name for tensors of the file that are not in `state`.
    """

    state: dict[str, Tensor]
    adapted: dict[str, str] = field(default_factory=dict)
    derived: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)

    def leave(self, wanted: Callable[[str], bool], reason: str) -> None:
        """Remove the tensors for whose names `wanted` is true, and record the reason."""
        for name in [name for name in self.state if wanted(name)]:
            del self.state[name]
            if self.derived.pop(name, None) is None:
                self.left[name] = reason
            self.adapted.pop(name, None)


def is_input(name: str) -> bool:
    """Return whether a tensor belongs to the first convolution or to the normalisation of the input."""
    return name.split(".")[0] in ("conv1", *DATA)


def red_first(draft: StateDraft) -> None:
    """Reverse the input channels of the first layer, from images with blue first to images with red first."""
    for name, tensor in draft.state.items():
        axis = 1 if name == "conv1.weight" else 0 if name.startswith("data_bn.") and tensor.ndim else None
        if axis is not None:
            draft.state[name] = tensor.flip(axis)
            draft.adapted[name] = "channels from blue, green, red to red, green, blue, the order of pictures here"


def fit_input(draft: StateDraft, network: RecognitionNetwork, *, is_intensity: bool) -> None:
    """Keep the first convolution and input normalisation, convert them from colour to grey, or leave them out.

    Weights of a file without its own normalisation were trained on colour images normalised before the network. With
    `is_intensity` (inputs are grey levels 0..255) the fixed normalisation of the network replaces that step.
    """
    ours, state = network.state_dict(), draft.state
    if "conv1.weight" not in ours:  # templates have no first layer besides the classifier
        return
    kernel = state.get("conv1.weight")
    if kernel is None or kernel.ndim != 4 or kernel.shape[2:] != ours["conv1.weight"].shape[2:]:
        found = "none" if kernel is None else tuple(kernel.shape)
        reason = f"first convolution: {tuple(ours['conv1.weight'].shape)} here, {found} in the file"
        draft.leave(lambda name: name.startswith("conv1."), reason)
        if any(name in state and state[name].shape != ours.get(name, state[name]).shape for name in _data(state)):
            draft.leave(lambda name: name.split(".")[0] in DATA, reason)
        return
    theirs, mine = kernel.shape[1], network.in_channels
    fixed = getattr(network, "PIXELS", None)
    if fixed is not None and "data_norm.mean" not in state and len(fixed[0]) == theirs and is_intensity:
        reason = "grey levels 0..255 are normalised as in the training of these weights"
        for name, values in zip(("data_norm.mean", "data_norm.std"), fixed, strict=True):
            state[name] = torch.tensor(values)
            draft.derived[name] = reason
    if theirs == mine:
        return
    complete = fixed is not None or all(name in state for name in ours if is_input(name) and ours[name].ndim)
    if mine == 1 and complete:
        _to_grey(draft, fixed=fixed is not None)
    else:
        draft.leave(is_input, f"first layer for {theirs} channels in the file, {mine} here")


def _data(state: dict[str, Tensor]) -> list[str]:
    return [name for name in state if name.split(".")[0] in DATA]


def _to_grey(draft: StateDraft, *, fixed: bool) -> None:
    """Convert the first layer of the draft to one grey channel (`to_grey_input`)."""
    state = draft.state
    if not fixed:
        learned = {name: state[name] for name in state if is_input(name) and state[name].is_floating_point()}
        new, note = to_grey_input(learned)
        state |= new
        draft.adapted |= dict.fromkeys(new, note)
        return
    channels = state["conv1.weight"].shape[1]
    mean = state.get("data_norm.mean", torch.zeros(channels)).double()
    std = state.get("data_norm.std", torch.ones(channels)).double()
    # a fixed normalisation is a batch normalisation without scale and shift; conv1 has no bias for the constant left
    new, note = to_grey_input(
        {
            "data_bn.running_mean": mean,
            "data_bn.running_var": std.square() - BN_EPS,
            "data_bn.weight": torch.ones(channels),
            "data_bn.bias": torch.zeros(channels),
            "conv1.weight": state["conv1.weight"],
            "conv1.bias": torch.zeros(state["conv1.weight"].shape[0]),
        }
    )
    scale = new["data_bn.weight"].double() / torch.sqrt(new["data_bn.running_var"].double() + BN_EPS)
    shift = new["data_bn.bias"].double() - scale * new["data_bn.running_mean"].double()
    changed = {"conv1.weight": new["conv1.weight"]}
    if "data_norm.mean" in state:
        changed |= {"data_norm.mean": (-shift / scale).float(), "data_norm.std": (1 / scale).float()}
    if new["conv1.bias"].any():
        # a batch normalisation follows conv1, so its mean absorbs the constant
        changed["bn1.running_mean"] = state["bn1.running_mean"] - new["conv1.bias"]
    state |= changed
    for name in changed:
        place = draft.derived if name in draft.derived else draft.adapted
        place[name] = note if place is draft.adapted else f"{draft.derived[name]}, for one grey channel"


def fit_attention(draft: StateDraft, network: RecognitionNetwork) -> None:
    """Keep the attention units, convert the form of micro-attention, or leave out units of another kind."""
    ours, theirs = _units(network.state_dict()), _units(draft.state)
    for unit, tensors in theirs.items():
        prefix = unit + ATTENTION
        if unit not in ours:
            draft.leave(lambda name, prefix=prefix: name.startswith(prefix), "no attention unit there in this network")  # type: ignore[misc]
            continue
        wanted = {leaf: tensor.shape for leaf, tensor in ours[unit].items()}
        found = _converted(tensors, wanted)
        if found is not None:
            draft.state = {name: tensor for name, tensor in draft.state.items() if not name.startswith(prefix)}
            draft.state |= {prefix + leaf: tensor for leaf, tensor in found[0].items()}
            draft.adapted |= {prefix + leaf: found[1] for leaf in found[0]}
        elif {leaf: tensor.shape for leaf, tensor in tensors.items()} != wanted:
            draft.leave(lambda name, prefix=prefix: name.startswith(prefix), "another attention unit in the file")  # type: ignore[misc]


def _units(state: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Return the tensors of all attention units, by the name of the block and then by the name inside the unit."""
    units: dict[str, dict[str, Tensor]] = {}
    for name, tensor in state.items():
        block, marker, leaf = name.partition(ATTENTION)
        if marker:
            units.setdefault(block, {})[leaf] = tensor
    return units


def _converted(tensors: dict[str, Tensor], wanted: dict[str, torch.Size]) -> tuple[dict[str, Tensor], str] | None:
    """Return micro-attention's tensor in its other form and a note; None if the difference is not the form."""
    released, folded = "project.conv.weight", "project.weight"
    if (
        set(tensors) == {released}
        and set(wanted) == {folded}
        and tensors[released][0].numel() == wanted[folded].numel()
    ):
        mean = tensors[released].double().mean(dim=0).float()
        return {folded: mean.reshape(wanted[folded])}, "released form folded: equal maps"
    if set(tensors) == {folded} and set(wanted) == {released} and tensors[folded].numel() == wanted[released][1]:
        rows = tensors[folded].reshape(1, -1, 1, 1).expand(wanted[released])
        return {released: rows.clone()}, "folded form written as equal rows: equal maps"
    return None


def fit_classifier(
    draft: StateDraft,
    network: RecognitionNetwork,
    *,
    theirs: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
) -> None:
    """Keep the classifier, reorder its rows, or leave it out if its shape or its classes differ.

    Args:
        draft: the tensors to load; changed in place.
        network: the network to load them into.
        theirs: class names of the file; None if the file does not record them.
        classes: class names of the network; None if they do not matter.
    """
    ours = tuple(network.fc.weight.shape)
    weight, bias = draft.state.get("fc.weight"), draft.state.get("fc.bias")
    if weight is None or bias is None or tuple(weight.shape) != ours or bias.shape != network.fc.bias.shape:
        found = "none" if weight is None else tuple(weight.shape)
        draft.leave(lambda name: name.startswith("fc."), f"classifier: {ours} here, {found} in the file")
    elif classes is not None and theirs is not None and tuple(theirs) != tuple(classes):
        if sorted(theirs) != sorted(classes):
            named = f"{', '.join(theirs)} in the file, {', '.join(classes)} here"
            draft.leave(lambda name: name.startswith("fc."), f"classifier of other classes: {named}")
            return
        rows = [list(theirs).index(name) for name in classes]
        draft.state |= {"fc.weight": weight[rows], "fc.bias": bias[rows]}
        draft.adapted |= dict.fromkeys(("fc.weight", "fc.bias"), f"rows in the order of {', '.join(classes)}")
