"""Write clips in the layouts of CASME, CASME II, CAS(ME)^2 and CAS(ME)^3, with the quirks of their sheets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from mer.data.synthetic.layouts.writing import (
    _BASIC,
    _COARSE,
    LAYOUTS,
    LayoutClip,
    _same,
    spelling,
    write_frames,
    write_image,
    write_sheet,
)

CASME2_EMOTIONS = ("others", "disgust", "happiness", "repression", "surprise", "sadness", "fear")
CASME2_HEADER = (
    *("Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None),
    *("Action Units", "Estimated Emotion"),
)
#: Irregular clip names, some the beginning of others, as in `EP01_2`, `EP09f`, `EP06_02_01`.
CASME2_NAMES = ("EP{:02d}_01f", "EP{:02d}_01", "EP{:02d}f", "EP{:02d}_01_01", "EP{:02d}_1")


@LAYOUTS.register("casme2", profile="casme2", variants=("cropped", "selected", "raw"))
def write_casme2(clips: Iterable[LayoutClip], out: Path, variant: str) -> None:
    """Write `Cropped/sub01/EP02_01f/reg_img46.jpg`, with irregular clip names.

    The sheet has blank columns, and subjects as number or text. Frames of `selected` are in a doubled folder; `raw` has
    more frames around each clip. If clips have an objective class, a second sheet holds them.
    """
    doubled = "CASME2_RAW_selected/CASME2_RAW_selected"
    place, file, around = {
        "cropped": ("Cropped", "reg_img{}.jpg", 0),
        "selected": (doubled, "img{}.jpg", 0),
        "raw": ("CASME2-RAW", "img{}.jpg", 2),
    }[variant]
    rows: list[Sequence[Any]] = [CASME2_HEADER]
    classes: list[Sequence[Any]] = [("Subject", "Filename", "Objective Class")]
    seen: Counter[int] = Counter()
    for number, clip in enumerate(clips):
        taken = seen[clip.subject]
        seen[clip.subject] += 1
        name = CASME2_NAMES[taken % len(CASME2_NAMES)].format(1 + taken // len(CASME2_NAMES))
        folder = out / place / f"sub{clip.subject:02d}" / name
        write_frames(clip, folder, file, around=around)
        for stray in (".DS_Store", "EP01.lnk", "Thumbs.db"):
            (folder / stray).write_bytes(b"stray")
        emotion = spelling(clip, {name: name for name in CASME2_EMOTIONS}, "casme2")
        subject = clip.subject if number % 2 else f"{clip.subject:02d}"
        # The sheet has a single action unit as a number, several as text.
        aus = int(clip.aus[0]) if len(clip.aus) == 1 and clip.aus[0].isdecimal() else "+".join(clip.aus)
        apex = "/" if clip.apex is None else clip.apex
        rows.append((subject, name, None, clip.onset, apex, clip.offset, None, aus, emotion))
        if clip.objective:
            classes.append((subject, name, clip.objective))
    write_sheet(out / "CASME2-coding-20140508.xlsx", rows)
    if len(classes) > 1:
        write_sheet(out / "CASME2-ObjectiveClasses.xlsx", classes)


CASME_SQ_VARIANTS = tuple(
    f"{kind}_{place}" for kind, place in product(("micro", "macro"), ("cropped", "selected", "raw"))
)


@LAYOUTS.register("casme", profile="casme", variants=("cropped", "selected"))
def write_casme(clips: Iterable[LayoutClip], out: Path, variant: str) -> None:
    """Write `Cropped/sub01/EP01_1/EP01_1-46.jpg`.

    The sheet has two apex columns with a backslash for none, and a column without heading. Its name ends in xls, as the
    official one's does; its content is an xlsx.
    """
    place = {"cropped": "Cropped", "selected": "CASME_raw_selected"}[variant]
    names = _same("tense", "disgust", "repression", "surprise", "happiness", "sadness", "fear", "contempt")
    header = ("Subject", "Filename", None, "OnsetF", "ApexF1", "ApexF2", "OffsetF", None, "AUs", "Emotion")
    rows: list[Sequence[Any]] = [header]
    seen: Counter[int] = Counter()
    for number, clip in enumerate(clips):
        seen[clip.subject] += 1
        name = f"EP{1 + number % 9:02d}_{seen[clip.subject]}"
        write_frames(clip, out / place / f"sub{clip.subject:02d}" / name, f"{name}-{{}}.jpg")
        first = "\\" if clip.apex is None else clip.apex
        # The second apex of an expression with two peaks.
        second = clip.offset if number % 4 == 1 else "\\"
        coded = ("+".join(clip.aus), spelling(clip, names, "casme"))
        rows.append((clip.subject, name, None, clip.onset, first, second, clip.offset, None, *coded))
    write_sheet(out / "CASME-coded-20190721.xls", rows)


@LAYOUTS.register("casme_sq", profile="smic", variants=CASME_SQ_VARIANTS)
def write_casme_sq(clips: Iterable[LayoutClip], out: Path, variant: str) -> None:
    """Write a first sheet without header, two sheets of naming rules, and the frames.

    Every fourth clip ends at its apex and has offset 0. Clips are micro or macro by the variant. The sheet also has a
    row of the other kind, without frames.
    """
    kind, place = variant.split("_")
    folder = {"cropped": "cropped", "selected": "selectedpic", "raw": "rawpic"}[place]
    rows: list[Sequence[Any]] = []
    people: dict[int, int] = {}
    stimuli: dict[str, str] = {}
    seen: Counter[int] = Counter()
    for number, clip in enumerate(clips):
        emotion = spelling(clip, {**_COARSE, "others": "others"}, "casme_sq")
        participant = people.setdefault(clip.subject, len(people) + 1)
        seen[clip.subject] += 1
        stimulus = f"{emotion}{seen[clip.subject]}"
        code = stimuli.setdefault(stimulus, f"{len(stimuli) // 9 + 1:02d}{len(stimuli) % 9 + 1:02d}")
        person, name = f"s{clip.subject:02d}", f"{stimulus}_1"
        recording = f"{clip.subject:02d}_{code}{stimulus}" if place == "raw" else name
        ends_at_apex = number % 4 == 3 and clip.apex is not None
        write_frames(clip, out / folder / person / recording, "img{:03d}.jpg", peak=ends_at_apex)
        apex = 0 if clip.apex is None else clip.apex
        offset = 0 if ends_at_apex else clip.offset
        aus = "+".join(clip.aus)
        rows.append((participant, name, clip.onset, apex, offset, aus, emotion, f"{kind}-expression", ""))
    other = {"micro": "macro", "macro": "micro"}[kind]
    rows.insert(1, (1, "nowhere1_1", 5, 9, 14, "4", "negative", f"{other}-expression", "anger"))
    first = [(f"s{subject:02d}", subject, participant) for subject, participant in people.items()]
    second = [(code, stimulus) for stimulus, code in stimuli.items()]
    write_sheet(out / "CAS(ME)^2code_final.xlsx", rows, naming_rule1=first, naming_rule2=second)


@LAYOUTS.register("casme3", profile="basic_others")
def write_casme3(clips: Iterable[LayoutClip], out: Path, variant: str) -> None:
    """Write `part_A/spNO.1/b/color/175.jpg` with `depth/` beside it.

    Some folders are spelled `spNo`, and clips may share a recording. Every second clip lacks a frame that is not onset,
    apex or offset.
    """
    names = {**_same(*_BASIC, "others"), "happiness": "happy", "sadness": "sad"}
    rows: list[Sequence[Any]] = [("Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion")]
    ends: dict[int, tuple[int, int]] = {}
    for number, clip in enumerate(clips):
        recording, end = ends.get(clip.subject, (0, -1))
        # The next clip of a person goes into the same recording if its frames come later.
        if end >= clip.onset or recording == 0:
            recording += 1
        ends[clip.subject] = (recording, clip.offset)
        name = chr(ord("a") + recording % 26)
        person = f"{'spNo' if clip.subject % 2 else 'spNO'}.{clip.subject}"
        color = out / "part_A" / person / name / "color"
        write_frames(clip, color, "{}.jpg")
        lost = clip.onset + 1
        if number % 2 and lost not in (clip.apex, clip.offset):
            (color / f"{lost}.jpg").unlink()
        depth = color.with_name("depth")
        depth.mkdir(exist_ok=True)
        write_image(depth / f"{clip.onset}.png", clip.frames(clip.onset))
        apex = "/" if clip.apex is None else clip.apex
        emotion = spelling(clip, names, "casme3")
        aus, objective = "+".join(clip.aus), clip.objective or None
        rows.append((f"spNO.{clip.subject}", name, clip.onset, apex, clip.offset, aus, objective, emotion))
    write_sheet(out / "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx", [("v2",)], label=rows)
