"""Measure how fast clips are prepared, on drawn raw frames in new processes: `mer benchmark prepare`.

Contract: drawn people whose face fills half of the frame's height, in CASME II's layout of uncropped frames. Prepared
once, a second time, and from the start in another cache, killed halfway and gone on with, which must make the rest
only and end with the same bytes. Everything lies in a temporary folder; what was just drawn is in the system's memory,
so that no time goes into waiting for a disk.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from mer.benchmark.attention_command import write_rows
from mer.benchmark.drawn_frames import draw
from mer.errors import MerError
from mer.inputs.apex.spotters import SPOTTERS
from mer.inputs.faces.crop_files import INDEX
from mer.inputs.input_arrays import PARTS

#: Seconds between two looks at how far the run is that is to be killed.
LOOK = 0.1
#: Finished entries of single clips in the cache; what is begun has a hidden name.
ENTRIES = (f"faces/[0-9a-f]*/{INDEX}", "apex/[0-9a-f]*.json", f"{PARTS}/[0-9a-f]*.npy")

Row = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add clips, size of the frames, steps, and the file of the results."""
    parser.add_argument("--clips", type=int, default=250, help="drawn clips, 10 or more (default %(default)s)")
    parser.add_argument("--frame", type=int, nargs=2, default=(640, 480), help="width, height (default 640 480)")
    parser.add_argument("--face", choices=["mtcnn", "none"], default="mtcnn", help="default mtcnn")
    apexes = ["annotated", *SPOTTERS]
    parser.add_argument("--apex", choices=apexes, default="flow", help="default flow: all frames count")
    parser.add_argument("--out", type=Path, help="also write all numbers as CSV")


def run(given: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Print one column per process."""
    if given.clips < 10 or min(given.frame) < 128:
        parser.error("expected --clips 10 or more, --frame 128 or more")
    size, console = (given.frame[0], given.frame[1]), Console(highlight=False)
    found = prepare(clips=given.clips, frame=size, face=given.face, apex=given.apex, console=console)
    if given.out is not None:
        write_rows(given.out, found)


def prepare(*, clips: int, frame: tuple[int, int], face: str, apex: str, console: Console) -> list[Row]:
    """Return one row per process: the first, the second, the one after a kill. Prints them as a table.

    Args:
        clips: drawn clips, 10 or more.
        frame: width and height of the frames.
        face: detector.
        apex: `input.apex`; where it is looked for, all frames of all clips are read.
        console: where the table goes.

    Raises:
        MerError: a process failed, made more than the rest, or ended with other bytes.
    """
    with tempfile.TemporaryDirectory(prefix="mer-prepare-") as name:
        folder = Path(name)
        draw(folder / "tree", clips, frame)
        settings = ["data=casme2", f"data.root={folder / 'tree'}", "data.part=selected", f"face={face}"]
        settings += ["input=flow", f"input.apex={apex}", "input.apex_for=all"]
        rows = [
            {"run": "first", **_finished([*settings, f"cache_dir={folder / 'cache'}"])},
            {"run": "second", **_finished([*settings, f"cache_dir={folder / 'cache'}"])},
        ]
        killed = [*settings, f"cache_dir={folder / 'killed'}"]
        left = _kill(killed, folder / "killed", at=rows[0]["made"] // 2)
        rows.append({"run": f"after a kill at {left} of {rows[0]['made']}", **_finished(killed)})
        _compare(rows, left, folder)
    title = f"{clips} drawn clips of {frame[0]}x{frame[1]} (synthetic), face={face}, input.apex={apex}"
    console.print(_table(rows, f"{title}, {rows[0]['threads']} threads"))
    return rows


def _command(settings: list[str]) -> list[str]:
    return [sys.executable, "-m", "mer.prepare", "--json", *settings]


def _finished(settings: list[str]) -> Row:
    """Run `mer.prepare` in a new process; return its result with the seconds from start to end."""
    start = time.perf_counter()
    done = subprocess.run(_command(settings), capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise MerError(f"mer.prepare ended with status {done.returncode}: {done.stderr.strip()}")
    told = json.loads(done.stdout)
    spent = told["thread_seconds"]
    whole = sum(spent.values())
    return {
        **{key: told[key] for key in ("clips", "frames", "threads")},
        "made": sum(count["made"] for count in told["steps"].values()),
        "process_seconds": seconds,
        "frames_per_second": told["frames"] / seconds,
        **{f"{name}_share": value / whole if whole else 0.0 for name, value in spent.items()},
    }


def _kill(settings: list[str], cache: Path, *, at: int) -> int:
    """Kill a process when it has made `at` cache entries; return the number of entries."""
    with subprocess.Popen(_command(settings), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and _made(cache) < at:
            time.sleep(LOOK)
        process.kill()
    if process.returncode == 0:
        raise MerError("the process that was to be killed had ended before; take more clips")
    return _made(cache)


def _made(cache: Path) -> int:
    """Return the number of finished entries of single clips."""
    return sum(1 for pattern in ENTRIES for _ in cache.glob(pattern))


def _compare(rows: list[Row], left: int, folder: Path) -> None:
    """Raise MerError if a process made existing entries again, or the interrupted one gave other inputs."""
    first, second, resumed = (row["made"] for row in rows)
    if second or resumed != first - left:
        raise MerError(f"expected 0 and {first - left} entries to be made again, got {second} and {resumed}")
    arrays = [
        {path.name: path.read_bytes() for path in (folder / cache / "pixels").glob("[!.]*.npy")}
        for cache in ("cache", "killed")
    ]
    if not arrays[0] or arrays[0] != arrays[1]:
        raise MerError("the run that was killed and gone on with ended with other inputs")


def _table(rows: list[Row], title: str) -> Table:
    """Return the table with one column per run, so that it fits 80 characters."""
    shares = [key for key in rows[0] if key.endswith("_share")]
    made = Table("", *(row["run"] for row in rows), title=title, show_edge=False)
    for key in ("clips", "frames", "made"):
        made.add_row(key, *(str(row[key]) for row in rows))
    made.add_row("minutes", *(f"{row['process_seconds'] / 60:.1f}" for row in rows))
    made.add_row("seconds", *(f"{row['process_seconds']:.1f}" for row in rows))
    made.add_row("frames/s", *(f"{row['frames_per_second']:.0f}" for row in rows))
    for key in shares:
        name = f"{key.removesuffix('_share')}, share of the time"
        made.add_row(name, *(f"{row[key]:.0%}" if row["made"] else "" for row in rows))
    return made
