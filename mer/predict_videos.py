"""Say when and how faces move in videos: `mer predict VIDEO...`.

VIDEO is a file, a folder of videos, a pattern such as 'clips/*.mp4', or a folder of images with --rate. For each one
a folder in --out holds tables of frames and intervals, a page with pictures, and everything as JSON; folders of videos
are only read. What is finished is kept: the same command goes on after an interruption. Exit status: 0 every video has
an answer ("no face" and "nothing found" are answers), 1 some could not be read, 2 none could, or an option is wrong.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from mer.cli import guarded
from mer.errors import DiskFullError, MerError, is_users, sentence
from mer.utils.atomic_files import folder_fault
from mer.utils.console import say, say_error
from mer.utils.csv_files import write_csv
from mer.video.analysis import Analysis
from mer.video.answers.recognisers import load_recognisers
from mer.video.given_intervals import GivenInterval, read_intervals
from mer.video.predict_video import Asked, predict_into
from mer.video.prediction_folder import DIGITS, INTERVALS, PAGE, read_prediction
from mer.video.reading.find_videos import find_videos, require_outside
from mer.video.reading.reading_bar import ReadingBar
from mer.video.results import FAILED, FOUND, read_interval_table
from mer.video.spotters.registry import SPOTTERS
from mer.video.spotting import DEFAULT

#: Tables of all videos of a call, in the folder of the results.
ALL_INTERVALS, ALL_VIDEOS = "intervals.csv", "videos.csv"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options; wrong ones end the process with status 2."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="mer predict", description=__doc__, formatter_class=form)
    parser.add_argument("video", nargs="*", help="file, folder or pattern; may be left out with --csv")
    parser.add_argument("--out", type=Path, default=Path("predictions"), help="folder of results (default predictions)")
    parser.add_argument(
        "--checkpoint", nargs="+", default=[], metavar="C",
        help="model.ckpt of runs, averaged; without one the packaged networks answer, trained on drawn motion alone",
    )  # fmt: skip
    parser.add_argument("--rate", type=float, help="frames a second of images; for a video in place of its times")
    parser.add_argument("--faces", choices=("largest", "all"), default="largest", help="default largest")
    parser.add_argument("--spotter", choices=sorted(SPOTTERS), default=DEFAULT, help="default %(default)s")
    parser.add_argument("--annotate", action="store_true", help="write a copy of each video with what was found")
    given = parser.add_argument_group("intervals that you know, in place of spotting; frames count from 0")
    for key, what in (("onset", "first frame"), ("apex", "frame of the peak; looked for if left out"),
                      ("offset", "last frame")):  # fmt: skip
        given.add_argument(f"--{key}", type=int, metavar="FRAME", help=what)
    given.add_argument("--csv", type=Path, metavar="TABLE", help="intervals of videos: video, onset, apex, offset")
    chosen = parser.parse_args(arguments)
    single = [key for key in ("onset", "apex", "offset") if getattr(chosen, key) is not None]
    if single and (chosen.csv is not None or len(chosen.video) != 1):
        parser.error(f"--{single[0]}: expected one video and no --csv; --csv TABLE takes intervals of several videos")
    if single and not {"onset", "offset"} <= {*single}:
        parser.error("expected --onset and --offset together, got one of them")
    if not chosen.video and chosen.csv is None:
        parser.error("expected a VIDEO; to try it without one: mer synthetic video drawn.mp4")
    return chosen


def jobs(chosen: argparse.Namespace) -> dict[Path, Sequence[GivenInterval] | None]:
    """Return the videos with the intervals that are given for them; None for those to spot in."""
    table = {} if chosen.csv is None else read_intervals(chosen.csv)
    if "" in table and (not chosen.video or len(table) > 1):
        raise MerError(f"{chosen.csv}: expected a column video with a name in every row")
    if not chosen.video:
        named: dict[Path, list[GivenInterval]] = {}
        for name, given in table.items():  # one video may have several names
            named.setdefault((chosen.csv.parent / Path(name).expanduser()).resolve(), []).extend(given)
        require_outside(chosen.out, [path for path in named if path.is_dir()])
        return dict(named)
    videos = find_videos(chosen.video, chosen.rate)
    if chosen.onset is not None:
        table = {"": [GivenInterval(chosen.onset, chosen.offset, chosen.apex)]}
    if "" in table:
        if len(videos) != 1:
            raise MerError(f"expected one video for intervals that name none, got {len(videos)} videos")
        return {videos[0]: table[""]}
    if not table:
        return dict.fromkeys(videos)
    found: dict[Path, Sequence[GivenInterval] | None] = {}
    for video in videos:
        own = [one for name, given in table.items() if _means(chosen.csv.parent / name, video) for one in given]
        if own:
            found[video] = own
    if not found:
        raise MerError(f"{chosen.csv}: names none of the videos given ({next(iter(table))} and so on)")
    return found


def _means(named: Path, video: Path) -> bool:
    """Return whether a table's name means this video: its path, or where that leads nowhere its file name."""
    if named.exists():
        return named.resolve() == video.resolve()
    return named.name in (video.name, video.stem)


