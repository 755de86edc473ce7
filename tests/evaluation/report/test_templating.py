"""Both pages as a browser shows them; skipped where there is no Chromium."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mer import run_files
from mer.data.samples.table import SampleTable
from mer.evaluation.comparison.compare import compare
from mer.evaluation.comparison.html_page import difference_strip, write_comparison
from mer.evaluation.comparison.runs import read_run
from mer.evaluation.predictions import pool_folds, write_predictions
from mer.evaluation.report.html_report import write_report
from mer.evaluation.report.templating import p_text, score_text, signed_text
from mer.utils.atomic_files import write_json
from tests.evaluation.conftest import make_predictions, make_run
from tests.helpers.browser import CHROMIUM, layout, screenshot

browser = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, e.g. Debian's package chromium")

SANITY = {
    "permuted_labels": {"description": "Shuffled labels.", "passed": True, "verdict": "UF1 0.300, no higher."},
    "onset_only": {"description": "No apex.", "passed": False, "verdict": "UF1 0.600, HIGHER."},
    "linear": {"description": "Pixels.", "uf1": {"value": 0.99}},
    "identity": {"description": "Probes.", "verdict": "A linear probe names the person in 90% of clips."},
}


@pytest.fixture
def report(table: SampleTable, tmp_path: Path) -> Path:
    """The page of a run that has all there can be, under names as long as they come."""
    results = make_run(tmp_path / "run", table, validation=True)
    for dataset, real in (("alpha", "casme2"), ("beta", "samm")):
        for row in results["data"]["counts"].values():
            row[real] = row.pop(dataset)
            row["smic"] = 0
    results |= {"experiment": "a_name_that_is_" + "very_" * 12 + "long", "sanity": SANITY}
    write_json(tmp_path / "run" / run_files.RESULTS, results)
    return write_report(tmp_path / "run", inputs=True)


@pytest.fixture
def comparison(table: SampleTable, tmp_path: Path) -> Path:
    """The page of a comparison of four runs, two of them seeds of one configuration."""
    for name, (right, seed, lr) in {
        "a": (0.8, 0, 0.1),
        "b": (0.8, 1, 0.1),
        "c": (0.3, 0, 0.2),
        "d": (0.6, 0, 0.3),
    }.items():
        make_run(tmp_path / name, table)
        pooled = pool_folds(make_predictions(table, right=right, seed=ord(name)), table)
        write_predictions(tmp_path / name / run_files.PREDICTIONS, pooled)
        manifest = json.loads((tmp_path / name / run_files.MANIFEST).read_text(encoding="utf-8"))
        config = {"seed": seed, "optim.lr": lr, "optim.long": f"{'x' * 60}{lr}"}
        write_json(tmp_path / name / run_files.MANIFEST, {**manifest, "config": config})
    found = compare([read_run(tmp_path / name) for name in "abcd"], draws=200)
    return write_comparison(tmp_path / "comparison.html", found)


@browser
@pytest.mark.parametrize("width", [390, 1280], ids=["phone", "desktop"])
@pytest.mark.parametrize("page", ["report", "comparison"])
def test_pages_fit_the_window_and_are_reached_by_keyboard(page, width, request, tmp_path) -> None:
    path = request.getfixturevalue(page)
    found = layout(path, tmp_path / "work", width=width)
    assert found["window"] == width
    assert found["page"] <= width, f"wider than the window: {found['wide']}"
    assert found["wide"] == []
    assert found["tight"] == [], "names or numbers run into what stands beside them"
    assert found["unreachable"] == 0, "a part that scrolls sideways cannot be reached by keyboard"
    links = len(re.findall(r"<a |<summary|tabindex=", path.read_text(encoding="utf-8")))
    assert found["reach"] == links > 5
    picture = screenshot(path, tmp_path / "shot.png", width=width, height=2000)
    with Image.open(picture) as shot:
        assert shot.size == (width, 2000)
        levels = np.asarray(shot.convert("L"))
    # paper is bright, text is dark, and there is a good deal of both
    assert (levels > 240).mean() > 0.5
    assert (levels < 120).mean() > 0.005


@browser
@pytest.mark.parametrize("page", ["report", "comparison"])
def test_pages_are_dark_where_the_reader_asks_for_it(page, request, tmp_path) -> None:
    picture = screenshot(request.getfixturevalue(page), tmp_path / "dark.png", width=800, height=1200, dark=True)
    with Image.open(picture) as shot:
        levels = np.asarray(shot.convert("L"))
    assert (levels < 60).mean() > 0.5
    assert (levels > 150).mean() > 0.005


def test_the_page_of_a_run_shows_what_was_added(report: Path) -> None:
    text = report.read_text(encoding="utf-8")
    for words in ("Expected calibration error", "Null tests", "as it must be", "NOT as it must be", "does NOT exceed"):
        assert words in text
    assert "MEGC 2019 composite" in text and "here 60: not quite the same test" in text
    assert 'role="img" aria-label="Reliability' in text


def test_the_page_of_a_comparison_shows_every_pair_and_loads_nothing(comparison: Path) -> None:
    text = comparison.read_text(encoding="utf-8")
    names = dict(re.findall(r'<th scope="row">(\d) (invented_loso, [^<]+)<small>', text))
    assert [name.rpartition("=")[2] for name in names.values()] == ["0.1", "0.2", "0.3"]
    pairs = re.findall(r'<th scope="row" title="([^"]+) minus ([^"]+)">(\d) − (\d)</th>', text)
    assert pairs == [(names[a], names[b], a, b) for a, b in ("12", "13", "23")]
    assert "seeds together" in text and "<script" not in text
    assert not re.search(r"(src|href)=\"(?!#|data:)", text)


def test_numbers_as_text() -> None:
    assert [score_text(value) for value in (0.7314, 1.0, None)] == [".731", "1.000", "not defined"]
    assert [signed_text(value) for value in (0.0314, -0.0314, 0.0001, None)] == [
        "+.031",
        "−.031",
        ".000",
        "not defined",
    ]
    assert [p_text(value) for value in (0.0005, 0.0499, 1.0, None)] == ["<.001", ".050", "1.000", "–"]


def test_a_difference_strip_is_centred_on_zero() -> None:
    strip = difference_strip({"difference": 0.1, "low": -0.1, "high": 0.2}, reach=0.2)
    assert 'cx="74.0%"' in strip and 'x1="26.0%"' in strip and 'x2="98.0%"' in strip
    assert difference_strip({"difference": None, "low": None, "high": None}, reach=1) == ""
