"""Count the multiply-adds of a forward pass and the memory that training keeps for the backward pass.

Contract: both are counted, not timed, so they are equal on all machines with the same kernels. The weights of the
network do not change.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mer.models.network import RecognitionNetwork


def multiply_adds(network: RecognitionNetwork, x: Tensor) -> int:
    """Return the multiply-adds of one sample's forward pass.

    Convolutions and the classifier are counted, and each attention unit by its own `multiply_adds`. Normalisation,
    activations, pooling and sums are left out, as is usual.

    Args:
        network: in any mode; its running statistics do not change.
        x: (N, in_channels, H, W); only the shape matters.
    """
    counts: list[int] = []

    def layer(module: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        # each output number takes one product per weight of its channel
        counts.append(output[0].numel() * module.weight[0].numel())

    def unit(module: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, Tensor | None]) -> None:
        counts.append(module.multiply_adds(*inputs[0].shape[2:]))

    handles = []
    for name, module in network.named_modules():
        if name.endswith(".attention"):
            handles.append(module.register_forward_hook(unit))
        elif ".attention." not in name and isinstance(module, nn.Conv2d | nn.Linear):
            handles.append(module.register_forward_hook(layer))
    training = network.training
    try:
        with torch.no_grad():
            network.eval()(x)
    finally:
        network.train(training)
        for handle in handles:
            handle.remove()
    return sum(counts)


def held_bytes(network: RecognitionNetwork, x: Tensor, y: Tensor) -> int:
    """Return the bytes of all tensors that a forward pass saves for the backward pass, each storage counted once.

    This number decides whether a batch fits into memory, since memory use peaks near the end of the forward pass.
    Weights, gradients, the optimiser's state and the working memory of single kernels are left out.

    Args:
        network: in training mode; one batch updates its running statistics.
        x: (N, in_channels, H, W).
        y: (N,) class indices.
    """
    own = {each.untyped_storage().data_ptr() for each in (*network.parameters(), *network.buffers())}
    held: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            held[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        # keep a reference to the loss until the end: freed storages would give their addresses to new ones
        loss = nn.functional.cross_entropy(network(x), y)
    total = sum(held.values())
    del loss
    return total
