"""Dashboards of a few tiny runs: the static page, and what W&B would be sent."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from mer import run_files
from mer.dashboard.page import attention_pictures, people_table
from mer.evaluation.comparison.runs import read_run
from mer.train.cross_validation.wandb_tracking import pooled
from tests.helpers.command import TINY, command


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory, cache_dir: Path) -> Path:
    """A sweep over depth and placement of four jobs."""
    folder = tmp_path_factory.mktemp("sweep")
    done = command(
        *("mer.run", "-m", "+experiment=synthetic_loso", *TINY, "protocol=kfold", "protocol.folds=2"),
        *("model.attention.stages=[],[4]", "model.depth=10,18", "model.width=4"),
        *(f"cache_dir={cache_dir}", f"hydra.sweep.dir={folder / 'jobs'}"),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    return folder / "jobs"


@pytest.mark.slow
def test_the_page_shows_every_run_and_loads_nothing(sweep: Path, tmp_path: Path):
    target = tmp_path / "pages" / "all.html"
    done = command("mer.dashboard", str(sweep), "--html", str(target), cwd=tmp_path)
    assert done.returncode == 0 and str(target) in done.stdout, done.stderr
    text = target.read_text(encoding="utf-8")
    for name in ("stages=none, depth=10", "stages=4, depth=18"):
        assert name in text or ", ".join(reversed(name.split(", "))) in text
    for job in range(4):
        uf1 = json.loads((sweep / str(job) / run_files.RESULTS).read_text())["scores"]["all"]["uf1"]["value"]
        assert f"{uf1:.3f}".removeprefix("0") in text
    assert "Synthetic data" in text and "Heat map of UF1" in text and "Differences to the first run" in text
    assert text.count("Input and attention maps of") == 2 * 3  # the plain networks have no maps
    assert not re.findall(r'(?:src|href)="(?!data:|#)', text) and "<script" not in text
    again = command("mer.dashboard", str(sweep), "--html", str(tmp_path / "again.html"), cwd=tmp_path)
    assert again.returncode == 0 and (tmp_path / "again.html").read_text(encoding="utf-8") == text


@pytest.mark.slow
def test_people_are_scored_as_in_the_predictions(sweep: Path):
    run = read_run(sweep / "0")
    predictions = pd.read_csv(sweep / "0" / run_files.PREDICTIONS)
    right = (predictions["label"] == predictions["predicted"]).groupby(predictions["subject"]).mean()
    rows = people_table([run], ["run"])
    assert [row["shares"][0] for row in rows] == pytest.approx(right.tolist())
    assert sum(row["clips"] for row in rows) == len(predictions)


@pytest.mark.slow
def test_faces_of_participants_are_not_on_the_page_unless_the_report_shows_them(sweep: Path):
    run = next(one for one in (read_run(sweep / str(k)) for k in range(4)) if attention_pictures(one))
    run.results["synthetic"] = False
    path = run.folder / run_files.CONFIG
    before = path.read_text(encoding="utf-8")
    assert attention_pictures(run)  # motion
    try:
        path.write_text(before.replace("representation: flow", "representation: apex"), encoding="utf-8")
        assert attention_pictures(run) == []
        path.write_text(path.read_text(encoding="utf-8").replace("pictures: false", "pictures: true"), encoding="utf-8")
        assert attention_pictures(run)
    finally:
        path.write_text(before, encoding="utf-8")


def test_what_cannot_be_shown_is_said(tmp_path: Path):
    assert "expected folders of runs" in command("mer.dashboard", "--html", "x.html", cwd=tmp_path).stderr
    assert "only --html PAGE reads folders" in command("mer.dashboard", "somewhere", cwd=tmp_path).stderr


@pytest.mark.slow
def test_a_sweep_ends_with_its_effects(sweep: Path):
    effects = pd.read_csv(sweep / "effects.csv")
    assert len(effects) == 4 and effects["difference"].notna().tolist() == [False, True, True, True]
    assert (sweep / "effects.png").stat().st_size > 0 and (sweep / "sweep.png").stat().st_size > 0
    (sweep / "effects.csv").unlink()
    done = command("mer.sweep", str(sweep), cwd=sweep.parent)
    assert done.returncode == 0 and "Too few subjects on whom the configurations differ" in done.stdout
    assert pd.read_csv(sweep / "effects.csv").equals(effects)


@pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20")  # of wandb-workspaces
@pytest.mark.slow
def test_workspace_and_report_serialise_offline_and_name_keys_that_are_logged(sweep: Path, tmp_path: Path):
    pytest.importorskip("wandb_workspaces")
    done = command("mer.dashboard", "--json", str(tmp_path / "made.json"), "--entity", "lab", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    made = json.loads((tmp_path / "made.json").read_text(encoding="utf-8"))
    assert made["workspace"]["entity"] == "lab" and made["workspace"]["project"] == "mer"
    sections = made["workspace"]["spec"]["section"]["panelBankConfig"]["sections"]
    assert [one["name"] for one in sections][:2] == ["Scores", "Placement and depth"]
    panels = [panel for one in sections for panel in one["panels"]]
    metrics = {key for panel in panels for key in panel["config"].get("metrics") or []}
    results = json.loads((sweep / "0" / run_files.RESULTS).read_text(encoding="utf-8"))
    curves = pd.read_csv(next(sweep.glob("0/folds/*/curves.csv")))
    known = {*pooled(results), *curves, "validation_uf1", "auc", "f1"}  # the last two of action units
    assert metrics and metrics <= known, metrics - known
    media = {key for panel in panels for key in panel["config"].get("mediaKeys") or []}
    assert media == {"attention", "confusion_matrix"}
    text = json.dumps(made["report"])
    assert "Null runs" in text and "job_type" in text and "selection on the test subjects" in text
