"""Two processes with half the batch each, against one with the whole."""

from __future__ import annotations

import multiprocessing
import os
import socket
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn

from mer.train.lightning.sync_batchnorm import SyncedBatchNorm2d, convert_sync_batchnorm


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 3, 3), nn.BatchNorm2d(3)
    ).double()


def batch() -> torch.Tensor:
    return torch.randn(8, 2, 9, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def step(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Output of a training pass; the loss is one that statistics of half a batch would change."""
    y = model(x)
    (y.sin() * y).mean().backward()
    return y.detach()


def work(rank: int, port: int, folder: str) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    dist.init_process_group("gloo", rank=rank, world_size=2)
    model = network()
    convert_sync_batchnorm(model)
    y = step(model, batch()[rank::2])
    for parameter in model.parameters():
        dist.all_reduce(parameter.grad)
        parameter.grad /= 2
    grads = [parameter.grad for parameter in model.parameters()]
    torch.save({"y": y, "grads": grads, "state": model.state_dict()}, Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()


def test_outputs_gradients_and_running_statistics_are_those_of_the_whole_batch(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    ranks = [context.Process(target=work, args=(rank, port, str(tmp_path))) for rank in range(2)]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(120)
        assert process.exitcode == 0
    whole = network()
    y = step(whole, batch())
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        torch.testing.assert_close(found["y"], y[rank::2])
        for mine, reference in zip(found["grads"], (p.grad for p in whole.parameters()), strict=True):
            torch.testing.assert_close(mine, reference)
        for name, value in whole.state_dict().items():
            torch.testing.assert_close(found["state"][name], value)


def test_in_one_process_it_is_the_ordinary_layer():
    plain, synced = network(), network()
    convert_sync_batchnorm(synced)
    assert sum(isinstance(layer, SyncedBatchNorm2d) for layer in synced.modules()) == 2
    torch.testing.assert_close(step(synced, batch()), step(plain, batch()), rtol=0, atol=0)
    plain.eval()
    synced.eval()
    torch.testing.assert_close(synced(batch()), plain(batch()), rtol=0, atol=0)
