"""Cost as ratios within one run: `python -m mer.benchmark model` measures every network with and without attention.

Contract: the variants of a network take turns step by step, so that a machine whose speed drifts slows all of them
alike; what is quoted is the median of the paired ratios to the same network without attention, with the range of their
middle half. Counts (parameters, multiply-adds, bytes held for the backward pass) need no such care.
`python -m mer.benchmark training --side 28` is `mer.train.speed`, the loop of a fold against a bare one;
`python -m mer.benchmark prepare` is `mer.inputs.measure_prepare`, from raw frames to inputs.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from mer.config import AttentionConfig, ModelConfig
from mer.errors import MerError
from mer.inputs import measure_prepare
from mer.inputs.apex import SPOTTERS
from mer.models import build, count_parameters, problems
from mer.models.attention import NONE, UNITS
from mer.models.build import describe
from mer.models.cost import held_bytes, multiply_adds
from mer.provenance import write_atomically
from mer.train import speed

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
    """The networks of these backbones at these depths (None: all), without attention."""
    return [
        ModelConfig(backbone=backbone, depth=depth, attention=ATTENTION[NONE])
        for backbone in backbones
        for depth in DEPTHS[backbone]
        if depths is None or depth in depths
    ]


def variants(model: ModelConfig, units: list[str]) -> dict[str, ModelConfig]:
    """The network without attention and with each of these units that it can carry, by label."""
    wanted = {label: replace(model, attention=ATTENTION[label]) for label in dict.fromkeys([NONE, *units])}
    return {label: variant for label, variant in wanted.items() if not problems(variant)}


def paired_seconds(steps: dict[str, Callable[[], None]], rounds: int) -> dict[str, list[float]]:
    """Seconds of every step in every round; in a round each runs once, in turn. The first rounds are not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(rounds + WARM_UP):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            if turn >= WARM_UP:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def measure(model: ModelConfig, units: list[str], *, side: int, batch: int, rounds: int) -> list[Row]:
    """One row a variant of a network: counts and times, each with its ratio to the first row's.

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
    """Median milliseconds of each step, and the quartiles of its paired ratios to the first."""
    plain = next(iter(seconds.values()))
    for mine in seconds.values():
        low, middle, high = statistics.quantiles([m / p for m, p in zip(mine, plain, strict=True)], n=4)
        yield {
            f"{key}_ms": 1000 * statistics.median(mine),
            f"{key}_ratio": middle,
            f"{key}_ratio_low": low,
            f"{key}_ratio_high": high,
        }


def table(model: ModelConfig, rows: list[Row]) -> Table:
    """The rows of one network for the console: what the network costs without attention, then ratios to that."""
    shape = f"{rows[0]['batch']}x{CHANNELS}x{rows[0]['side']}x{rows[0]['side']}"
    title = f"{describe(model)}, {shape}, fp32, {rows[0]['threads']} CPU threads, {rows[0]['rounds']} paired rounds"
    columns = ("attention", "parameters", "MACs", "held", "forward", "training", "middle half")
    made = Table(*columns, title=title, show_edge=False)
    first = rows[0]
    made.add_row(
        first["attention"],
        f"{first['parameters']:,}",
        f"{first['multiply_adds'] / 1e6:,.0f} M",
        f"{first['held_bytes'] / 2**20:,.0f} MiB",
        f"{first['forward_ms']:.0f} ms",
        f"{first['training_ms']:.0f} ms",
    )
    for row in rows[1:]:
        made.add_row(
            row["attention"],
            f"{row['parameters_ratio'] - 1:+.2%}",
            f"{row['multiply_adds_ratio']:.3f}",
            f"{row['held_bytes_ratio']:.2f}",
            f"{row['forward_ratio']:.2f}",
            f"{row['training_ratio']:.2f}",
            f"{row['training_ratio_low']:.2f}..{row['training_ratio_high']:.2f}",
        )
    return made


def write_rows(path: Path, rows: list[Row]) -> None:
    """Write the rows as CSV."""
    with write_atomically(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def main(arguments: list[str] | None = None) -> None:
    """Entry point of `python -m mer.benchmark`."""
    parser = argparse.ArgumentParser(prog="python -m mer.benchmark", description=__doc__)
    parser.add_argument(
        "what", choices=["model", "training", "prepare"], help="every network, a fold's loop, or inputs"
    )
    parser.add_argument("--backbone", nargs="+", choices=list(DEPTHS), default=list(DEPTHS), help="default all")
    parser.add_argument("--depth", nargs="+", type=int, help="default all of the backbone")
    parser.add_argument("--units", nargs="+", choices=list(ATTENTION), default=list(ATTENTION), help="default all")
    parser.add_argument("--side", type=int, default=112, help="side of the input in pixels (default 112)")
    parser.add_argument("--batch", type=int, default=32, help="samples a step (default 32)")
    parser.add_argument("--rounds", type=int, default=20, help="counted rounds, 2 or more (default 20)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default 2)")
    parser.add_argument("--out", type=Path, help="also write all numbers as CSV")
    drawn = parser.add_argument_group("prepare")
    drawn.add_argument("--clips", type=int, default=250, help="drawn clips, 10 or more (default 250)")
    drawn.add_argument("--frame", type=int, nargs=2, default=(640, 480), help="width, height (default 640 480)")
    drawn.add_argument("--face", choices=["mtcnn", "none"], help="default mtcnn where its weights are installed")
    drawn.add_argument(
        "--apex", choices=["annotated", *SPOTTERS], default="flow", help="default flow: all frames count"
    )
    given = parser.parse_args(arguments)
    chosen = networks(given.backbone, given.depth)
    if not chosen or given.rounds < 2 or given.batch < 2 or given.side < 28:
        parser.error("expected depths that a backbone has, --rounds and --batch 2 or more, --side 28 or more")
    torch.set_num_threads(given.threads)
    console = Console(highlight=False)
    if given.what == "prepare":
        if given.clips < 10 or min(given.frame) < 128:
            parser.error("expected --clips 10 or more, --frame 128 or more")
        size = (given.frame[0], given.frame[1])
        try:
            found = measure_prepare.prepare(
                clips=given.clips, frame=size, face=given.face, apex=given.apex, console=console
            )
        except MerError as error:
            parser.exit(2, f"mer: {error}\n")
        if given.out is not None:
            write_rows(given.out, found)
        return
    if given.what == "training":
        speed.training(side=given.side, batch=given.batch, rounds=given.rounds, console=console)
        return
    rows: list[Row] = []
    for model in chosen:
        found = measure(model, given.units, side=given.side, batch=given.batch, rounds=given.rounds)
        console.print(table(model, found))
        left = [unit for unit in given.units if unit not in {row["attention"] for row in found}]
        if left:
            console.print(f"not possible in this network: {', '.join(left)}")
        rows += found
        if given.out is not None:  # after each network, so that a long run that is stopped leaves what it has
            try:
                write_rows(given.out, rows)
            except OSError as error:
                parser.error(f"--out {given.out} cannot be written: {error}")
    console.print(
        "Below the first row: ratios to it. MACs: multiply-adds of one sample; held: bytes that a forward pass keeps "
        "for the backward pass; training: a step of SGD, median and middle half of the paired ratios."
    )


if __name__ == "__main__":
    main()
