"""Measure the cost of a fold's training loop against a bare loop over fixed batches: `mer benchmark training`.

Contract: both do the same steps on the same drawn maps with the same network; rounds of the two take turns, so that a
machine whose speed drifts slows both alike, and what is quoted is the median of the paired ratios.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import asdict, replace

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch.utils.data import DataLoader

from mer.benchmark.arguments import add_batch_arguments, check_batch_arguments
from mer.config import Config, ModelConfig
from mer.inputs.datamodule.augmentation import Augmenter
from mer.inputs.datamodule.fold_datamodule import TrainDataset, collate
from mer.inputs.datamodule.samplers import EpochSampler
from mer.inputs.representations.registry import REPRESENTATIONS
from mer.train.fold.fit import build_trainer
from mer.train.lightning.module import RecognitionModule

#: Samples of three uneven classes, about as many as a fold of a micro-expression set has.
COUNTS = (150, 80, 70)


def maps_loader(config: Config, *, side: int) -> DataLoader:
    """Return a loader of random motion maps, over-sampled, with the augmentation of the configuration."""
    targets = np.repeat(np.arange(len(COUNTS)), COUNTS)
    pixels = np.random.default_rng(0).normal(size=(len(targets), 3, side, side)).astype(np.float32)
    items = TrainDataset(pixels, targets, Augmenter(config.augment, REPRESENTATIONS["motion_map"]))
    batch = config.optim.batch_size
    sampler = EpochSampler(np.arange(len(targets)), targets, oversample=True, batch_size=batch, seed=0)
    return DataLoader(items, batch_size=batch, sampler=sampler, collate_fn=collate)


def measure(config: Config, *, side: int, rounds: int) -> dict[str, float]:
    """Return milliseconds per step: medians of `loading`, `bare` and `whole`, and median `ratio` of whole to bare.

    Args:
        config: model, recipe, augmentation; a round is as long as its recipe.
        side: of the maps in pixels.
        rounds: of each loop, in turn; one before them is not counted.
    """
    loader = maps_loader(config, side=side)
    batches = list(loader)
    recipe = {"model": asdict(config.model), "optim": asdict(config.optim)}
    module = RecognitionModule({"in_channels": 3, "classes": ["a", "b", "c"]}, recipe)
    network, optimizer = module.network, torch.optim.AdamW(module.network.parameters(), lr=config.optim.lr, fused=True)
    found: dict[str, list[float]] = {"loading": [], "bare": [], "whole": []}
    for _ in range(rounds + 1):
        start = time.perf_counter()
        for _ in loader:
            pass
        found["loading"].append((time.perf_counter() - start) / len(batches))
        trainer = build_trainer(config)
        start = time.perf_counter()
        trainer.fit(module, loader, loader)  # the second is never looked at, but asked for
        found["whole"].append((time.perf_counter() - start) / trainer.global_step)
        start = time.perf_counter()
        for step in range(trainer.global_step):
            batch = batches[step % len(batches)]
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(batch["image"]), batch["target"]).backward()
            optimizer.step()
        found["bare"].append((time.perf_counter() - start) / trainer.global_step)
    ratios = [whole / bare for whole, bare in zip(found["whole"][1:], found["bare"][1:], strict=True)]
    return {
        **{name: 1000 * statistics.median(seconds[1:]) for name, seconds in found.items()},
        "ratio": statistics.median(ratios),
    }


add_arguments = add_batch_arguments


def run(given: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Print the cost of the loop for networks of several sizes, with the default augmentation, on the CPU."""
    check_batch_arguments(given, parser)
    torch.set_num_threads(given.threads)
    table = Table(
        *("network", "bare, steps/s", "whole, steps/s", "whole / bare", "loading, ms a step"),
        title=f"Training loop, {given.batch}x3x{given.side}x{given.side}, fp32, CPU threads: {given.threads}, "
        f"paired rounds: {given.rounds}",
    )
    config = Config()
    config.trainer = replace(config.trainer, accelerator="cpu")
    config.optim = replace(config.optim, batch_size=given.batch, epochs=2)
    small = ModelConfig(stem="small")
    widths = {f"small stem, width {width}": replace(small, width=width) for width in (32, 16, 8)}
    for name, config.model in {"default": ModelConfig(), **widths}.items():
        found = measure(config, side=given.side, rounds=given.rounds)
        speeds = (f"{1000 / found[key]:.1f}" for key in ("bare", "whole"))
        table.add_row(name, *speeds, f"{found['ratio']:.2f}", f"{found['loading']:.1f}")
    Console(highlight=False).print(table)
