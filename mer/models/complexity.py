"""What a network costs besides time: multiply-adds of a forward pass, and memory that training holds for the backward.

Contract: counted, not timed, so equal on every machine that runs the same kernels; nothing of the network changes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mer.models.network import RecognitionNetwork


def multiply_adds(network: RecognitionNetwork, x: Tensor) -> int:
    """Multiply-adds of one sample's forward pass: convolutions, the classifier and, as they count them, the units.

    Normalisation, activations, pooling and sums are left out, as is usual.

    Args:
        network: in any mode; its statistics do not move.
        x: (N, in_channels, H, W), of which only the shape matters.
    """
    counts: list[int] = []

    def layer(module: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        # each number of the output is one product for every weight of its channel
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
    """Bytes that a forward pass keeps until the backward pass: every tensor saved for it, each storage once.

    This is what decides whether a batch fits, since the peak of training is near the end of the forward pass. Weights,
    their gradients and the optimiser's state come on top and are left out; so is the working memory of single kernels.

    Args:
        network: in training mode; its statistics move by one batch.
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
        # the loss stays referenced to the end, or storages would be freed and their addresses used again
        loss = nn.functional.cross_entropy(network(x), y)
    total = sum(held.values())
    del loss
    return total
