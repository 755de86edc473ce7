"""Log a run to Weights & Biases with `open_tracker`, from the files of its folder.

Contract: computes no number; the run's folder holds the same values without W&B. Offline mode needs no account and no
network. Each run has its own context manager, so two runs in one process do not mix.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mer import finished_folders, run_files
from mer.config import Config
from mer.errors import MerError
from mer.evaluation.predictions import PROBABILITY_PREFIX, read_predictions
from mer.evaluation.report.plots import attention_figure
from mer.protocols.registry import Fold, selection_mode


class NoTracker:
    """Tracker that does nothing."""

    def fold(self, fold: Fold, folder: Path) -> None:
        """Do nothing."""

    def summary(self, results: dict[str, Any], run: Path) -> None:
        """Do nothing."""


class WandbTracker:
    """Tracker that sends curves, scores, predictions and pictures of a run to W&B."""

    def __init__(self, run: Any, *, media: bool) -> None:
        self.run, self.media = run, media

    def fold(self, fold: Fold, folder: Path) -> None:
        """Log the curves of a finished fold as `folds/<fold>/<curve>` over its epochs."""
        if not (folder / run_files.CURVES).is_file():  # a fold without training has none
            return
        prefix = f"folds/{fold.name}"
        self.run.define_metric(f"{prefix}/epoch", hidden=True)
        self.run.define_metric(f"{prefix}/*", step_metric=f"{prefix}/epoch")
        for row in pd.read_csv(folder / run_files.CURVES).to_dict("records"):
            self.run.log({f"{prefix}/{key}": value for key, value in row.items() if value == value})

    def summary(self, results: dict[str, Any], run: Path) -> None:
        """Log pooled scores with intervals, confusion matrix, predictions; attention pictures if they may be shown."""
        import wandb

        units = results.get("task") == "action_units"
        for score in ("auc", "f1") if units else ("uf1", "uar", "accuracy", "weighted_f1"):
            found = results["scores"]["all"][score]
            self.run.summary[score] = found["value"]
            self.run.summary[f"{score}_low"], self.run.summary[f"{score}_high"] = found["low"], found["high"]
        for key in ("synthetic", "selection", "parameters", "seconds", "config_hash", "data_hash"):
            self.run.summary[key] = results[key]
        predictions = read_predictions(run / run_files.PREDICTIONS)
        if units:
            for name, row in results["scores"]["all"]["per_unit"].items():
                for score in ("auc", "f1"):
                    self.run.summary[f"{score}_{name}"] = row[score]["value"]
            self.run.log({"predictions": wandb.Table(dataframe=predictions)})
            return
        classes = [
            name.removeprefix(PROBABILITY_PREFIX) for name in predictions.columns if name.startswith(PROBABILITY_PREFIX)
        ]
        media: dict[str, Any] = {
            "confusion_matrix": wandb.Image(str(run / run_files.CONFUSION)),
            "confusion": wandb.plot.confusion_matrix(
                y_true=[classes.index(name) for name in predictions["label"]],
                preds=[classes.index(name) for name in predictions["predicted"]],
                class_names=classes,
            ),
            "predictions": wandb.Table(dataframe=predictions),
        }
        pictures = list(attention_pictures(run)) if self.media else []
        if pictures:
            media["attention"] = [wandb.Image(picture, caption=caption) for caption, picture in pictures]
        self.run.log(media)


def attention_pictures(run: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (sample id, RGB picture (H, W, 3) uint8 of input and attention maps) of every kept sample."""
    for folder in finished_folders.completed_folds(run):
        if (folder / run_files.ATTENTION).is_file():
            with np.load(folder / run_files.ATTENTION) as kept:
                for i, sample in enumerate(kept["sample_ids"]):
                    maps = {int(stage): kept[f"map_{stage}"][i] for stage in kept["stages"]}
                    yield str(sample), attention_figure(kept["images"][i], maps)


@contextmanager
def open_tracker(
    config: Config, run: Path, whole_config: dict[str, Any], *, synthetic: bool, media: bool, enabled: bool = True
) -> Iterator[NoTracker | WandbTracker]:
    """Yield the tracker of one run; finish it when the block ends or raises.

    Args:
        config: the configuration; `logger` selects the tracker.
        run: the run's folder.
        whole_config: the configuration that W&B shows.
        synthetic: whether the samples are drawn.
        media: whether pictures of inputs may be logged (`may_show_inputs`).
        enabled: whether this rank tracks; True on one rank only.

    Raises:
        MerError: if W&B cannot start, e.g. without an API key or network with `logger.mode=online`.
    """
    if config.logger.name != "wandb" or not enabled:
        yield NoTracker()
        return
    # wandb looks up its error-reporting host at import unless told not to, even offline
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    import wandb

    offline = config.logger.mode != "online"
    leaky = selection_mode(config.protocol) == "leaky"
    run.mkdir(parents=True, exist_ok=True)
    try:
        settings = wandb.Settings(
            console="off",
            silent=True,
            disable_git=offline,
            x_disable_stats=offline,
            x_disable_meta=offline,
            x_save_requirements=not offline,
        )
        handle = wandb.init(
            project=config.logger.project,
            entity=config.logger.entity,
            mode=config.logger.mode,  # type: ignore[arg-type]
            dir=str(run),
            name=f"{config.name}-seed{config.seed}{'-LEAKY' if leaky else ''}",
            group=config.name,
            config=whole_config,
            tags=[tag for tag, holds in (("synthetic", synthetic), ("leaky", leaky)) if holds] or None,
            settings=settings,
        )
    except (wandb.errors.CommError, wandb.errors.UsageError) as error:
        raise MerError(f"W&B cannot begin ({error}); logger.mode=offline needs neither account nor network") from error
    except ValueError as error:  # pydantic's, of a WANDB_... variable that the settings do not allow
        given = ", ".join(name for name in sorted(os.environ) if name.startswith("WANDB_"))
        why = " ".join(str(error).partition("For further information")[0].split())
        raise MerError(f"W&B cannot begin ({why}); mend the environment variables: {given or 'none is set'}") from error
    try:
        yield WandbTracker(handle, media=media)
    finally:
        handle.finish()
