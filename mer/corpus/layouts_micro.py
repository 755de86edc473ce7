"""Writers of invented clips in the layouts of micro-expression sets, beside those of `mer.corpus.layouts`.

Contract: each takes clips, an empty folder and a variant, and writes frames and coding sheet with the quirks that the
public pages and loaders of that set report; a loader that reads the tree meets them all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from mer.corpus.labels import MEGC2019
from mer.corpus.layout_parts import LayoutClip, spelling, write_frames, write_image, write_sheet

_BASIC = ("surprise", "disgust", "happiness", "fear", "sadness", "anger")
_COARSE = {**MEGC2019.of, "negative": "negative", "positive": "positive"}
CASME_SQ_VARIANTS = tuple(
    f"{kind}_{place}" for kind, place in product(("micro", "macro"), ("cropped", "selected", "raw"))
)


def _same(*words: str) -> dict[str, str]:
    return {word: word for word in words}


def write_casme(clips: Iterable[LayoutClip], out: Path, variant: str) -> None:
    """`Cropped/sub01/EP01_1/EP01_1-46.jpg`; two apex columns, a backslash for none, a column without heading.

    The sheet is named xls as the official one; its content is an xlsx.
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
        # A second apex, where the face peaks twice.
        second = clip.offset if number % 4 == 1 else "\\"
        coded = ("+".join(clip.aus), spelling(clip, names, "casme"))
        rows.append((clip.subject, name, None, clip.onset, first, second, clip.offset, None, *coded))
    write_sheet(out / "CASME-coded-20190721.xls", rows)


