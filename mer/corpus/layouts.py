"""Writes invented clips in the official layout of a data set, quirks included: loaders meet them without the data.

Contract: `write_tree` writes spreadsheets and frames into a new folder and marks it as synthetic; `mer.corpus.official`
reads the mark back. Layouts follow what the data sets' public pages and public loaders say of them.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mer.corpus import layouts_macro, layouts_micro
from mer.corpus.labels import MEGC2019
from mer.corpus.layout_parts import LayoutClip, spelling, write_frames, write_image, write_sheet
from mer.corpus.official import SYNTHETIC_MARK
from mer.errors import MerError

__all__ = ["LAYOUTS", "Layout", "LayoutClip", "write_tree"]

#: Emotion -> spelling in SAMM's sheet; the rest class appears as `Other` and as `Others`.
SAMM_SPELLING = {e: e.title() for e in ("anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")}
CASME2_EMOTIONS = ("others", "disgust", "happiness", "repression", "surprise", "sadness", "fear")
SMIC_CODES = {"negative": "ne", "positive": "po", "surprise": "sur"}
SAMM_HEADER = (
    *("Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame", "Duration", "Micro"),
    *("Action Units", "Estimated Emotion", "Objective Classes", "Notes"),
)
#: Above the header, which stands in row 14; one line begins like it.
SAMM_NOTES = (
    *("Invented clips in the layout of SAMM", "", "Notes", "Frame numbers count from the start of the recording"),
    *("Subject: three digits", "Micro: 1/2", "L and R mark a side", "", "", "", "", "", ""),
)
CASME2_HEADER = (
    *("Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None),
    *("Action Units", "Estimated Emotion"),
)
#: Irregular clip names, each a prefix of another, as in `EP01_2`, `EP09f`, `EP06_02_01`.
CASME2_NAMES = ("EP{:02d}_01f", "EP{:02d}_01", "EP{:02d}f", "EP{:02d}_01_01", "EP{:02d}_1")


def write_tree(
    layout: str,
    clips: Sequence[LayoutClip],
    out: str | Path,
    *,
    variant: str | None = None,
    progress: Callable[[Sequence[LayoutClip]], Iterable[LayoutClip]] = iter,
) -> Path:
    """The new folder `out` with all frames onset..offset of the clips and the coding sheet, in the official layout.

    Args:
        layout: key of `LAYOUTS`.
        clips: what to write.
        out: a folder that does not exist yet or is empty; it appears when it is complete.
        variant: one of `LAYOUTS[layout].variants`, None for the first.
        progress: wraps the clips while they are written, e.g. `rich.progress.track`.

    Raises:
        MerError: unknown layout or variant, or `out` holds files.
        SampleError: an emotion for which the layout has no name.
    """
    out = Path(out).expanduser().resolve()
    if layout not in LAYOUTS:
        raise MerError(f"layout: expected one of {', '.join(LAYOUTS)}, got {layout!r}.")
    variants = LAYOUTS[layout].variants
    variant = variant or variants[0]
    if variant not in variants:
        raise MerError(f"variant of {layout}: expected one of {', '.join(filter(None, variants))}, got {variant!r}.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise MerError(
            f"{out}: expected a new or empty folder, got one with files. Choose another, or remove it first."
        )
    partial = out.with_name(f".{out.name}-partial")
    if partial.exists():
        raise MerError(
            f"{partial}: left by an interrupted writing of {out.name}, or by one that still goes on. Remove it."
        )
    partial.mkdir(parents=True)
    (partial / SYNTHETIC_MARK).write_text("Drawn by mer.corpus.synthetic; no person was recorded.\n", encoding="utf-8")
    try:
        LAYOUTS[layout].write(progress(clips), partial, variant)
    except BaseException:
        shutil.rmtree(partial)
        raise
    if out.exists():
        out.rmdir()
    return partial.rename(out)


def write_samm(clips: Iterable[LayoutClip], out: Path, variant: str) -> None:
    """`SAMM/006/006_1_2/006_05562.jpg`, 4 or 5 digits by clip; notes above the header, Title Case, stray files."""
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


def write_casme2(clips: Iterable[LayoutClip], out: Path, variant: str) -> None:
    """`Cropped/sub01/EP02_01f/reg_img46.jpg`, unpadded; blank columns, subjects as number or text, odd clip names.

    `selected` stands in a doubled folder, `raw` has frames around each clip. Objective classes stand in a sheet of
    their own, written where a clip has one.
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
        # A single action unit stands in the sheet as a number, several as text.
        aus = int(clip.aus[0]) if len(clip.aus) == 1 and clip.aus[0].isdecimal() else "+".join(clip.aus)
        apex = "/" if clip.apex is None else clip.apex
        rows.append((subject, name, None, clip.onset, apex, clip.offset, None, aus, emotion))
        if clip.objective:
            classes.append((subject, name, clip.objective))
    write_sheet(out / "CASME2-coding-20140508.xlsx", rows)
    if len(classes) > 1:
        write_sheet(out / "CASME2-ObjectiveClasses.xlsx", classes)


def write_smic(clips: Iterable[LayoutClip], out: Path, variant: str) -> None:
    """`SMIC_all_cropped/HS/s03/micro/negative/s3_ne_01/reg_image034013.bmp`, folders `s1` or `s03`, no sheet.

    Raw frames are `image034013`, jpg in one clip and bmp in the next.
    """
    camera, version = variant.split("_")
    seen: Counter[tuple[int, str]] = Counter()
    names = {**MEGC2019.of, "negative": "negative", "positive": "positive"}
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


@dataclass(frozen=True)
class Layout:
    """How to write one data set.

    Attributes:
        write: takes the clips, an empty folder and a variant.
        profile: emotion mix of `mer.corpus.casting.PROFILES` whose emotions the layout can name.
        variants: parts or arrangements of the set; the first is the default.
    """

    write: Callable[[Iterable[LayoutClip], Path, str], None]
    profile: str
    variants: tuple[str, ...] = ("",)


#: Layout by the key of its data set in `mer.corpus.catalog`.
LAYOUTS: Mapping[str, Layout] = {
    "samm": Layout(write_samm, "samm"),
    "casme2": Layout(write_casme2, "casme2", ("cropped", "selected", "raw")),
    "smic": Layout(write_smic, "smic", ("hs_cropped", "hs_raw", "vis_cropped", "vis_raw", "nir_cropped", "nir_raw")),
    "smic_e": Layout(layouts_micro.write_smic_e, "smic", ("hs", "vis", "nir")),
    "casme": Layout(layouts_micro.write_casme, "casme", ("cropped", "selected")),
    "casme_sq": Layout(layouts_micro.write_casme_sq, "smic", layouts_micro.CASME_SQ_VARIANTS),
    "casme3": Layout(layouts_micro.write_casme3, "basic_others"),
    "mmew": Layout(layouts_micro.write_mmew, "basic", ("by_emotion", "by_person")),
    "fourdme": Layout(layouts_micro.write_fourdme, "fourdme"),
    "dfme": Layout(layouts_micro.write_dfme, "basic_contempt"),
    "ck_plus": Layout(layouts_macro.write_ck_plus, "basic_contempt"),
    "oulu_casia": Layout(layouts_macro.write_oulu_casia, "basic", layouts_macro.OULU_VARIANTS),
    "mug": Layout(layouts_macro.write_mug, "basic"),
    "jaffe": Layout(layouts_macro.write_jaffe, "basic_neutral"),
    "fer2013": Layout(layouts_macro.write_fer2013, "basic_neutral"),
    "raf_db": Layout(layouts_macro.write_raf_db, "basic_neutral"),
}
