"""Synchronise batch normalisation over all processes of a training with `convert_sync_batchnorm`, on any device.

Why: if each process used its own statistics, training on two devices would give another network. torch's
`SyncBatchNorm` works on GPUs only; this one also works on CPUs, where the two-process test runs. All processes must
hold equally many samples, which our samplers ensure; then the means below are those of the whole batch.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce


class SyncedBatchNorm2d(nn.BatchNorm2d):
    """`nn.BatchNorm2d` with training statistics over the batch of all processes; same parameters and buffers.

    A cumulative average (momentum None) is not supported.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return x (N, C, H, W) normalised; in evaluation or in one process the same as `nn.BatchNorm2d`."""
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
    """Make every `nn.BatchNorm2d` in `module` synchronised, in place; weights and names stay.

    Only the class of each layer changes, so checkpoints of both load into each other.
    """
    for layer in module.modules():
        if type(layer) is nn.BatchNorm2d:
            layer.__class__ = SyncedBatchNorm2d
