"""Render pages: the template environment, the format of numbers, and writing to a file.

Contract: a page is one file with everything inline; no script runs and nothing is loaded. The same content gives the
same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from mer.evaluation.report.svg_figures import score_strip
from mer.utils.atomic_files import write_atomically

#: Folder of the templates of runs and comparisons.
HERE = Path(__file__).parent


def write_page(path: Path, template: str, context: Mapping[str, Any], *, folder: Path = HERE) -> Path:
    """Fill a template with the context and write it to `path`; return `path`.

    Args:
        path: the page.
        template: its name.
        context: values that it shows.
        folder: where the template stands; what it includes may stand in this folder too.
    """
    page = _environment(folder).get_template(template).render(**context)
    with write_atomically(path) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")
    return path


def score_text(value: float | None) -> str:
    """Return three decimals without a leading zero, as papers print scores."""
    return "not defined" if value is None else f"{value:.3f}".removeprefix("0")


def signed_text(value: float | None, digits: int = 3) -> str:
    """Return a difference with its sign: `+.031`, `−.004`, `.000`."""
    if value is None:
        return "not defined"
    text = f"{abs(value):.{digits}f}".removeprefix("0")
    return text if float(text) == 0 else f"{'+' if value > 0 else '−'}{text}"


def p_text(value: float | None) -> str:
    """Return a p-value with three decimals, or `<.001`."""
    if value is None:
        return "–"
    return "<.001" if value < 0.001 else f"{value:.3f}".removeprefix("0")


@cache
def _environment(folder: Path) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, HERE]),
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
    """Return whole percents; a share above 0 is never shown as 0%."""
    return "<1%" if 0 < value < 0.005 else f"{value:.0%}"


def _count(value: int) -> str:
    """Return a number with thousands separated by narrow no-break spaces."""
    return f"{value:,}".replace(",", "\u202f")


def _duration(seconds: float) -> str:
    """Return the two largest units of a duration."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
