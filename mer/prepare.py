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
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from mer.cli import guarded
from mer.compose import load_config
from mer.config import Config
from mer.inputs import cache_inventory, pipeline
from mer.train.experiment import null_runs
from mer.train.experiment.input_preparation import outlook, prepare, require_valid
from mer.utils.console import say


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

    require_valid(config)
    view = lambda table: null_runs.apply_onset_only(table, config)  # noqa: E731
    sections = preview(config, view=view, people=people, progress=progress)
    write_image(path, contact_sheet(sections, config.input))
    lines = [line for section in sections for line in section.lines]
    if any(clip.frame is not None for section in sections if not section.synthetic for clip in section.clips):
        lines.append("The sheet shows participants: keep it as your licence asks, do not publish it.")
    return [*lines, f"contact sheet: {path}"]


@guarded
def main(arguments: list[str] | None = None) -> int:
    """Entry point of `python -m mer.prepare`; return the exit status."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="mer prepare", description=__doc__, formatter_class=form)
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
