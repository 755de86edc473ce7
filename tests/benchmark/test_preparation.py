"""The benchmark of preparing: frames as asked for, and a kill in earnest."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from mer.benchmark import drawn_frames, preparation
from mer.benchmark.__main__ import main as benchmark_main
from mer.benchmark.drawn_frames import SLOWER
from mer.config import SyntheticData
from mer.data.synthetic.clip_design import design_clips
from mer.data.synthetic.clip_rendering import render_frame


def test_frames_show_the_whole_face_in_the_middle() -> None:
    spec = design_clips(SyntheticData(name="synthetic", subjects=2, clips=10, size=64, profile="casme2"))[0]
    drawn = drawn_frames._frames(spec, frame=(200, 128))
    assert drawn.dtype == np.uint8
    assert drawn.shape == (round(SLOWER * (spec.offset - spec.onset)) + 1, 128, 200)
    np.testing.assert_array_equal(drawn[0, 32:96, 68:132], render_frame(spec, spec.onset + 0.0))  # type: ignore[arg-type]
    np.testing.assert_array_equal(drawn[0, :, 0], drawn[0, :, 68])


def test_the_command_writes_a_row_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever is made, the processes are told apart by what they make."""
    told = {"clips": 10, "frames": 600, "threads": 2, "process_seconds": 30.0, "frames_per_second": 20.0}
    made = iter([30, 0, 15])
    monkeypatch.setattr(preparation, "draw", lambda root, clips, frame: root.mkdir())
    monkeypatch.setattr(preparation, "_finished", lambda settings: {**told, "made": next(made), "decoding_share": 0.25})
    monkeypatch.setattr(preparation, "_kill", lambda settings, cache, *, at: at)
    monkeypatch.setattr(preparation, "_compare", lambda rows, left, folder: None)
    out = tmp_path / "rows.csv"
    benchmark_main(["prepare", "--clips", "10", "--face", "none", "--out", str(out)])
    assert "10 drawn clips of 640x480 (synthetic)" in " ".join(capsys.readouterr().out.split())
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [(row["run"], row["made"]) for row in rows] == [
        *(("first", "30"), ("second", "0"), ("after a kill at 15 of 30", "15"))
    ]


@pytest.mark.parametrize("wrong", [("--clips", "9"), ("--frame", "100", "480")])
def test_what_cannot_be_drawn_ends_with_status_2(wrong: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        benchmark_main(["prepare", *wrong])
    assert ended.value.code == 2


@pytest.mark.slow
def test_a_killed_process_is_gone_on_with(capsys: pytest.CaptureFixture[str]) -> None:
    benchmark_main(["prepare", "--clips", "10", "--frame", "200", "128", "--face", "none"])
    shown = capsys.readouterr().out
    assert "first" in shown
    assert "after a kill" in shown
