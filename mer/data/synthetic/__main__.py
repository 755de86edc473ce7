"""Run `python -m mer.data.synthetic` to write the drawn corpus in the official layout of a data set.

`python -m mer.data.synthetic video OUT` writes a video instead.
"""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import track

from mer.cli import advise, guarded
from mer.config import SyntheticData
from mer.data.samples.identity import people_of
from mer.data.synthetic.clip_design import design_clips
from mer.data.synthetic.clip_rendering import RATE, render_frame
from mer.data.synthetic.layouts.registry import LAYOUTS, LayoutClip, write_tree
from mer.data.synthetic.scene import in_scene
from mer.data.synthetic.source import check_design
from mer.data.synthetic.videos.command import run as video
from mer.utils.seeding import seed_from

#: Objective class of each emotion in the folders of a profile. The mapping is our own; all five classes of MEGC 2018
#: occur in both sets. In the recorded sets the classes follow from action units.
OBJECTIVE = {
    "casme2": {"happiness": "I", "surprise": "II", "others": "III", "disgust": "IV", "repression": "V"},
    "samm": {"happiness": "I", "surprise": "II", "anger": "III", "others": "IV", "contempt": "V"},
}


def layout_clips(data: SyntheticData) -> list[LayoutClip]:
    """Return the clips of a configuration for `write_tree`; subjects count from 1, frames are drawn on demand."""
    check_design(data)
    clips = []
    classes = OBJECTIVE.get(data.profile, {})
    for spec in design_clips(data):
        frames = lambda number, spec=spec: render_frame(spec, number)  # noqa: E731
        span = (spec.onset, spec.apex, spec.offset)
        objective = classes.get(spec.emotion, "")
        clips.append(LayoutClip(spec.subject + 1, spec.emotion, spec.aus, *span, frames, objective))
    return clips


def usual_seed(layout: str) -> int:
    """Return the default seed of a layout; data sets with the same people, as SMIC and SMIC-E, have the same seed."""
    return seed_from(0, "tree", people_of(layout))


@guarded
def main(arguments: list[str] | None = None) -> int:
    """Write the synthetic corpus in the layout of a real data set; the exit status is 2 if an option is invalid."""
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["video"]:
        return video(given[1:])
    parser = argparse.ArgumentParser(
        prog="mer synthetic",
        description=main.__doc__,
        epilog="mer synthetic video --help: a drawn video with its truth",
    )
    default = SyntheticData(name="synthetic")
    parser.add_argument("--layout", required=True, choices=sorted(LAYOUTS), help="data set whose layout is written")
    parser.add_argument("--variant", help="part or arrangement of that set, e.g. raw; a wrong one lists them")
    parser.add_argument("--out", required=True, type=Path, help="new or empty folder")
    parser.add_argument("--seed", type=int, help="default: one of its own for every data set, so that no people recur")
    for key in ("subjects", "clips", "size"):
        parser.add_argument(f"--{key}", type=int, default=getattr(default, key), help="default %(default)s")
    parser.add_argument("--difficulty", type=float, default=default.difficulty, help="0 = easy, default %(default)s")
    parser.add_argument(
        "--scene",
        type=int,
        nargs=2,
        metavar=("WIDTH", "HEIGHT"),
        help="faces small in frames of this size, not cropped",
    )
    chosen = vars(parser.parse_args(given))
    scene = chosen.pop("scene")
    if scene is not None and not (128 <= scene[1] <= scene[0] <= 8192):
        parser.error(f"--scene: expected WIDTH at least HEIGHT, 128 to 8192 pixels, got {scene[0]} {scene[1]}")
    layout, out, variant = chosen.pop("layout"), chosen.pop("out"), chosen.pop("variant")
    if chosen["seed"] is None:
        chosen["seed"] = usual_seed(layout)
    advise("give another --out, or remove the folder, to write it whole")
    clips = layout_clips(SyntheticData(name="synthetic", profile=LAYOUTS[layout].profile, **chosen))
    if scene is not None:
        clips = [in_scene(clip, (scene[0], scene[1]), chosen["seed"]) for clip in clips]
    console = Console(stderr=True)  # no bar in a file, where it would stand behind the last sentence
    progress = functools.partial(track, description="writing clips", console=console, disable=not console.is_terminal)
    write_tree(layout, clips, out, variant=variant, progress=progress)
    frames = sum(clip.offset - clip.onset + 1 for clip in clips)
    people = len({clip.subject for clip in clips})
    print(f"{out}: {len(clips)} clips of {people} drawn people, {frames} frames at {RATE} fps, layout {layout}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
