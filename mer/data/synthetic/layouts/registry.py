"""Write drawn clips in the official layout of a data set: call `write_tree`.

With it loaders are tested without the real data. Contract: `write_tree` writes spreadsheets and frames to a new folder
and marks it as synthetic; `mer.data.loading` reads the mark. Layouts follow public pages and public loaders.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from mer.data.loading.dataset_card import SYNTHETIC_MARK
from mer.data.synthetic.layouts.writing import LAYOUTS, Layout, LayoutClip
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
    """Write the frames onset..offset of the clips and the coding sheet in an official layout; return the folder.

    Args:
        layout: key of `LAYOUTS`.
        clips: clips to write.
        out: folder that does not exist or is empty; it is filled elsewhere and renamed when complete.
        variant: one of `LAYOUTS[layout].variants`, None for the first.
        progress: wrapper of the clips while they are written, e.g. `rich.progress.track`.

    Raises:
        MerError: layout or variant is unknown, or `out` holds files.
        SampleError: the layout has no name for an emotion.
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
