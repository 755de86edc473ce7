"""Write `comparison.html`, a self-contained page of several runs on the same samples."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from mer.evaluation import caveats
from mer.evaluation.comparison.compare import TESTED
from mer.evaluation.comparison.tables import METHOD
from mer.evaluation.report import published_results
from mer.evaluation.report.templating import write_page
from mer.evaluation.statistics.paired_tests import POWER

TEMPLATE = "comparison.html.j2"


def write_comparison(path: Path, comparison: Mapping[str, Any]) -> Path:
    """Write the page of a comparison to `path`; return `path`."""
    reach = max([abs(bound) for pair in comparison["pairs"] for bound in _bounds(pair["uf1"])], default=1.0) or 1.0
    context = {
        "comparison": comparison,
        "headings": caveats.HEADINGS,
        "numbers": {one["name"]: place for place, one in enumerate(comparison["rows"], 1)},
        "tested": {key: caveats.HEADINGS[key] for key in TESTED},
        "strips": [difference_strip(pair["uf1"], reach=reach) for pair in comparison["pairs"]],
        "method": METHOD,
        "power": POWER,
        "published": published_results.matching_table(comparison["match"]) if comparison["match"] else None,
    }
    return write_page(path, TEMPLATE, context)


def difference_strip(test: Mapping[str, Any], *, reach: float) -> Markup:
    """Return an SVG strip from -reach to reach with a difference and its interval; empty if undefined."""
    if test["difference"] is None:
        return Markup("")

    def place(value: float) -> str:
        return f"{100 * (0.5 + 0.48 * value / reach):.1f}%"

    parts = ['<line class="axis" x1="0%" x2="100%" y1="50%" y2="50%"/>']
    parts.append('<line class="zero" x1="50%" x2="50%" y1="0%" y2="100%"/>')
    if test["low"] is not None:
        parts.append(f'<line class="range" x1="{place(test["low"])}" x2="{place(test["high"])}" y1="50%" y2="50%"/>')
    parts.append(f'<circle class="mark" cx="{place(test["difference"])}" cy="50%" r="3.2"/>')
    # the numbers stand beside it in words, so the strip itself is decoration
    return Markup(f'<svg class="strip run" aria-hidden="true" focusable="false">{"".join(parts)}</svg>')


def _bounds(test: Mapping[str, Any]) -> list[float]:
    return [value for value in (test["difference"], test["low"], test["high"]) if value is not None]
