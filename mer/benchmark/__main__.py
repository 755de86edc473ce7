"""Command `python -m mer.benchmark`: measure speed, exactness, and how far usual mistakes move a score.

Contract: each word is one module with `add_arguments(parser)` and `run(given, parser)`; only the module that is asked
for is imported. All of it runs on drawn data or on results that are there; nothing measures a data set's people.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import Any

from mer.cli import guarded

TITLE = "Measure speed, exactness, and how far usual mistakes move a score."
#: What stands behind each word: the module in this package, and a line of help.
COMMANDS = {
    "model": ("attention_command", "parameters, multiply-adds and time of every network with every attention unit"),
    "training": ("training_loop", "the loop of a fold against a bare training loop"),
    "prepare": ("preparation", "speed from raw frames to inputs, a second time, and after a kill"),
    "flow": ("input_accuracy", "error of each flow method on known motion"),
    "head": ("input_accuracy", "strain that a moving head leaves, before and after it is taken out"),
    "apex": ("input_accuracy", "error of each apex spotter in frames"),
    "faces": ("input_accuracy", "how far crops of a turned and scaled face agree"),
    "video": ("video_speed", "speed and memory of reading a video and following a face"),
    "gallery": ("input_gallery", "a picture of every input of one drawn clip"),
    "inflation": ("inflation", "what choosing epochs on test people and averaging over folds do to a score"),
    "spotting": ("spotting", "spotting and what is read from it, on long drawn videos, beside a naive baseline"),
    "decisions": ("decision_rules", "rules of decision on drawn data sets whose class shares differ"),
    "steps": ("drawing_steps", "recipes for the motion prior on drawings that another laboratory made"),
    "prior": ("prior_compare", "how drawn motion maps differ from measured ones"),
}


@guarded
def main(arguments: list[str] | None = None) -> None:
    """Entry point of `python -m mer.benchmark`."""
    given = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="mer benchmark", description=TITLE)
    words = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    modules: dict[str, tuple[Any, argparse.ArgumentParser]] = {}
    for name, (module, line) in COMMANDS.items():
        own = words.add_parser(name, help=line, description=f"{line[0].upper()}{line[1:]}.")
        if name in given[:1]:
            modules[name] = importlib.import_module(f"mer.benchmark.{module}"), own
            modules[name][0].add_arguments(own)
    chosen = parser.parse_args(given)
    measurement, own = modules[chosen.what]
    measurement.run(chosen, own)


if __name__ == "__main__":
    sys.exit(main())
