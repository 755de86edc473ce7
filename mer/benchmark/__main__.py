"""Command `python -m mer.benchmark`: measure speed, as ratios in one run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from rich.console import Console

from mer.benchmark import preparation, training_loop
from mer.benchmark.attention_cost import ATTENTION, DEPTHS, Row, measure, networks, table, write_rows
from mer.cli import guarded
from mer.inputs.apex.spotters import SPOTTERS


@guarded
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
        found = preparation.prepare(clips=given.clips, frame=size, face=given.face, apex=given.apex, console=console)
        if given.out is not None:
            write_rows(given.out, found)
        return
    if given.what == "training":
        training_loop.training(side=given.side, batch=given.batch, rounds=given.rounds, console=console)
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
    sys.exit(main())
