"""Everything between the files and the network's inputs, made once and kept: faces, apexes, inputs of all sources.

    python -m mer.prepare +experiment=samm_loso data.root=FOLDER     what a run with these overrides would make first
    python -m mer.prepare --dry +experiment=...                      what of it is there; makes nothing
    python -m mer.prepare --preview OUT.png +experiment=...          a contact sheet of what the network will see
    python -m mer.prepare --status                                   what lies in the cache
    python -m mer.prepare --clean --kind parts --older 30            removes entries, without asking

A run does the same by itself. Interrupted, the same command goes on with what is missing.
Exit status: 0 well, 2 a problem that you can solve, 130 interrupted (143 by SIGTERM).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.console import Console

from mer.cli import guarded
from mer.compose import load_config
from mer.config import Config
from mer.data import registry as catalog
from mer.errors import ConfigError
from mer.inputs import cache_inventory, pipeline
from mer.inputs.apex import spotting
from mer.inputs.cache.cached_step import CachedStep
from mer.inputs.faces import crops
from mer.inputs.representations import registry as represent
from mer.train.experiment import null_runs
from mer.utils import timing
from mer.utils.console import say


def config_errors(config: Config) -> list[str]:
    """Return the errors of the options that decide samples and inputs, one sentence each."""
    found = []
    for key, data in pipeline.sources(config).items():
        lines = pipeline.source_config_errors(data, config)
        found += lines if key == "data" else [f"{key.removesuffix('.data')}.{line}" for line in lines]
    inputs = represent.config_errors(config.input, config.augment)
    found += [line for line in inputs if line.startswith("input.")]
    return [
        *found,
        *spotting.config_errors(config.input),
        *crops.config_errors(config.face),
        *null_runs.config_errors(config),
        *pipeline.cache_config_errors(config),
    ]


def prepare(config: Config, *, progress: bool = False) -> dict[str, Any]:
    """Compute all faces, apexes and inputs that a run of this configuration reads; return counts and times.

    Raises:
        ConfigError: if an option is wrong.
        MerError: if data are missing or cannot be used.
    """
    _check(config)
    pipeline.clean_cache(config)
    start, before = time.perf_counter(), timing.elapsed()
    clips, looked_at = 0, set[str]()
    counts: dict[str, dict[str, Any]] = {}
    for key, data in pipeline.sources(config).items():
        steps: dict[str, CachedStep[Any]] = {}
        table = pipeline.load_samples(data, config, progress=progress, watch=steps.__setitem__)
        seen = null_runs.apply_onset_only(table, config) if key == "data" else table
        pipeline.load_inputs(seen, data, config, progress=progress, watch=steps.__setitem__)
        clips += len(table)
        looked_at |= _source_files(steps)
        for name, step in steps.items():
            total = counts.setdefault(name, {"clips": 0, "made": 0, "thread_seconds": 0.0})
            total["clips"] += len(step.files)
            total["made"] += step.made
            total["thread_seconds"] += step.seconds
    seconds, spent = time.perf_counter() - start, timing.elapsed()
    work = {name: spent[name] - before[name] for name in timing.WORK}
    # the seconds of a step include all work but hashing
    whole = work[timing.HASHING] + sum(count["thread_seconds"] for count in counts.values())
    return {
        "clips": clips,
        "frames": len(looked_at),
        "seconds": seconds,
        "frames_per_second": len(looked_at) / seconds,
        "threads": os.cpu_count(),
        "steps": counts,
        "thread_seconds": {**work, "rest": max(whole - sum(work.values()), 0.0)},
    }


class _NotMade(Exception):  # noqa: N818  # a signal: the walk ends at a step that would make something
    """A step would read what an earlier step has not made yet."""


def outlook(config: Config) -> list[dict[str, Any]]:
    """Return what `prepare` would make: one row per source and step with clips and missing clips, None if unknown.

    Follows the steps of a run until one has missing entries. Loads the samples (and draws drawn clips), and reads their
    files; makes nothing else.
    """
    _check(config)
    found: list[dict[str, Any]] = []
    for key, data in pipeline.sources(config).items():
        if pipeline.is_drawn(data):
            catalog.load_samples(data, pipeline.cache_of(config))
            continue
        missing: dict[str, tuple[int, int]] = {}

        def look(name: str, step: CachedStep[Any], missing: dict[str, tuple[int, int]] = missing) -> None:
            missing[name] = len(step.files), len(step.missing())
            if missing[name][1] or name == "inputs":
                raise _NotMade

        with suppress(_NotMade):
            table = pipeline.load_samples(data, config, watch=look)
            seen = null_runs.apply_onset_only(table, config) if key == "data" else table
            pipeline.load_inputs(seen, data, config, watch=look)
        walked = "inputs" in missing
        for name in pipeline.steps_of(data, config):
            if walked and name not in missing:
                continue  # not needed: the frames are crops of faces already
            clips, lacking = missing.get(name, (None, None))
            found.append({"source": key, "data": data.name, "step": name, "clips": clips, "missing": lacking})
    return found


def _check(config: Config) -> None:
    wrong = config_errors(config)
    if wrong:
        raise ConfigError(wrong)


def _source_files(steps: Mapping[str, CachedStep[Any]]) -> set[str]:
    """Return the files of the data set that the steps read; steps after faces read crops instead."""
    first = [steps["faces"]] if "faces" in steps else list(steps.values())
    return {path for step in first for files in step.files if isinstance(files, tuple) for path in files}


def show(found: dict[str, Any], console: Console) -> None:
    """Print counts, speed, and where the time went."""
    say(
        console,
        f"{found['clips']} clips, {found['frames']} frames: {found['seconds']:.1f} s, "
        f"{found['frames_per_second']:.0f} frames/s, {found['threads']} threads",
    )
    for name, count in found["steps"].items():
        say(console, f"{name}: {count['made']} of {count['clips']} clips made in {count['thread_seconds']:.1f} s")
    spent = found["thread_seconds"]
    whole = sum(spent.values())
    if any(count["made"] for count in found["steps"].values()):
        shares = ", ".join(f"{name} {spent[name] / whole:.0%}" for name in spent)
        say(console, f"share of these seconds, summed over the threads: {shares}")


def show_outlook(rows: list[dict[str, Any]], console: Console) -> None:
    """Print the rows of `outlook`."""
    for row in rows:
        where = f"{row['source']} ({row['data']}): {row['step']}"
        if row["missing"] is None:
            say(console, f"{where}: not known before the step above is done")
        else:
            say(console, f"{where}: {row['missing']} of {row['clips']} clips would be made")
    if not rows:
        say(console, "Nothing to prepare: the inputs are drawn when a run needs them.")


def write_preview(config: Config, path: Path, *, people: int, progress: bool = False) -> list[str]:
    """Write a contact sheet with one clip per person as PNG; return sentences on what it shows.

    Raises:
        ConfigError: if an option is wrong.
        MerError: if data are missing or cannot be used.
    """
    from mer.inputs.contact_sheet import contact_sheet  # pictures only where they are asked for
    from mer.inputs.frames.image_files import write_image
    from mer.inputs.preview import preview

    _check(config)
    view = lambda table: null_runs.apply_onset_only(table, config)  # noqa: E731
    sections = preview(config, view=view, people=people, progress=progress)
    write_image(path, contact_sheet(sections, config.input))
    told = [line for section in sections for line in section.lines]
    if any(clip.frame is not None for section in sections if not section.synthetic for clip in section.clips):
        told.append("The sheet shows participants: keep it as your licence asks, do not publish it.")
    return [*told, f"contact sheet: {path}"]


@guarded
def main(arguments: list[str] | None = None) -> int:
    """Entry point of `python -m mer.prepare`; return the exit status."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m mer.prepare", description=__doc__, formatter_class=form)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--dry", action="store_true", help="load the samples, look at their files, tell what is missing")
    what.add_argument("--status", action="store_true", help="tell what lies in cache_dir: entries, bytes, last reading")
    what.add_argument("--clean", action="store_true", help="remove entries of this program from cache_dir at once")
    what.add_argument("--preview", type=Path, metavar="OUT.png", help="write a contact sheet: a clip a person")
    parser.add_argument("--people", type=int, default=24, help="with --preview: at most so many people a source")
    kinds = (*cache_inventory.KINDS, cache_inventory.HASHES)
    parser.add_argument(
        "--kind", action="append", choices=kinds, default=[], help="with --status, --clean: only these; repeatable"
    )
    parser.add_argument("--older", type=float, metavar="DAYS", help="only what nobody has read for so many days")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("overrides", nargs="*", help="as of mer.run; with --status, --clean only cache_dir counts")
    given = parser.parse_intermixed_args(arguments)
    stocking = given.status or given.clean
    if not stocking and (given.kind or given.older is not None):
        parser.error("expected --status or --clean with --kind and --older")
    if given.older is not None and not given.older >= 0:
        parser.error(f"--older: expected 0 or more days, got {given.older:g}")
    if given.people < 1:
        parser.error(f"--people: expected 1 or more, got {given.people}")
    if given.preview is not None and given.preview.suffix.lower() != ".png":
        parser.error(f"--preview: expected a file that ends in .png, got {given.preview}")
    console = Console(quiet=given.json)
    found: Any
    config = load_config(given.overrides)
    if stocking:
        cache = pipeline.cache_of(config)
        chosen = cache_inventory.entries(cache)
        if given.clean or given.older is not None:
            chosen = cache_inventory.older_than(chosen, days=given.older or 0)
        chosen = [entry for entry in chosen if not given.kind or entry.kind in given.kind]
        found = cache_inventory.as_status(chosen)
        if given.clean:
            cache_inventory.remove(chosen)
            console.print("Removed:" if found else "Nothing to remove.")
        if found or given.status:
            for line in cache_inventory.status_lines(cache, found):
                say(console, line)
    elif given.preview is not None:
        progress = config.trainer.progress and not given.json
        found = write_preview(config, given.preview, people=given.people, progress=progress)
        for line in found:
            say(console, line)
    elif given.dry:
        found = outlook(config)
        show_outlook(found, console)
    else:
        found = prepare(config, progress=config.trainer.progress and not given.json)
        show(found, console)
    if given.json:
        print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
