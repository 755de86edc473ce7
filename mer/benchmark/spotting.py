"""Measure spotting and what is read from the spotted intervals, on long drawn videos with known expressions.

    python -m mer.benchmark spotting --out DIR [--videos 10] [--seconds 60] [--seed 0]

Contract: videos, and the intervals that each method finds in each of them, are kept below DIR, so a second call goes on
where the first one ended; after a change of a method give another DIR. One person a video, whole people are drawn for
intervals of scores. `given` is no method: the true intervals, which show what an answer is worth where spotting is
perfect. Synthetic: the numbers compare methods and say nothing of real faces.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track

from mer.benchmark import naive_spotter
from mer.benchmark.spotted_answers import SPAN, Watched, pictures_of, recognised, spotted, watch
from mer.data.facs.unit_targets import CD6ME, unit_name, unit_targets
from mer.data.synthetic.videos.command import frames_shown
from mer.data.synthetic.videos.video_design import BLINK, CLASSES, HEAD, TALK, config_errors, design_video
from mer.data.synthetic.videos.video_file import read_truth, truth_path, truth_table, write_video
from mer.errors import MerError
from mer.evaluation.spotting.matching import KINDS, Matches, match_intervals, overlaps, spans_of
from mer.evaluation.spotting.scores import GROUPS, spot_then_recognise, spotting_table
from mer.evaluation.units.results import unit_scores
from mer.evaluation.units.table import make_table
from mer.utils.atomic_files import write_atomically
from mer.video.spotters.registry import SPOTTERS

#: The true intervals in place of spotted ones, and the baseline; the other methods are the spotters of `mer.video`.
GIVEN, NAIVE = "given", "naive"
#: Events that are no expressions.
DISTRACTORS = (BLINK, TALK, HEAD)
#: Clips that must show a unit for it to count in the mean.
SUPPORT = 5


def drawn_videos(folder: Path, *, count: int, seconds: float, size: tuple[int, int], seed: int) -> pd.DataFrame:
    """Write the videos that are missing; returns columns video, subject, seconds, path.

    Raises:
        MerError: a video is there whose truth is that of another one.
    """
    rows = []
    for number in range(count):
        path = folder / f"drawn_{seed + number:02d}.mp4"
        spec = design_video(seconds=seconds, size=size, seed=seed + number)
        if not (path.is_file() and truth_path(path).is_file()):
            print(f"{path}: drawing video {number + 1} of {count}", flush=True)
            write_video(spec, path, progress=frames_shown)
        if not read_truth(path).equals(truth_table(spec)):
            raise MerError(f"{truth_path(path)}: expected the events of seed {seed + number}; give another --out")
        rows.append((path.stem, f"person {seed + number}", spec.frames / spec.rate, path))
    return pd.DataFrame(rows, columns=["video", "subject", "seconds", "path"])


def found_in(video: Path, folder: Path) -> dict[str, pd.DataFrame]:
    """Return what each method finds in a video and what is read from it; kept below `folder`, a file a method."""
    methods = (GIVEN, NAIVE, *SPOTTERS)
    kept = {method: folder / method / f"{video.stem}.csv" for method in methods}
    if not all(path.is_file() for path in kept.values()):
        watched = watch(video)
        spans = {method: _spans(method, video, watched) for method in methods}
        pictures = pictures_of(video, spans.values())
        for method, path in kept.items():
            answers = recognised(spans[method], pictures, watched)
            with write_atomically(path) as temporary:
                pd.concat([spans[method], answers], axis=1).to_csv(temporary, index=False)
    return {method: read_found(path).assign(video=video.stem) for method, path in kept.items()}


def read_found(path: Path) -> pd.DataFrame:
    """Return intervals and answers of a video as they were kept; the same columns where nothing was found."""
    table = pd.read_csv(path)
    own = {"kind": "object", "label": "object", **dict.fromkeys(SPAN[1:], "int64")}
    return table.astype({name: own.get(name, "float64") for name in table.columns})


def _spans(method: str, video: Path, watched: Watched) -> pd.DataFrame:
    """Return the intervals of one method, columns `SPAN`."""
    if method == GIVEN:
        truth = read_truth(video)
        return truth.loc[truth["kind"].isin(KINDS), list(SPAN)].reset_index(drop=True)
    return naive_spotter.spot(video) if method == NAIVE else spotted(watched, method)


def reading_table(
    truth: pd.DataFrame, found: pd.DataFrame, videos: pd.DataFrame, *, draws: int, seed: int
) -> pd.DataFrame:
    """Return one row a group of kinds with what is read from the true positives: pairs, uf1, strs, auc; with intervals.

    An interval without an answer, since the face was not seen, counts as not spotted here.

    Args:
        truth: columns video, kind, onset, offset, label, action_units.
        found: columns video, kind, onset, offset, label, and `AU12` and so on with probabilities.
        videos: columns video, subject.
        draws: bootstrap samples.
        seed: seed of the bootstrap.
    """
    rows: dict[str, dict[str, Any]] = {}
    found = found[found["label"].notna()]
    for name, kinds in GROUPS.items():
        matches = match_intervals(truth, found, videos, kinds)
        scores = spot_then_recognise(matches, truth, found, tuple(CLASSES), draws=draws, seed=seed)
        rows[name] = {"pairs": len(matches.pairs)}
        for key in ("uf1", "strs"):
            interval = scores[key].interval
            rows[name] |= {key: scores[key].value, f"{key}_low": interval.low, f"{key}_high": interval.high}
        rows[name] |= _unit_scores(matches, truth, found, videos, draws=draws, seed=seed)
    return pd.DataFrame.from_dict(rows, orient="index")


def _unit_scores(
    matches: Matches, truth: pd.DataFrame, found: pd.DataFrame, videos: pd.DataFrame, *, draws: int, seed: int
) -> dict[str, Any]:
    """Return the mean AUC over the units that enough true positives show, its interval and the number of units."""
    if not len(matches.pairs):
        return {"auc": None, "auc_low": None, "auc_high": None, "units": 0}
    units = [unit for unit in CD6ME if unit_name(unit) in found.columns]
    true, said = truth.iloc[matches.pairs["truth"]], found.iloc[matches.pairs["found"]]
    people = videos.set_index("video").loc[true["video"], "subject"].to_numpy()
    rows = pd.DataFrame({"sample_id": np.arange(len(true)).astype(str), "dataset": "drawn", "subject": people})
    table = make_table(
        rows,
        units,
        fold="",
        truth=unit_targets(true["action_units"], units, drawn=True),
        probabilities=said[[unit_name(unit) for unit in units]].to_numpy(),
    )
    scores = unit_scores(table, units, draws=draws, seed=seed, support=SUPPORT)
    values = {f"auc{end}": scores["auc"][key] for end, key in (("", "value"), ("_low", "low"), ("_high", "high"))}
    return {**values, "units": sum(scores["counted"])}


def alarm_table(truth: pd.DataFrame, found: pd.DataFrame, events: pd.DataFrame, videos: pd.DataFrame) -> dict[str, int]:
    """Return how many false alarms fall on each distractor, on an expression that they miss, or on nothing.

    Args:
        truth: true expressions.
        found: spotted intervals.
        events: distractors, columns video, kind, onset, offset.
        videos: columns video, subject.
    """
    alarms = found.iloc[np.setdiff1d(np.arange(len(found)), match_intervals(truth, found, videos).pairs["found"])]
    counts = dict.fromkeys((*DISTRACTORS, "expression", "nothing"), 0)
    everything = pd.concat([events, truth.assign(kind="expression")], ignore_index=True)
    for alarm in alarms.itertuples():
        own = everything[everything["video"] == alarm.video]
        shares = overlaps(spans_of(own), np.array([(alarm.onset, alarm.offset)]))[:, 0]
        counts[own["kind"].iloc[int(shares.argmax())] if shares.any() else "nothing"] += 1
    return counts


def tables(
    truth: pd.DataFrame, found: dict[str, pd.DataFrame], videos: pd.DataFrame, *, draws: int, seed: int
) -> dict[str, pd.DataFrame]:
    """Return the tables of the study by name: `spotting`, `reading`, `alarms`.

    Args:
        truth: all events of all videos.
        found: intervals of each method, also `GIVEN`.
        videos: columns video, subject, seconds.
        draws: bootstrap samples.
        seed: seed of the bootstrap.
    """
    shown, others = truth[truth["kind"].isin(KINDS)], truth[truth["kind"].isin(DISTRACTORS)]
    methods = {name: part for name, part in found.items() if name != GIVEN}
    return {
        "spotting": pd.concat(
            {name: spotting_table(shown, part, videos, draws=draws, seed=seed) for name, part in methods.items()}
        ),
        "reading": pd.concat(
            {name: reading_table(shown, part, videos, draws=draws, seed=seed) for name, part in found.items()}
        ),
        "alarms": pd.DataFrame.from_dict(
            {name: alarm_table(shown, part, others, videos) for name, part in methods.items()}, orient="index"
        ),
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add folder, number and length of the videos."""
    parser.add_argument("--out", type=Path, required=True, help="folder of videos, intervals and tables")
    parser.add_argument("--videos", type=int, default=10, help="videos, one person each (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of each (default %(default)g)")
    parser.add_argument("--size", type=int, nargs=2, default=(640, 480), metavar=("WIDTH", "HEIGHT"), help="pixels")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first video (default %(default)s)")
    parser.add_argument("--draws", type=int, default=1000, help="bootstrap samples (default %(default)s)")


