from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from mer import run_files
from mer.data.samples.table import SampleTable
from mer.evaluation.report.input_images import input_picture
from mer.evaluation.report.plots import attention_figure, confusion_figure, confusion_png
from tests.evaluation.conftest import make_attention, make_run


def test_confusion_png_is_written_the_same_twice(table: SampleTable, tmp_path: Path) -> None:
    make_run(tmp_path, table)
    path = confusion_png(tmp_path)
    assert path == tmp_path / run_files.CONFUSION
    first = path.read_bytes()
    confusion_png(tmp_path)
    assert path.read_bytes() == first
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 300


def test_the_confusion_figure_shows_every_count_and_what_it_is(table: SampleTable, tmp_path: Path) -> None:
    drawn = SampleTable(table.frame, table.classes, name="drawn", synthetic=True)
    results = make_run(tmp_path, drawn, failed=["alpha-002"])
    (axes,) = confusion_figure(results).axes
    texts = [text.get_text() for text in axes.texts]
    counts = np.array(results["scores"]["all"]["confusion"])
    assert texts[::2] == [str(count) for count in counts.ravel()]
    assert texts[1] == f"{counts[0, 0] / counts[0].sum():.0%}"
    assert [label.get_text() for label in axes.get_xticklabels()] == results["classes"]
    assert axes.get_yticklabels()[0].get_text() == f"negative ({counts[0].sum()})"
    title = axes.get_title(loc="left")
    for words in ("invented_loso", "54 samples of 9 subjects", "synthetic data", "incomplete: 54 of 60"):
        assert words in title


def test_no_global_figure_is_opened(table: SampleTable, tmp_path: Path) -> None:
    make_run(tmp_path, table)
    confusion_png(tmp_path)
    opened = sys.modules["matplotlib.pyplot"].get_fignums() if "matplotlib.pyplot" in sys.modules else []
    assert opened == []


def test_an_attention_strip_holds_the_input_and_each_stage() -> None:
    kept = make_attention(["a"])
    maps = {int(stage): kept[f"map_{stage}"][0] for stage in kept["stages"]}
    strip = attention_figure(kept["images"][0], maps)
    # five pictures of 56 pixels, doubled, with four gaps of 6
    assert strip.shape == (112, 5 * 112 + 4 * 6, 3)
    assert strip.dtype == np.uint8
    np.testing.assert_array_equal(strip[::2, :112:2], input_picture(kept["images"][0]))
    assert attention_figure(kept["images"][0], {}).shape == (112, 112, 3)
