"""The tables and pictures of the documentation: they run, and what they show is bound to the truth they know."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mer.benchmark import input_accuracy as measure
from mer.benchmark import input_gallery as gallery
from mer.benchmark.__main__ import main


def test_shifted_noise_is_shifted_by_as_much_as_said() -> None:
    first, second = measure.shifted(np.random.default_rng(0), 64, (3.0, -2.0))
    np.testing.assert_array_equal(second[:-2, 3:], first[2:, :-3])


@pytest.mark.slow
def test_the_table_of_flows_beats_no_motion(capsys: pytest.CaptureFixture[str]) -> None:
    rows = {row[0]: row for row in measure.flow(2, 5, 96)}
    still = rows["none (zero motion)"]
    for name in measure.METHODS:
        assert float(rows[name][1]) < float(still[1]) / 5
        assert float(rows[name][2]) < float(still[2])
    main(["apex", "--clips", "1", "--size", "64"])
    assert "difference" in capsys.readouterr().out


def test_pictures_of_every_input_are_written(tmp_path: Path) -> None:
    main(["gallery", "--out", str(tmp_path)])
    assert {path.stem for path in tmp_path.glob("*.png")} == set(gallery.INPUTS)
    stack = cv2.imread(str(tmp_path / "stack.png"), cv2.IMREAD_GRAYSCALE)
    assert stack.shape == (gallery.SHOWN, 6 * gallery.SHOWN)
    assert all(
        f"inputs/{name}.png" in (Path(__file__).parents[2] / "docs" / "inputs.md").read_text(encoding="utf-8")
        for name in gallery.INPUTS
    )
