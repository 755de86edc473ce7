"""Curves in TensorBoard and MLflow, read back by their own readers; parts that are no fold; failing loggers."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from mer import run_files
from mer.config import Config, LoggerConfig
from mer.errors import MerError
from mer.train.loggers.tracked_run import TrackedRun, fold_part, summary_part
from mer.train.loggers.training_log import logged, open_log
from tests.helpers.command import TINY, command
from tests.helpers.wandb_store import stored


def run_of(config: Config, folder: Path, **logger: object) -> TrackedRun:
    return TrackedRun(replace(config, logger=LoggerConfig(**logger)), folder, synthetic=True, token="t")  # type: ignore[arg-type]


def test_an_attempt_that_was_killed_leaves_nothing_in_the_next_one(tiny_config: Config, tmp_path: Path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run, part = run_of(tiny_config, tmp_path, name="many", many=["csv", "tensorboard"]), fold_part("s01")
    with pytest.raises(KeyboardInterrupt), open_log(run, part) as log:
        for one in log.loggers:
            one.log_metrics({"train_loss": 9.0, "epoch": 0}, step=5)
        raise KeyboardInterrupt
    assert logged(run, part) == ["csv"]  # whose table is looked at only where the fold is finished
    with open_log(run, part) as log:
        for epoch in range(2):
            for one in log.loggers:
                one.log_metrics({"train_loss": 1.0 - epoch, "epoch": epoch}, step=10 * epoch)
        log.end({"accuracy": 0.5, "candidate": "optim.lr=1", "validation_uf1": None})
    assert logged(run, part) == ["csv", "tensorboard"]
    table = pd.read_csv(tmp_path / "loggers" / "csv" / "fold-s01" / "metrics.csv")
    assert table["train_loss"].tolist() == [1.0, 0.0] and table["step"].tolist() == [0, 10]
    events = EventAccumulator(str(tmp_path / "loggers" / "tensorboard" / "fold-s01")).Reload()
    assert [(one.step, one.value) for one in events.Scalars("train_loss")] == [(0, 1.0), (10, 0.0)]
    assert [one.value for one in events.Scalars("accuracy")] == [0.5]


def test_a_logger_that_cannot_begin_stops_a_run_before_training_and_no_fold(
    tiny_config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    import wandb

    def refused(**_: object) -> None:
        raise wandb.errors.CommError("run x was previously created and deleted")

    monkeypatch.setattr(wandb, "init", refused)
    run = run_of(tiny_config, tmp_path, name="many")
    with (
        pytest.raises(MerError, match=r"W&B cannot begin .*deleted.*logger\.mode=offline"),
        open_log(run, summary_part(run.config), strict=True),
    ):
        pytest.fail("began")
    with open_log(run, fold_part("s01")) as log:
        assert [one.kind for one in log.loggers] == ["csv"]
        log.loggers[0].log_metrics({"train_loss": 1.0, "epoch": 0}, step=0)
    assert "previously created and deleted" in caplog.text and "fold-s01 is not logged" in caplog.text
    assert logged(run, fold_part("s01")) == ["csv"]


def test_ids_are_of_the_run_and_its_part(tiny_config: Config, tmp_path: Path):
    one = run_of(tiny_config, tmp_path)
    other = replace(one, token="u")
    parts = [summary_part(tiny_config), fold_part("s01"), fold_part("s01", 1), fold_part("s1"), fold_part("a/b")]
    ids = [run.id_of(part) for run in (one, other) for part in parts]
    assert len(set(ids)) == len(ids) and [one.id_of(part) for part in parts] == ids[:5]
    assert all(Path(part.name).name == part.name for part in parts)


@pytest.mark.slow
def test_mlflow_keeps_folds_and_pooled_scores(tmp_path: Path, cache_dir: Path):
    mlflow = pytest.importorskip("mlflow")
    arguments = (
        *("+experiment=synthetic_loso", *TINY, "logger=mlflow", "logger.artifacts=all", "logger.tags=[pilot]"),
        *("protocol=kfold", "protocol.folds=2", f"cache_dir={cache_dir}", f"hydra.run.dir={tmp_path / 'run'}"),
    )
    for _ in range(2):  # the second finds all folds logged and writes the summary anew
        done = command("mer.run", *arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'run' / 'loggers' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("mer")
    found = {run.data.tags["mer.job_type"]: [] for run in client.search_runs([experiment.experiment_id])}
    for run in client.search_runs([experiment.experiment_id]):
        found[run.data.tags["mer.job_type"]].append(run)
        assert run.info.status == "FINISHED" and run.data.tags["mer.pilot"] == run.data.tags["mer.synthetic"] == "true"
        assert run.data.params["data/clips"] == "24"
    assert {kind: len(runs) for kind, runs in found.items()} == {"fold": 2, "summary": 1}
    results = json.loads((tmp_path / "run" / run_files.RESULTS).read_text(encoding="utf-8"))
    assert found["summary"][0].data.metrics["uf1"] == pytest.approx(results["scores"]["all"]["uf1"]["value"])
    for run in found["fold"]:
        assert [one.path for one in client.list_artifacts(run.info.run_id)] == ["model.ckpt"]
        curves = pd.read_csv(run_files.fold_folder(tmp_path / "run", run.data.params["fold"]) / run_files.CURVES)
        history = client.get_metric_history(run.info.run_id, "train_loss")
        assert [one.value for one in history] == pytest.approx(curves["train_loss"].tolist(), rel=1e-5)


@pytest.mark.slow
def test_stages_members_and_null_runs_of_action_units_are_told_apart(tmp_path: Path, cache_dir: Path):
    done = command(
        *(
            "mer.run",
            "+experiment=synthetic_loso",
            *TINY,
            "task=action_units",
            "task.units=[4,12]",
            "task.support=1",
            "task.threshold=fixed",
        ),
        *("transfer=macro", "stages.macro.data.subjects=4", "stages.macro.data.clips=24", "stages.macro.data.size=64"),
        *("stages.macro.optim.epochs=1", "protocol=kfold", "protocol.folds=2", "members=2", "null=permuted_labels"),
        *("logger=wandb", f"cache_dir={cache_dir}", f"hydra.run.dir={tmp_path / 'run'}"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    found = stored(tmp_path / "run")
    kinds = Counter(
        (one.header["job_type"], one.config.get("stage"), one.config.get("member")) for one in found.values()
    )
    folds = {("fold", None, 0): 2, ("fold", None, 1): 2}
    assert kinds == {("null", None, None): 1, **folds, ("stage", "macro", 0): 1, ("stage", "macro", 1): 1}
    (summary,) = (one for one in found.values() if one.header["job_type"] == "null")
    results = json.loads((tmp_path / "run" / run_files.RESULTS).read_text(encoding="utf-8"))
    assert summary.summary["null"] == "permuted_labels"
    for name, row in results["scores"]["all"]["per_unit"].items():
        assert summary.summary[f"auc_{name}"] == pytest.approx(row["auc"]["value"])
    assert all("-NULL" in name and "null" in one.header["tags"] for name, one in found.items())
