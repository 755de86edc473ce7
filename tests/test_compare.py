"""The comparison's command line, on finished runs of the tiny drawn corpus."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from mer.compare import CLIPS, CURVE, NUMBERS, PAGE, PAIRS, TABLE, main
from mer.config import SyntheticData
from mer.run import run
from tests.conftest import tiny
from tests.helpers.command import process


@pytest.fixture(scope="module")
def runs(cache_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of four runs on the same samples: two seeds of one configuration, two others; and one on other samples."""
    folder = tmp_path_factory.mktemp("runs")
    config = tiny(cache_dir)
    config = replace(config, model=replace(config.model, width=8))
    run(config, folder / "plain")
    run(replace(config, seed=1), folder / "again")
    run(replace(config, optim=replace(config.optim, lr=0.01)), folder / "fast")
    run(replace(config, optim=replace(config.optim, balance="none")), folder / "unbalanced")
    other = replace(config, data=SyntheticData(name="synthetic", subjects=4, clips=25, size=64))
    run(other, folder.parent / "other")
    return folder


def test_four_runs_are_compared(runs: Path, tmp_path: Path) -> None:
    names = [str(runs / name) for name in ("plain", "again", "fast", "unbalanced")]
    done = process("mer.compare", *names, "--out", "found", "--draws", "500", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for words in ("24 samples of 4 subjects", "seeds together", "Holm", "Synthetic data", "Power", "comparison.html"):
        assert words in done.stdout
    rows, pairs = (pd.read_csv(tmp_path / "found" / name) for name in (TABLE, PAIRS))
    assert len(rows) == 3 and len(pairs) == 9
    assert rows["seeds"].astype(str).tolist() == ["0 1", "0", "0"]
    numbers = json.loads((tmp_path / "found" / NUMBERS).read_text(encoding="utf-8"))
    assert [one["name"] for one in numbers["rows"]] == rows["name"].tolist()
    clips = pd.read_csv(tmp_path / "found" / CLIPS)
    assert (
        len(clips) == 24 and f"{(clips['right'] == 0).sum()} of 24 clips are wrong in each of the 4 runs" in done.stdout
    )
    assert not (tmp_path / "found" / CURVE).exists()
    page = (tmp_path / "found" / PAGE).read_text(encoding="utf-8")
    assert "Comparison of 3 configurations" in page and "<script" not in page


def test_runs_on_fewer_people_make_a_learning_curve(runs: Path, cache_dir: Path, tmp_path: Path) -> None:
    config = tiny(cache_dir)
    config = replace(config, model=replace(config.model, width=8))
    run(replace(config, protocol=replace(config.protocol, train_subjects=2)), tmp_path / "fewer")
    main([str(runs / "plain"), str(tmp_path / "fewer"), "--draws", "50", "--out", str(tmp_path / "found")])
    assert (tmp_path / "found" / CURVE).read_bytes().startswith(b"\x89PNG")


def test_a_folder_of_runs_stands_for_them(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    main([str(runs), "--draws", "50"])
    assert len(list(tmp_path.glob(f"outputs/comparison_*/{TABLE}"))) == 1
    assert "Holm" in capsys.readouterr().out


def test_other_samples_are_refused_with_the_reason(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(runs / "plain"), str(runs.parent / "other")]) == 2
    said = capsys.readouterr().err
    assert "the samples differ: 25 there, 24 here" in said and "synthetic/" in said


@pytest.mark.parametrize(("arguments", "words"), [(["nowhere"], "expected the folder of a run"), ([], "RUN")])
def test_what_is_no_run_is_named(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        status = main(arguments)
    except SystemExit as ended:  # argparse ends the process itself
        status = int(ended.code or 0)
    assert status == 2
    assert words in capsys.readouterr().err


def test_draws_must_be_positive(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["x", "--draws", "0"])
    assert "expected 1 or more, got 0" in capsys.readouterr().err
