"""Cost as ratios within one run: `python -m mer.benchmark model` measures every network with and without attention.

Contract: the variants of a network take turns step by step, so that a machine whose speed drifts slows all of them
alike; what is quoted is the median of the paired ratios to the same network without attention, with the range of their
middle half. Counts (parameters, multiply-adds, bytes held for the backward pass) need no such care.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from mer.config import AttentionConfig, ModelConfig
from mer.models import build, config_errors, count_parameters
from mer.models.attention import NONE, UNITS
from mer.models.complexity import held_bytes, multiply_adds

#: Depths by backbone.
DEPTHS: dict[str, tuple[int | None, ...]] = {"preact": (10, 18, 34, 50), "resnet": (18, 34, 50), "lite0": (None,)}

#: Attention in every block of every stage, by a label; the first is what the others are divided by.
ATTENTION = {
    NONE: AttentionConfig(unit=NONE),
    "micro": AttentionConfig(),
    "micro-released": AttentionConfig(form="released"),
    **{unit: AttentionConfig(unit=unit) for unit in UNITS if unit != "micro"},
}

#: Channels of the input and classes, as in the field (u, v, strain; five emotions).
CHANNELS, CLASSES = 3, 5

#: Rounds before the counted ones.
WARM_UP = 2

Row = dict[str, Any]


def networks(backbones: list[str], depths: list[int] | None) -> list[ModelConfig]:
    """Return the networks of these backbones and depths (None: all), without attention."""
    return [
        ModelConfig(backbone=backbone, depth=depth, attention=ATTENTION[NONE])
        for backbone in backbones
        for depth in DEPTHS[backbone]
        if depths is None or depth in depths
    ]


def variants(model: ModelConfig, units: list[str]) -> dict[str, ModelConfig]:
    """Return the network without attention and with each of these units that fits it, by label."""
    wanted = {label: replace(model, attention=ATTENTION[label]) for label in dict.fromkeys([NONE, *units])}
    return {label: variant for label, variant in wanted.items() if not config_errors(variant)}


def paired_seconds(steps: dict[str, Callable[[], None]], rounds: int) -> dict[str, list[float]]:
    """Return the seconds of every step in every round; a round runs each step once. The first rounds are left out."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(rounds + WARM_UP):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            if turn >= WARM_UP:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def measure(model: ModelConfig, units: list[str], *, side: int, batch: int, rounds: int) -> list[Row]:
    """Return one row per variant of a network: counts and times, each with its ratio to the first row.

    Args:
        model: the network without attention.
        units: labels of `ATTENTION`.
        side: of the square input in pixels.
        batch: samples a step.
        rounds: counted rounds, 2 or more.
    """
    torch.manual_seed(0)
    x, y = torch.randn(batch, CHANNELS, side, side), torch.randint(0, CLASSES, (batch,))
    rows: list[Row] = []
    forwards: dict[str, Callable[[], None]] = {}
    trainings: dict[str, Callable[[], None]] = {}
    for label, variant in variants(model, units).items():
        network = build(variant, in_channels=CHANNELS, classes=CLASSES).train()
        rows.append(
            {
                "backbone": model.backbone,
                "depth": "" if model.depth is None else model.depth,
                "attention": label,
                "parameters": count_parameters(network),
                "multiply_adds": multiply_adds(network, x[:1]),
                "held_bytes": held_bytes(network, x, y),
            }
        )
        forwards[label] = _forward(network, x)
        trainings[label] = _training(network, x, y)
    for key in ("parameters", "multiply_adds", "held_bytes"):
        first = rows[0][key]
        for row in rows:
            row[f"{key}_ratio"] = row[key] / first
    for key, steps in (("forward", forwards), ("training", trainings)):
        for row, times in zip(rows, _times(paired_seconds(steps, rounds), key), strict=True):
            row |= times
    settings = {"side": side, "batch": batch, "rounds": rounds, "threads": torch.get_num_threads()}
    return [row | settings | {"torch": torch.__version__} for row in rows]


def _forward(network: nn.Module, x: torch.Tensor) -> Callable[[], None]:
    def step() -> None:
        network.eval()
        with torch.no_grad():
            network(x)

    return step


def _training(network: nn.Module, x: torch.Tensor, y: torch.Tensor) -> Callable[[], None]:
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3, momentum=0.9)

    def step() -> None:
        network.train()
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(x), y).backward()
        optimizer.step()

    return step


def _times(seconds: dict[str, list[float]], key: str) -> Iterator[Row]:
    """Return the median milliseconds of each step, and the quartiles of its paired ratios to the first."""
    plain = next(iter(seconds.values()))
    for mine in seconds.values():
        low, middle, high = statistics.quantiles([m / p for m, p in zip(mine, plain, strict=True)], n=4)
        yield {
            f"{key}_ms": 1000 * statistics.median(mine),
            f"{key}_ratio": middle,
            f"{key}_ratio_low": low,
            f"{key}_ratio_high": high,
        }
