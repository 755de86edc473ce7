"""The study of spotting: its naive baseline on known curves, its tables on given intervals, its videos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mer.benchmark.__main__ import main
from mer.benchmark.naive_spotter import motion_curves, peak_intervals
from mer.benchmark.spotting import GIVEN, drawn_videos, read_found, tables
from mer.data.facs.unit_targets import CD6ME, unit_name, unit_targets
from mer.data.synthetic.videos.video_design import design_video
from mer.data.synthetic.videos.video_file import truth_path, truth_table
from mer.errors import MerError
from mer.evaluation.spotting.matching import KINDS


def test_a_peak_becomes_an_interval_around_the_moment_of_motion() -> None:
    time = np.arange(300)
    curve = np.exp(-0.5 * ((time - 150) / 8) ** 2) + 0.2 * np.exp(-0.5 * ((time - 60) / 8) ** 2)
    assert peak_intervals(curve, 20) == [(120, 140, 160)]
    curve += np.exp(-0.5 * ((time - 290) / 8) ** 2)
    (_, *_), (onset, middle, offset) = peak_intervals(curve, 20)
    assert onset < middle < offset == 299
    assert peak_intervals(np.zeros(50), 5) == peak_intervals(np.zeros(0), 5) == []


def test_motion_is_measured_against_the_frame_before_by_the_lag() -> None:
    rng = np.random.default_rng(0)
    texture = np.kron(rng.integers(0, 255, (14, 14)), np.ones((8, 8))).astype(np.uint8)
    shifts = [0] * 10 + [3] * 10  # three pixels to the right at once
    curves = motion_curves([np.roll(texture, shift, axis=1)[:96, :96] for shift in shifts], (2, 5))
    for curve, lag in zip(curves, (2, 5), strict=True):
        assert curve.shape == (20,)
        moving = (curve > 1).nonzero()[0].tolist()
        assert moving == list(range(10, 10 + lag))
        assert abs(np.median(curve[moving]) - 3) < 0.7


def designed(people: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the truth of videos of a minute, which need not be drawn for it, and their list."""
    specs = [design_video(seconds=60, seed=seed) for seed in range(people)]
    truth = pd.concat([truth_table(spec).assign(video=f"v{seed}") for seed, spec in enumerate(specs)])
    videos = [(f"v{seed}", f"p{seed}", 60.0) for seed in range(people)]
    return truth.reset_index(drop=True), pd.DataFrame(videos, columns=["video", "subject", "seconds"])


def perfect(truth: pd.DataFrame) -> pd.DataFrame:
    """Return what a method finds that knows all."""
    found = truth[truth["kind"].isin(KINDS)].reset_index(drop=True)
    units = unit_targets(found["action_units"], CD6ME, drawn=True)
    return found.assign(**{unit_name(unit): units[:, k] for k, unit in enumerate(CD6ME)})


def test_who_knows_all_has_full_scores_and_who_guesses_units_has_half() -> None:
    truth, videos = designed(4)
    best = perfect(truth)
    guessed = best.assign(**dict.fromkeys(map(unit_name, CD6ME), 0.5))
    got = tables(truth, {"best": best, "guess": guessed, GIVEN: best}, videos, draws=20, seed=0)
    assert (got["spotting"].loc["best", ["f1", "precision", "recall", "script_f1"]] == 1).all(axis=None)
    assert (got["spotting"].loc["best", "tp"] == [12 * 4, 8 * 4, 4 * 4]).all()
    assert (got["reading"].loc["best", ["uf1", "strs", "auc"]] == 1).all(axis=None)
    assert got["reading"].loc[("best", "all"), "units"] >= 3
    assert (got["reading"].loc["guess", "auc"] == 0.5).all()
    assert GIVEN in got["reading"].index and GIVEN not in got["spotting"].index
    assert (got["alarms"] == 0).all(axis=None)


def test_an_interval_without_an_answer_counts_as_not_spotted_where_answers_are_scored() -> None:
    truth, videos = designed(4)
    best = perfect(truth)
    best.loc[best.index[:3], ["label", "AU12"]] = None
    reading = tables(truth, {"best": best}, videos, draws=20, seed=0)["reading"].loc[("best", "all")]
    assert reading["pairs"] == 12 * 4 - 3 and reading["uf1"] == 1
    assert reading["strs"] == pytest.approx(2 * 45 / (2 * 45 + 3))


def test_false_alarms_are_counted_where_they_fall() -> None:
    truth, videos = designed(1)
    best = perfect(truth)
    talk, micro = (truth[truth["kind"] == kind].iloc[0] for kind in ("talk", "micro"))
    extra = pd.DataFrame(
        {
            "video": "v0",
            "kind": ["macro", "micro", "micro"],
            "onset": [talk["onset"], 5990, micro["onset"]],
            "offset": [talk["offset"], 5999, micro["onset"] + 3],
        }
    )
    found = pd.concat([best, extra.assign(label="positive", **dict.fromkeys(map(unit_name, CD6ME), 0.0))])
    got = tables(truth, {"many": found.reset_index(drop=True)}, videos, draws=20, seed=0)
    alarms = got["alarms"].loc["many"]
    assert alarms["talk"] == alarms["expression"] == alarms["nothing"] == 1 and alarms.sum() == 3
    assert got["spotting"].loc[("many", "all"), "false_alarms"] == pytest.approx(3)


def test_videos_that_are_there_are_kept_and_others_of_their_name_refused(tmp_path: Path) -> None:
    wanted = {"count": 2, "seconds": 1.0, "size": (160, 120), "seed": 3}
    first = drawn_videos(tmp_path, **wanted)
    assert first["video"].tolist() == ["drawn_03", "drawn_04"] and first["seconds"].tolist() == [1.0, 1.0]
    times = [path.stat().st_mtime_ns for path in first["path"]]
    assert [path.stat().st_mtime_ns for path in drawn_videos(tmp_path, **wanted)["path"]] == times
    with pytest.raises(MerError, match=r"drawn_03_truth\.csv: expected the events of seed 3"):
        drawn_videos(tmp_path, **{**wanted, "seconds": 2.0})
    truth_path(first["path"][0]).unlink()
    with pytest.raises(MerError, match=r"drawn_03\.mp4: the file is there"):
        drawn_videos(tmp_path, **wanted)


def test_a_video_in_which_nothing_was_found_is_read_with_the_types_of_others(tmp_path: Path) -> None:
    (tmp_path / "none.csv").write_text("kind,onset,apex,offset,label,AU1\n")
    (tmp_path / "some.csv").write_text("kind,onset,apex,offset,label,AU1\nmicro,1,2,3,,\nmicro,4,5,6,positive,0.5\n")
    none, some = (read_found(tmp_path / name) for name in ("none.csv", "some.csv"))
    assert (none.dtypes == some.dtypes).all() and none.empty
    assert some["label"].notna().tolist() == [False, True]
    assert pd.concat([none, some])["onset"].tolist() == [1, 4]


@pytest.mark.slow
def test_the_whole_study_runs_and_goes_on_where_it_ended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["spotting", "--out", str(tmp_path), "--videos", "2", "--seconds", "6", "--draws", "20"]
    assert main(arguments) == 0
    first = capsys.readouterr().out
    assert "Synthetic" in first and "naive" in first and "given" in first
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "found").rglob("*.csv")}
    assert len(kept) >= 6
    assert main(arguments) == 0
    assert capsys.readouterr().out.endswith(first[first.index("\nSynthetic") :])
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "found").rglob("*.csv")} == kept
