"""Write clips in the layouts of micro-expression sets, with the quirks of the official sheets.

Contract: each function takes clips, an empty folder and a variant, and writes frames and coding sheet. The quirks are
those reported by public pages and loaders, so that the loader of the set is tested with all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mer.data.samples.label_sets import MEGC2019
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

#: Emotion -> spelling in SAMM's sheet; the rest class appears as `Other` and as `Others`.
SAMM_SPELLING = {e: e.title() for e in ("anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")}
SMIC_CODES = {"negative": "ne", "positive": "po", "surprise": "sur"}
SAMM_HEADER = (
    *("Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame", "Duration", "Micro"),
    *("Action Units", "Estimated Emotion", "Objective Classes", "Notes"),
)
#: Rows above the header, which is row 14; one of them begins like a heading.
SAMM_NOTES = (
    *("Invented clips in the layout of SAMM", "", "Notes", "Frame numbers count from the start of the recording"),
    *("Subject: three digits", "Micro: 1/2", "L and R mark a side", "", "", "", "", "", ""),
)


@LAYOUTS.register("samm", profile="samm")
def write_samm(clips: Iterable[LayoutClip], out: Path, variant: str) -> None:
    """Write `SAMM/006/006_1_2/006_05562.jpg` (4 or 5 digits) with notes above the header, Title Case, stray files."""
    rows: list[Sequence[Any]] = [(note,) for note in SAMM_NOTES] + [SAMM_HEADER]
    seen: Counter[int] = Counter()
    for place, clip in enumerate(clips):
        subject, taken = f"{clip.subject:03d}", seen[clip.subject]
        name = f"{subject}_{1 + taken // 3}_{1 + taken % 3}"
        seen[clip.subject] += 1
        folder = out / "SAMM" / subject / name
        write_frames(clip, folder, f"{subject}_{{:0{4 + place % 2}d}}.jpg")
        (folder / "Thumbs.db").write_bytes(b"stray")
        others = "Others" if place % 2 else "Other"
        emotion = spelling(clip, {**SAMM_SPELLING, "others": others}, "samm")
        numbers = (clip.onset, "/" if clip.apex is None else clip.apex, clip.offset, clip.offset - clip.onset + 1)
        rows.append(
            (subject, name, taken + 1, *numbers, "1/2", "+".join(clip.aus), emotion, clip.objective or None, None)
        )
    write_sheet(out / "SAMM_Micro_FACS_Codes_v2.xlsx", rows)


@LAYOUTS.register(
    "smic", profile="smic", variants=("hs_cropped", "hs_raw", "vis_cropped", "vis_raw", "nir_cropped", "nir_raw")
)
def write_smic(clips: Iterable[LayoutClip], out: Path, variant: str) -> None:
    """Write `SMIC_all_cropped/HS/s03/micro/negative/s3_ne_01/reg_image034013.bmp`, folders `s1` or `s03`, no sheet.

    Raw frames are `image034013`, alternately jpg and bmp by clip.
    """
    camera, version = variant.split("_")
    seen: Counter[tuple[int, str]] = Counter()
    names = {**MEGC2019.mapping, "negative": "negative", "positive": "positive"}
    for number, clip in enumerate(clips):
        label = spelling(clip, names, "smic")
        code = SMIC_CODES[label]
        seen[clip.subject, code] += 1
        padded = f"s{clip.subject:02d}" if clip.subject % 3 == 0 else f"s{clip.subject}"
        person = out / f"SMIC_all_{version}" / camera.upper() / padded
        folder = person / "micro" / label / f"s{clip.subject}_{code}_{seen[clip.subject, code]:02d}"
        raw = "image{:06d}.jpg" if number % 2 else "image{:06d}.bmp"
        write_frames(clip, folder, "reg_image{:06d}.bmp" if version == "cropped" else raw)
        still = person / "non_micro" / f"s{clip.subject}_non_01"
        still.mkdir(parents=True, exist_ok=True)
        write_image(still / "reg_image000001.bmp", clip.frames(clip.onset))


@LAYOUTS.register("mmew", profile="basic", variants=("by_emotion", "by_person"))
def write_mmew(clips: Iterable[LayoutClip], out: Path, variant: str) -> None:
    """Write `Micro_Expression/happiness/S03-01-002/1.jpg` or `S03/happiness/S03-01-002/1.jpg` (`by_person`)."""
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


@LAYOUTS.register("fourdme", profile="fourdme")
def write_fourdme(clips: Iterable[LayoutClip], out: Path, variant: str) -> None:
    """Write `gray_micro/03/03_01/1.jpg`, one column of flags per class, units like `AU12(k)`, clips with two labels."""
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


@LAYOUTS.register("dfme", profile="basic_contempt")
def write_dfme(clips: Iterable[LayoutClip], out: Path, variant: str) -> None:
    """Write `training/0003_001/00001.png` and `training.xlsx` with headings in lower case, without action units."""
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


@LAYOUTS.register("smic_e", profile="smic", variants=("hs", "vis", "nir"))
def write_smic_e(clips: Iterable[LayoutClip], out: Path, variant: str) -> None:
    """Write `HS_long/SMIC-HS-E/s01/s1_ne_01/image034013.jpg` with frames around the clip, in the sheet `s01_ne_01`.

    A person's next clip of a class becomes a second interval of the same recording if its frames come later. Every
    second row has numbers as text; empty rows and a remark end the sheet. The sheet is beside the frames' folder for
    HS, and inside it, with a name in `_2019`, for VIS and NIR.
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
