"""Run the three networks of MTCNN in torch, with the weights of the `mtcnn` package.

Contract: arrays in, arrays out; nothing is trained. A separate module, since importing torch takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np
import torch
from torch import Tensor, nn


def load(folder: Path) -> dict[str, Callable[[np.ndarray], list[np.ndarray]]]:
    """Load the networks `pnet`, `rnet`, `onet`; each maps pictures (N, 3, H, W) to probabilities, boxes, landmarks.

    Args:
        folder: folder of the package's weight files.
    """
    pools: dict[str, list[tuple[int, bool] | None]] = {
        "pnet": [(2, True)],
        "rnet": [(3, True), (3, False)],
        "onet": [(3, True), (3, False), (2, True)],
    }
    ends = {"pnet": [1, 0], "rnet": [1, 0], "onet": [2, 0, 1]}
    networks = {name: _Network(joblib.load(folder / f"{name}.lz4"), pools[name], ends[name]) for name in pools}
    return {name: network.eval().requires_grad_(False).answers for name, network in networks.items()}


class _Network(nn.Module):
    """Apply convolutions with PReLU and pooling, then fully connected layers with several outputs.

    Args:
        weights: arrays in the order of the package: kernel (h, w, in, out), bias and slopes of each hidden layer, then
            kernel and bias of each output.
        pools: for each layer, kernel side and whether windows may reach beyond the end; None: no pooling.
        ends: indices of the stored outputs that are probabilities, box, landmarks.
    """

    def __init__(self, weights: list[np.ndarray], pools: list[tuple[int, bool] | None], ends: list[int]) -> None:
        super().__init__()
        arrays = [torch.from_numpy(np.array(part)) for part in weights]
        hidden = len(arrays) - 2 * len(ends)
        self.layers = nn.ModuleList(_layer(*arrays[k : k + 2]) for k in range(0, hidden, 3))
        self.slopes = nn.ModuleList(_slopes(arrays[k + 2]) for k in range(0, hidden, 3))
        stored = [_layer(*arrays[k : k + 2]) for k in range(hidden, len(arrays), 2)]
        self.ends = nn.ModuleList(stored[k] for k in ends)
        self.pools = [*pools, *[None] * (len(self.layers) - len(pools))]

    @torch.inference_mode()
    def answers(self, pictures: np.ndarray) -> list[np.ndarray]:
        """Return the outputs of `forward` as arrays, from arrays."""
        return [part.numpy() for part in self(torch.from_numpy(pictures))]

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return probabilities (no face, face), boxes and, from `onet`, landmarks of pictures (N, 3, H, W)."""
        for layer, slopes, pool in zip(self.layers, self.slopes, self.pools, strict=True):
            if isinstance(layer, nn.Linear) and x.ndim == 4:
                x = x.permute(0, 3, 2, 1).flatten(1)  # columns, rows, channels: the order of the stored weights
            x = slopes(layer(x))
            if pool is not None:
                side, beyond = pool
                x = nn.functional.max_pool2d(x, side, 2, ceil_mode=beyond)
        found = [end(x) for end in self.ends]
        return [found[0].softmax(dim=1), *found[1:]]


def _layer(kernel: Tensor, bias: Tensor) -> nn.Module:
    layer: nn.Conv2d | nn.Linear
    if kernel.ndim == 4:
        layer = nn.Conv2d(kernel.shape[2], kernel.shape[3], tuple(kernel.shape[:2]))  # type: ignore[arg-type]
        weight = kernel.permute(3, 2, 0, 1)
    else:
        layer, weight = nn.Linear(*kernel.shape), kernel.T
    layer.weight, layer.bias = nn.Parameter(weight.contiguous()), nn.Parameter(bias)
    return layer


def _slopes(values: Tensor) -> nn.PReLU:
    slopes = nn.PReLU(values.numel())
    slopes.weight = nn.Parameter(values.flatten())
    return slopes
