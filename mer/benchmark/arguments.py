"""Arguments that several measurements share."""

from __future__ import annotations

import argparse


def add_batch_arguments(parser: argparse.ArgumentParser) -> None:
    """Add side, batch, rounds and threads of a timed training."""
    parser.add_argument("--side", type=int, default=112, help="side of the input in pixels (default %(default)s)")
    parser.add_argument("--batch", type=int, default=32, help="samples a step (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=20, help="counted rounds, 2 or more (default %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default %(default)s)")


def check_batch_arguments(given: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """End the command with status 2 where these arguments cannot be used."""
    if given.rounds < 2 or given.batch < 2 or given.side < 28 or given.threads < 1:
        parser.error("expected --rounds and --batch 2 or more, --side 28 or more, --threads 1 or more")
