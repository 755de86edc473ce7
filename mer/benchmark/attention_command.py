"""Measure the cost of every network with every attention unit, as tables and CSV: `mer benchmark model`."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from mer.benchmark.arguments import add_batch_arguments, check_batch_arguments
from mer.benchmark.attention_cost import ATTENTION, CHANNELS, DEPTHS, Row, measure, networks
from mer.config import ModelConfig
from mer.models.build import describe
from mer.utils.atomic_files import write_atomically


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add networks, units, size of the batches, and the file of the results."""
    parser.add_argument("--backbone", nargs="+", choices=list(DEPTHS), default=list(DEPTHS), help="default all")
    parser.add_argument("--depth", nargs="+", type=int, help="default all of the backbone")
    parser.add_argument("--units", nargs="+", choices=list(ATTENTION), default=list(ATTENTION), help="default all")
    parser.add_argument("--out", type=Path, help="also write all numbers as CSV")
    add_batch_arguments(parser)


def run(given: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Print one table per network."""
    check_batch_arguments(given, parser)
    chosen = networks(given.backbone, given.depth)
    if not chosen:
        parser.error("--depth: expected depths that a backbone has")
    torch.set_num_threads(given.threads)
    console = Console(highlight=False)
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


def table(model: ModelConfig, rows: list[Row]) -> Table:
    """Return the table of one network: its cost without attention, then the ratios with each unit."""
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
