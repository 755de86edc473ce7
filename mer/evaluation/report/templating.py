"""Render pages: the template environment, the format of numbers, and writing to a file.

Contract: a page is one file with everything inline; no script runs and nothing is loaded. The same content gives the
same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from mer.evaluation.report.svg_figures import score_strip
from mer.utils.atomic_files import write_atomically


def write_page(path: Path, template: str, context: Mapping[str, Any]) -> Path:
    """`path`, after the template beside this module was filled with the context and written there."""
    page = _environment().get_template(template).render(**context)
    with write_atomically(path) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")
    return path


def score_text(value: float | None) -> str:
    """Three decimals without a leading zero, as the field prints scores."""
    return "not defined" if value is None else f"{value:.3f}".removeprefix("0")


def signed_text(value: float | None, digits: int = 3) -> str:
    """A difference with its sign: `+.031`, `−.004`, `.000`."""
    if value is None:
        return "not defined"
    text = f"{abs(value):.{digits}f}".removeprefix("0")
    return text if float(text) == 0 else f"{'+' if value > 0 else '−'}{text}"


def p_text(value: float | None) -> str:
    """A p-value with three decimals, `<.001` below that."""
    if value is None:
        return "–"
    return "<.001" if value < 0.001 else f"{value:.3f}".removeprefix("0")


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "score": score_text,
        "signed": signed_text,
        "p": p_text,
        "bound": _bound,
        "share": _share,
        "count": _count,
        "duration": _duration,
    }
    environment.globals |= {"score_strip": score_strip}
    return environment


def _bound(value: float) -> str:
    return f"{value:.2f}".removeprefix("0")


def _share(value: float) -> str:
    """Whole percents; a share that is not 0 never reads as 0%."""
    return "<1%" if 0 < value < 0.005 else f"{value:.0%}"


def _count(value: int) -> str:
    """Thousands set apart by a narrow space that does not break."""
    return f"{value:,}".replace(",", "\u202f")


def _duration(seconds: float) -> str:
    """The two largest units of a duration."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
