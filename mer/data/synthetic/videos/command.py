"""Command `mer synthetic video`: write a drawn video with its true events beside it."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from mer.cli import advise
from mer.data.synthetic.videos.video_design import design_video
from mer.data.synthetic.videos.video_file import truth_table, write_video


def run(arguments: list[str]) -> int:
    """Write a drawn video of one person with micro-expressions, and a table of what happens when."""
    parser = argparse.ArgumentParser(prog="mer synthetic video", description=run.__doc__)
    parser.add_argument("out", type=Path, help="new video, such as drawn.mp4; its truth is drawn_truth.csv")
    parser.add_argument("--seconds", type=float, default=6.0, help="length (default %(default)g)")
    parser.add_argument("--rate", type=int, default=100, help="frames per second (default %(default)s)")
    parser.add_argument("--size", type=int, nargs=2, default=(640, 480), metavar=("WIDTH", "HEIGHT"), help="pixels")
    parser.add_argument("--seed", type=int, default=0, help="fixes person, camera and events (default %(default)s)")
    parser.add_argument("--plain", action="store_true", help="micro-expressions only: no blink, talk, head movement")
    given = parser.parse_args(arguments)
    advise("nothing of the video is kept, the same command begins it anew")
    spec = design_video(
        seconds=given.seconds, rate=given.rate, size=tuple(given.size), seed=given.seed, plain=given.plain
    )
    truth = write_video(spec, given.out, progress=frames_shown)
    kinds = truth_table(spec)["kind"].value_counts()
    print(
        f"{given.out}: {spec.frames} frames at {spec.rate} fps of a drawn person (synthetic); {truth.name}: "
        + ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    )
    return 0


def frames_shown(numbers: Iterable[int]) -> Iterator[int]:
    """Yield the numbers of the frames, showing frames per second and the time left in a terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("drawing frames"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}, {task.fields[speed]:.0f} frames/s"),
        TimeRemainingColumn(),
    )
    listed = list(numbers)
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=len(listed), speed=0.0)
        for number in listed:
            yield number
            bar.update(task, advance=1, speed=bar.tasks[0].speed or 0.0)
