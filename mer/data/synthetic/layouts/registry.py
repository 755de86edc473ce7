"""Writes invented clips in the official layout of a data set, quirks included: loaders meet them without the data.

Contract: `write_tree` writes spreadsheets and frames into a new folder and marks it as synthetic; `loading`
reads the mark back. Layouts follow what the data sets' public pages and public loaders say of them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mer.data.loading.dataset_card import SYNTHETIC_MARK
from mer.data.synthetic.layouts import macro_sets, micro_sets
from mer.data.synthetic.layouts.casme_family import (
    CASME_SQ_VARIANTS,
    write_casme,
    write_casme2,
    write_casme3,
    write_casme_sq,
)
from mer.data.synthetic.layouts.micro_sets import write_samm, write_smic
from mer.data.synthetic.layouts.writing import LayoutClip
from mer.errors import MerError

__all__ = ["LAYOUTS", "Layout", "LayoutClip", "write_tree"]


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
    (partial / SYNTHETIC_MARK).write_text(
        "Drawn by mer.data.synthetic.source; no person was recorded.\n", encoding="utf-8"
    )
    try:
        LAYOUTS[layout].write(progress(clips), partial, variant)
    except BaseException:
        shutil.rmtree(partial)
        raise
    if out.exists():
        out.rmdir()
    return partial.rename(out)


@dataclass(frozen=True)
class Layout:
    """How to write one data set.

    Attributes:
        write: takes the clips, an empty folder and a variant.
        profile: emotion mix of `mer.data.synthetic.clip_design.PROFILES` whose emotions the layout can name.
        variants: parts or arrangements of the set; the first is the default.
    """

    write: Callable[[Iterable[LayoutClip], Path, str], None]
    profile: str
    variants: tuple[str, ...] = ("",)


#: Layout by the key of its data set in `mer.data.registry`.
LAYOUTS: Mapping[str, Layout] = {
    "samm": Layout(write_samm, "samm"),
    "casme2": Layout(write_casme2, "casme2", ("cropped", "selected", "raw")),
    "smic": Layout(write_smic, "smic", ("hs_cropped", "hs_raw", "vis_cropped", "vis_raw", "nir_cropped", "nir_raw")),
    "smic_e": Layout(micro_sets.write_smic_e, "smic", ("hs", "vis", "nir")),
    "casme": Layout(write_casme, "casme", ("cropped", "selected")),
    "casme_sq": Layout(write_casme_sq, "smic", CASME_SQ_VARIANTS),
    "casme3": Layout(write_casme3, "basic_others"),
    "mmew": Layout(micro_sets.write_mmew, "basic", ("by_emotion", "by_person")),
    "fourdme": Layout(micro_sets.write_fourdme, "fourdme"),
    "dfme": Layout(micro_sets.write_dfme, "basic_contempt"),
    "ck_plus": Layout(macro_sets.write_ck_plus, "basic_contempt"),
    "oulu_casia": Layout(macro_sets.write_oulu_casia, "basic", macro_sets.OULU_VARIANTS),
    "mug": Layout(macro_sets.write_mug, "basic"),
    "jaffe": Layout(macro_sets.write_jaffe, "basic_neutral"),
    "fer2013": Layout(macro_sets.write_fer2013, "basic_neutral"),
    "raf_db": Layout(macro_sets.write_raf_db, "basic_neutral"),
}
