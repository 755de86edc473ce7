"""Open the logger of one kind for one part of a run: csv, wandb, tensorboard or mlflow.

Contract: nothing is left of an earlier attempt at the same part, which was killed. Files lie in `<run>/loggers/KIND/`,
those of W&B in `<run>/wandb/`, where `wandb sync` expects them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import CSVLogger, Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from mer import run_files
from mer.train.loggers.harmless import HarmlessLogger
from mer.train.loggers.tracked_run import Part, TrackedRun
from mer.train.loggers.wandb_runs import begin_wandb, data_folder

#: Tag by which an earlier attempt is found in MLflow.
MLFLOW_ID = "mer.id"


class Backend:
    """An open logger of one kind.

    Args:
        kind: `csv`, `wandb`, `tensorboard` or `mlflow`.
        run: the run.
        part: the part.
        inner: the logger of Lightning.
    """

    def __init__(self, kind: str, run: TrackedRun, part: Part, inner: Logger) -> None:
        self.kind, self.run, self.part = kind, run, part
        self.name = self.name_of(kind, run)
        self.logger = HarmlessLogger(inner, kind, part.name, run.named)

    @staticmethod
    def name_of(kind: str, run: TrackedRun) -> str:
        """Return what a part that was logged is noted under; a run offline is not yet one online."""
        return f"{kind}-{run.config.logger.mode}" if kind == "wandb" else kind

    def end(self, values: dict[str, Any], files: Mapping[str, Path]) -> None:
        """Log what is known at the end: numbers only, since these kinds draw nothing else."""
        numbers = {key: float(value) for key, value in values.items() if isinstance(value, (int, float))}
        if numbers:
            self.logger.inner.log_metrics(numbers, step=0)

    def close(self, *, well: bool) -> None:
        """Write what is not written yet, and close."""
        self.logger.inner.finalize("success" if well else "failed")


class CsvBackend(Backend):
    """Table of the curves that grows during the training; its end stands in the files of the run."""

    def end(self, values: dict[str, Any], files: Mapping[str, Path]) -> None:
        """Do nothing: `fold.json` and `results.json` hold these values."""


class MlflowBackend(Backend):
    """Run of MLflow, with the checkpoints as artifacts."""

    def end(self, values: dict[str, Any], files: Mapping[str, Path]) -> None:
        """Log the numbers, and upload the checkpoints."""
        super().end(values, files)
        inner = self.logger.inner
        assert isinstance(inner, MLFlowLogger)
        for path in files.values():
            inner.experiment.log_artifact(inner.run_id, str(path))


class WandbBackend(Backend):
    """Run of W&B; the last values are its summary, the checkpoints an artifact."""

    @property
    def handle(self) -> Any:
        """Return the run of wandb."""
        return self.logger.inner.experiment  # type: ignore[attr-defined]

    def end(self, values: dict[str, Any], files: Mapping[str, Path]) -> None:
        """Write the summary, and log the checkpoints as one artifact."""
        self.handle.summary.update(values)
        if files:
            self.keep("model", files, kind="model")

    def show(self, media: dict[str, Any]) -> None:
        """Log tables and pictures."""
        with data_folder(self.run):
            self.handle.log(media)

    def keep(self, name: str, files: Mapping[str, Path], *, kind: str) -> None:
        """Log files as one artifact; they stay where they are until W&B uploads them."""
        import wandb

        with data_folder(self.run):
            artifact = wandb.Artifact(f"{name}-{self.handle.id}", type=kind, metadata=dict(self.part.facts))
            for inside, path in files.items():
                artifact.add_file(str(path.resolve()), name=inside, policy="immutable")
            self.handle.log_artifact(artifact)

    def close(self, *, well: bool) -> None:
        """Finish the run, so that no other joins it."""
        self.handle.finish(exit_code=0 if well else 1)


def open_backend(kind: str, run: TrackedRun, part: Part) -> Backend:
    """Return the open logger of one kind, with the whole configuration logged."""
    return OPENERS[kind](run, part)


def _fresh(kind: str, run: TrackedRun, part: Part) -> dict[str, Any]:
    """Remove the folder of an earlier attempt, and return the arguments that name it for Lightning."""
    root = run_files.logger_folder(run.folder) / kind
    shutil.rmtree(root / part.name, ignore_errors=True)
    return {"save_dir": str(root), "name": "", "version": part.name}


def _open_csv(run: TrackedRun, part: Part) -> Backend:
    inner = CSVLogger(**_fresh("csv", run, part), flush_logs_every_n_steps=1)  # live: `tail -f metrics.csv`
    inner.log_hyperparams(run.settings_of(part))
    return CsvBackend("csv", run, part, inner)


def _open_tensorboard(run: TrackedRun, part: Part) -> Backend:
    inner = TensorBoardLogger(**_fresh("tensorboard", run, part), default_hp_metric=False)
    inner.log_hyperparams(run.settings_of(part))
    return Backend("tensorboard", run, part, inner)


def _open_mlflow(run: TrackedRun, part: Part) -> Backend:
    place = run_files.logger_folder(run.folder).resolve()
    place.mkdir(parents=True, exist_ok=True)
    kept = run.config.logger.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI")
    inner = MLFlowLogger(
        experiment_name=run.config.logger.project,
        run_name=run.title_of(part),
        tracking_uri=kept or f"sqlite:///{place / 'mlflow.db'}",
        artifact_location=None if kept else (place / "mlflow").as_uri(),
        tags={
            MLFLOW_ID: run.id_of(part),
            "mer.group": run.group,
            "mer.job_type": part.job_type,
            **{f"mer.{mark}": "true" for mark in run.tags},
            **({"mlflow.note.content": run.config.logger.notes} if run.config.logger.notes else {}),
        },
    )
    client, experiment = inner._mlflow_client, None
    experiment = client.get_experiment_by_name(run.config.logger.project)
    if experiment is not None:
        for found in client.search_runs([experiment.experiment_id], f"tags.`{MLFLOW_ID}` = '{run.id_of(part)}'"):
            client.delete_run(found.info.run_id)
    inner.log_hyperparams(run.settings_of(part))
    return MlflowBackend("mlflow", run, part, inner)


def _open_wandb(run: TrackedRun, part: Part) -> Backend:
    return WandbBackend("wandb", run, part, WandbLogger(experiment=begin_wandb(run, part)))


OPENERS: dict[str, Callable[[TrackedRun, Part], Backend]] = {
    "csv": _open_csv,
    "wandb": _open_wandb,
    "tensorboard": _open_tensorboard,
    "mlflow": _open_mlflow,
}