def write_casme_sq(clips: Iterable[LayoutClip], out: Path, variant: str) -> None:
    """First sheet without header, two sheets of naming rules; every fourth clip has offset 0 and ends at its apex.

    Clips are of the kind of the variant; one row of the other kind without frames stands among them.
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


def write_casme3(clips: Iterable[LayoutClip], out: Path, variant: str) -> None:
    """`part_A/spNO.1/b/color/175.jpg` with `depth/` beside; `spNo` on disk for some, clips that share a recording.

    A frame that is neither onset, apex nor offset is missing in every second clip.
    """
    names = {**_same(*_BASIC, "others"), "happiness": "happy", "sadness": "sad"}
    rows: list[Sequence[Any]] = [("Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion")]
    ends: dict[int, tuple[int, int]] = {}
    for number, clip in enumerate(clips):
        recording, end = ends.get(clip.subject, (0, -1))
        # The next clip of a person goes into the same recording where it comes later.
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


def write_mmew(clips: Iterable[LayoutClip], out: Path, variant: str) -> None:
    """`Micro_Expression/happiness/S03-01-002/1.jpg`, or `S03/happiness/S03-01-002/1.jpg` (`by_person`); remarks."""
    header = ("Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units", "Estimated Emotion")
    rows: list[Sequence[Any]] = [(*header, "remarks")]
    seen: Counter[int] = Counter()
    for clip in clips:
        seen[clip.subject] += 1
        emotion = spelling(clip, _same(*_BASIC, "others"), "mmew")
        name = f"S{clip.subject:02d}-01-{seen[clip.subject]:03d}"
        person = f"S{clip.subject:02d}"
        parent = out / "Micro_Expression" if variant == "by_emotion" else out / person
        write_frames(clip, parent / emotion / name, "{}.jpg")
        apex = "/" if clip.apex is None else clip.apex
        aus = "+".join(clip.aus)
        rows.append((clip.subject, name, clip.onset, apex, clip.offset, aus, emotion, "seen from the left"))
    write_sheet(out / "MMEW_Micro_Exp.xlsx", rows)


def write_fourdme(clips: Iterable[LayoutClip], out: Path, variant: str) -> None:
    """`gray_micro/03/03_01/1.jpg`; a column of flags a class, action units like `AU12(k)`, clips with two labels."""
    classes = ("Positive", "Negative", "Surprise", "Repression", "Others")
    rows: list[Sequence[Any]] = [
        ("sub_ID", "fold_name", "Emotion", "Onset", "Apex", "Offset", "AUs", "eye blink", *classes)
    ]
    names = {**_COARSE, **_same("repression", "others"), "mixed": "Negative+Others"}
    seen: Counter[int] = Counter()
    for number, clip in enumerate(clips):
        seen[clip.subject] += 1
        name = f"{clip.subject:02d}_{seen[clip.subject]:02d}"
        write_frames(clip, out / "gray_micro" / f"{clip.subject:02d}" / name, "{}.jpg")
        words = spelling(clip, names, "fourdme").title().split("+")
        aus = "+".join(f"AU{unit}" for unit in clip.aus) + ("(k)" if number % 3 == 0 and clip.aus else "")
        flags = [int(word in words) for word in classes]
        apex = "/" if clip.apex is None else clip.apex
        rows.append((f"{clip.subject:02d}", name, words[0], clip.onset, apex, clip.offset, aus, 0, *flags))
    write_sheet(out / "4DME_Labelling_Micro_release v1.xlsx", rows)


def write_dfme(clips: Iterable[LayoutClip], out: Path, variant: str) -> None:
    """`training/0003_001/00001.png` and `training.xlsx`; headings in lower case, no action units."""
    rows: list[Sequence[Any]] = [("Subject", "Filename", "onset", "apex", "offset", "label")]
    seen: Counter[int] = Counter()
    for clip in clips:
        seen[clip.subject] += 1
        name = f"{clip.subject:04d}_{seen[clip.subject]:03d}"
        write_frames(clip, out / "training" / name, "{:05d}.png")
        apex = "/" if clip.apex is None else clip.apex
        emotion = spelling(clip, _same(*_BASIC, "contempt", "others"), "dfme")
        rows.append((clip.subject, name, clip.onset, apex, clip.offset, emotion))
    write_sheet(out / "training.xlsx", rows)


def write_smic_e(clips: Iterable[LayoutClip], out: Path, variant: str) -> None:
    """`HS_long/SMIC-HS-E/s01/s1_ne_01/image034013.jpg` with frames around the clip, sheet padded `s01_ne_01`.

    A person's next clip of the class goes into the same recording, as a second interval, where it comes later. Numbers
    stand as text in every second row, empty rows and a remark end the sheet. It lies beside the frames' folder for HS
    and inside it for VIS and NIR, there as `_2019`.
    """
    code_of = {"negative": "ne", "positive": "po", "surprise": "sur"}
    name = f"SMIC-{variant.upper()}-E"
    base = out / f"{variant.upper()}_long"
    rows: list[list[Any]] = []
    last: dict[tuple[int, str], int] = {}
    seen: Counter[tuple[int, str]] = Counter()
    around = 3
    for number, clip in enumerate(clips):
        code = code_of[spelling(clip, _COARSE, "smic_e")]
        key = (clip.subject, code)
        before = rows[last[key]] if key in last else None
        if before is not None and len(before) == 4 and int(before[3]) + 2 * around < clip.onset:
            before += [clip.onset, clip.offset]
        else:
            seen[key] += 1
            numbers: tuple[Any, Any] = (clip.onset, clip.offset)
            if number % 2:
                numbers = (f" {clip.onset} ", str(clip.offset))
            rows.append([clip.subject, f"s{clip.subject:02d}_{code}_{seen[key]:02d}", *numbers])
            last[key] = len(rows) - 1
        folder = base / name / f"s{clip.subject:02d}" / f"s{clip.subject}_{code}_{seen[key]:02d}"
        write_frames(clip, folder, "image{:06d}.jpg", around=around)
    inside = variant != "hs"
    path = (base / name if inside else base) / f"{name}_annotation{'_2019' if inside else ''}.xlsx"
    header = ["Subject", "Filename", "OnsetF", "OffsetF", "OnsetF", "OffsetF"]
    write_sheet(path, [header, *rows, [], ["", "", "", "", "total", len(rows)], []])
