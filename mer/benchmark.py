"""Speed as ratios within one run: `python -m mer.benchmark model` times each form of attention against none.

Contract: the networks take turns step by step, so that a machine whose speed drifts slows all of them alike; what is
quoted is the median of the paired ratios, with the range of their middle half.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table

from mer.config import AttentionConfig, ModelConfig
from mer.models import build, count_parameters

#: Compared networks; the first is what the others are divided by.
FORMS = {
    "none": AttentionConfig(stages=[]),
    "folded": AttentionConfig(form="folded"),
    "released": AttentionConfig(form="released"),
}


def training_step(attention: AttentionConfig, *, depth: int, side: int, batch: int) -> tuple[Callable[[], None], int]:
    """A function that trains one step of SGD on random input (batch, 3, side, side), and the number of parameters."""
    torch.manual_seed(0)
    network = build(ModelConfig(depth=depth, attention=attention), in_channels=3, classes=5).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3, momentum=0.9)
    x, y = torch.randn(batch, 3, side, side), torch.randint(0, 5, (batch,))

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(x), y).backward()
        optimizer.step()

    return step, count_parameters(network)


def paired_seconds(steps: dict[str, Callable[[], None]], rounds: int) -> dict[str, list[float]]:
    """Seconds of every step in every round; in a round each runs once, in turn. Two rounds before are not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(rounds + 2):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            if turn >= 2:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def model(*, depth: int, side: int, batch: int, rounds: int, threads: int, console: Console) -> None:
    """Print parameters and training-step time of every form of attention, and the ratio to the network without."""
    torch.set_num_threads(threads)
    built = {name: training_step(form, depth=depth, side=side, batch=batch) for name, form in FORMS.items()}
    seconds = paired_seconds({name: step for name, (step, _) in built.items()}, rounds)
    plain = seconds[next(iter(FORMS))]
    title = f"ResNet-{depth}, {batch}x3x{side}x{side}, fp32, {threads} CPU threads, {rounds} paired training steps"
    table = Table("attention", "parameters", "ms a step", "ratio to none", "middle half", title=title)
    for name, (_, parameters) in built.items():
        ratios = [mine / other for mine, other in zip(seconds[name], plain, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        milliseconds = 1000 * statistics.median(seconds[name])
        table.add_row(name, f"{parameters:,}", f"{milliseconds:.0f}", f"{middle:.3f}", f"{low:.3f}..{high:.3f}")
    console.print(table)


def main(arguments: list[str] | None = None) -> None:
    """Entry point of `python -m mer.benchmark`."""
    parser = argparse.ArgumentParser(prog="python -m mer.benchmark", description=__doc__)
    parser.add_argument("what", choices=["model"], help="what to time")
    parser.add_argument("--depth", type=int, default=10, help="depth of the network (default 10)")
    parser.add_argument("--side", type=int, default=112, help="side of the input in pixels (default 112)")
    parser.add_argument("--batch", type=int, default=32, help="samples a step (default 32)")
    parser.add_argument("--rounds", type=int, default=20, help="counted steps of each network (default 20)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default 2)")
    given = parser.parse_args(arguments)
    options = {key: getattr(given, key) for key in ("depth", "side", "batch", "rounds", "threads")}
    model(**options, console=Console())


if __name__ == "__main__":
    main()
