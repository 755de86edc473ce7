"""Batch normalisation over all processes of one training, on any device.

Why: with statistics of each process's own share a network trained on two devices is another network. torch's
`SyncBatchNorm` does this on GPUs only; this one also works on CPUs, where the two-process test runs. Every process must
hold equally many samples, which our samplers see to; then the sums below are those of the whole batch.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce


class SyncedBatchNorm2d(nn.BatchNorm2d):
    """`nn.BatchNorm2d` whose training statistics are those of the batch of all processes; same parameters and buffers.

    For layers with a momentum, as all of ours have; a cumulative average (momentum None) is not supported.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalised (N, C, H, W); in evaluation, or in a single process, what `nn.BatchNorm2d` gives."""
        if not (self.training and dist.is_initialized() and dist.get_world_size() > 1):
            return super().forward(x)
        world = dist.get_world_size()
        mean = all_reduce(x.mean(dim=(0, 2, 3))) / world
        centred = x - mean.view(1, -1, 1, 1)
        variance = all_reduce(centred.square().mean(dim=(0, 2, 3))) / world
        with torch.no_grad():
            count = x.numel() // x.shape[1] * world
            self.get_buffer("num_batches_tracked").add_(1)
            self.get_buffer("running_mean").lerp_(mean, self.momentum)  # type: ignore[arg-type]
            # the running variance is the unbiased estimate, as everywhere in torch
            self.get_buffer("running_var").lerp_(variance * count / max(1, count - 1), self.momentum)  # type: ignore[arg-type]
        scale = (self.weight / (variance + self.eps).sqrt()).view(1, -1, 1, 1)
        return centred * scale + self.bias.view(1, -1, 1, 1)


def convert_sync_batchnorm(module: nn.Module) -> None:
    """Turn every `nn.BatchNorm2d` inside `module` into a synchronised one, in place; weights and names stay.

    The class of each layer is exchanged: it has the same state, so that a checkpoint of either loads into the other.
    """
    for layer in module.modules():
        if type(layer) is nn.BatchNorm2d:
            layer.__class__ = SyncedBatchNorm2d