def run(given: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Draw the videos, spot in them, print the tables and write them as CSV."""
    wrong = config_errors(given.seconds, 100, tuple(given.size))
    if given.videos < 1 or given.draws < 1:
        wrong.append("expected --videos and --draws 1 or more")
    if wrong:
        parser.error("; ".join(wrong))
    videos = drawn_videos(
        given.out / "videos", count=given.videos, seconds=given.seconds, size=tuple(given.size), seed=given.seed
    )
    truth = pd.concat(
        [read_truth(path).assign(video=video) for video, path in zip(videos["video"], videos["path"], strict=True)],
        ignore_index=True,
    )
    found: dict[str, list[pd.DataFrame]] = {}
    for path in track(videos["path"], "spotting", console=Console(stderr=True), transient=True):
        for method, part in found_in(path, given.out / "found").items():
            found.setdefault(method, []).append(part)
    whole = {method: pd.concat(parts, ignore_index=True) for method, parts in found.items()}
    print("\nSynthetic: drawn people; the scores say nothing of real faces.")
    for name, table in tables(truth, whole, videos, draws=given.draws, seed=given.seed).items():
        with write_atomically(given.out / f"{name}.csv") as path:
            table.to_csv(path)
        print(f"\n{name}\n{table.to_string(float_format=lambda value: f'{value:.3f}')}")
