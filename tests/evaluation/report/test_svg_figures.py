from __future__ import annotations

import re
from xml.etree import ElementTree

import pandas as pd
import pytest

from mer.evaluation.report.svg_figures import MAX_LINES, MAX_POINTS, curve_panels, reliability_diagram, score_strip
from tests.evaluation.conftest import make_curves


def paths(panel: str) -> list[list[tuple[float, float]]]:
    """Points of every line of a panel; the median is the last one."""
    return [
        [(float(x), float(y)) for x, y in re.findall(r"([\d.]+) ([\d.]+)", data)]
        for data in re.findall(r' d="M([^"]+)"', panel)
    ]


def test_a_strip_places_score_and_interval() -> None:
    strip = ElementTree.fromstring(score_strip({"value": 0.731, "low": 0.6, "high": 0.85}))
    assert strip.find("circle[@class='mark']").get("cx") == "73.1%"
    line = strip.find("line[@class='range']")
    assert (line.get("x1"), line.get("x2")) == ("60.0%", "85.0%")


def test_a_strip_without_interval_or_score() -> None:
    assert "range" not in score_strip({"value": 0.5, "low": None, "high": None})
    assert score_strip({"value": None, "low": None, "high": None}) == ""


def test_panels_are_those_of_the_columns() -> None:
    assert curve_panels([]) == []
    plain = curve_panels([make_curves(fold) for fold in range(3)])
    inner = curve_panels([make_curves(fold, validation=True) for fold in range(3)])
    assert [ElementTree.fromstring(panel).find("figcaption").text for panel in inner] == [
        "Training loss",
        "Training accuracy",
        "Loss on the inner split",
        "UF1 on the inner split",
    ]
    assert len(plain) == 2


def test_a_panel_draws_each_fold_and_the_median() -> None:
    # three folds at 0.2, 0.4 and 0.9: the median is the middle line
    folds = [pd.DataFrame({"epoch": [0, 1, 2], "train_accuracy": [value] * 3}) for value in (0.2, 0.4, 0.9)]
    (panel,) = curve_panels(folds)
    lines = paths(panel)
    assert len(lines) == 4
    assert lines[3] == lines[1]
    # higher is further up, and equal steps of accuracy are equal steps on the page
    heights = [line[0][1] for line in lines[:3]]
    assert heights[0] > heights[1] > heights[2]
    assert (heights[1] - heights[2]) / (heights[0] - heights[1]) == pytest.approx(2.5, abs=0.01)
    text = ElementTree.fromstring(panel).find("svg").get("aria-label")
    assert text == "Training accuracy by epoch of 3 folds; the median goes from 0.400 to 0.400."


def test_a_median_ends_where_fewer_than_half_of_the_folds_go_on() -> None:
    folds = [make_curves(fold, epochs=epochs) for fold, epochs in enumerate((5, 5, 9))]
    for panel in curve_panels(folds):
        assert len(paths(panel)[-1]) == 5


def test_many_folds_and_epochs_are_thinned() -> None:
    panel = curve_panels([make_curves(fold, epochs=400) for fold in range(MAX_LINES + 20)])[0]
    lines = paths(panel)
    assert len(lines) == MAX_LINES + 1
    assert all(len(line) == MAX_POINTS for line in lines)


def test_one_epoch_of_one_fold_is_drawn() -> None:
    panels = curve_panels([make_curves(0, epochs=1)])
    assert len(panels) == 2
    for panel in panels:
        assert "of 1 fold;" in panel
        # a point is a line from itself to itself
        assert all(first == last for first, last in paths(panel))


def test_a_diverged_fold_does_not_break_the_panel() -> None:
    broken = make_curves(0).assign(train_loss=float("nan"))
    assert len(paths(curve_panels([broken, make_curves(1)])[0])) == 2
    assert len(curve_panels([broken])) == 1


def test_the_reliability_diagram_places_bins_and_the_diagonal() -> None:
    bins = [
        {"low": 0.4, "high": 0.5, "samples": 4, "confidence": 0.5, "accuracy": 0.5},
        {"low": 0.9, "high": 1.0, "samples": 16, "confidence": 1.0, "accuracy": 0.75},
        {"low": 0.5, "high": 0.6, "samples": 0, "confidence": None, "accuracy": None},
    ]
    figure = ElementTree.fromstring(reliability_diagram({"bins": bins, "ece": 0.2}))
    first, second = figure.findall(".//g[@class='marks']/circle")
    line = figure.find(".//line[@class='agree']")
    # the first bin lies in the middle of the diagonal; the second on its right end, below it
    assert float(first.get("cx")) == pytest.approx((float(line.get("x1")) + float(line.get("x2"))) / 2, abs=0.1)
    assert float(first.get("cy")) == pytest.approx((float(line.get("y1")) + float(line.get("y2"))) / 2, abs=0.1)
    assert second.get("cx") == line.get("x2")
    assert float(line.get("y2")) < float(second.get("cy")) < float(first.get("cy"))
    assert float(second.get("r")) > float(first.get("r"))
    assert reliability_diagram({"bins": []}) == ""