@guarded
def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of `python -m mer.predict_videos`; return the exit status."""
    chosen = parse(arguments)
    out = chosen.out.expanduser()
    require_outside(out, chosen.video)
    if fault := folder_fault(out):
        raise MerError(f"--out: expected a folder that can be written into, got {fault}")
    work = jobs(chosen)
    recognisers = load_recognisers(chosen.checkpoint)
    console = Console()
    rows, tables = [], []
    for number, (video, given) in enumerate(work.items(), 1):
        how = Analysis(chosen.faces == "all", chosen.spotter, given)
        asked = Asked(recognisers, how, chosen.rate, chosen.annotate)
        place = f"{number}/{len(work)} " if len(work) > 1 else ""
        try:
            with ReadingBar(f"{place}{video.name}") as bar:
                folder, kept = predict_into(video, out, asked, bar)
        except DiskFullError:
            raise
        except Exception as error:
            if not is_users(error):
                if len(work) == 1:
                    raise
                traceback.print_exc()  # a defect of ours, which need not stop the other videos
            rows.append({"video": str(video), "status": FAILED, "notes": sentence(error)})
            say_error(error)
            continue
        record = read_prediction(folder)
        assert record is not None
        rows.append({"video": str(video), **_row(record, folder)})
        tables.append(read_interval_table(folder / INTERVALS))
        say(console, f"{video}: {_said(record)}{' (kept)' if kept else ''}; {folder / PAGE}")
    if tables:
        write_csv(out / ALL_INTERVALS, _joined(tables), float_format=DIGITS)
        write_csv(out / ALL_VIDEOS, pd.DataFrame(rows), float_format=DIGITS)
    failed = [row["video"] for row in rows if row["status"] == FAILED]
    if failed and tables:
        say_error(f"{len(failed)} of {len(rows)} videos have no answer: {', '.join(failed)}")
    return 0 if not failed else 1 if tables else 2


def _row(record: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return the row of a video in the table of videos."""
    return {
        "status": record["status"],
        "folder": folder.name,
        "frames": record["frames"],
        "seconds": record["seconds"],
        "faces": len(record["faces"]),
        "intervals": len(record["intervals"]),
        "notes": " ".join(record["notes"]),
    }


def _said(record: Mapping[str, Any]) -> str:
    """Return the answer about a video in one line."""
    if record["status"] != FOUND:
        return str(record["status"])
    kinds = [one["kind"] for one in record["intervals"]]
    words = [f"{kinds.count(kind)} {kind}" for kind in ("micro", "macro") if kind in kinds]
    emotions = [one["answer"]["emotion"] for one in record["intervals"] if one["answer"]]
    return f"{' and '.join(words)} ({', '.join(dict.fromkeys(filter(None, emotions)))})"


def _joined(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return tables of intervals as one, with the columns of all."""
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else tables[0]


if __name__ == "__main__":
    sys.exit(main())
