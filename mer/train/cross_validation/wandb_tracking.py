"""Log the pooled results of a run with `open_summary`: scores to every logger, tables and pictures to W&B.

Contract: computes no number; the run's folder holds the same values without a logger. Pictures of inputs leave the
machine only where `picture_consent` allows them, and so does the report, which may show them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mer import finished_folders, run_files
from mer.evaluation.caveats import best_baseline, margin
from mer.evaluation.predictions import read_predictions
from mer.evaluation.report.input_images import enlarged, input_picture
from mer.evaluation.report.plots import SIDE, attention_figure
from mer.evaluation.results import total_seconds
from mer.train.experiment.experiment import Experiment
from mer.train.experiment.picture_consent import may_show_inputs
from mer.train.fold.fold_log import tracked_run
from mer.train.loggers.backends import WandbBackend
from mer.train.loggers.tracked_run import summary_part
from mer.train.loggers.training_log import TrainingLog, open_log
from mer.utils.atomic_files import read_json

#: Facts of `results.json` that are logged as they are.
FACTS = ("synthetic", "selection", "null", "complete", "parameters", "config_hash", "data_hash", "seed")


@dataclass(frozen=True)
class Summary:
    """The open log of the pooled results.

    Attributes:
        log: its loggers.
        media: whether pictures of inputs may be logged.
        report: whether the report may be logged.
    """

    log: TrainingLog
    media: bool = False
    report: bool = False

    def end(self, results: Mapping[str, Any], run: Path) -> None:
        """Log pooled scores with intervals; to W&B also tables, pictures and the files of the results."""
        self.log.end(pooled(results))
        for one in self.log.backends:
            if isinstance(one, WandbBackend):
                one.logger.attempt(lambda one=one: self._to_wandb(one, results, run))  # type: ignore[misc]

    def _to_wandb(self, backend: WandbBackend, results: Mapping[str, Any], run: Path) -> None:
        import wandb

        predictions = read_predictions(run / run_files.PREDICTIONS)
        kept = dict(kept_inputs(run)) if self.media else {}
        media: dict[str, Any] = {"predictions": prediction_table(predictions, kept)}
        if kept:
            media["attention"] = [
                wandb.Image(attention_figure(image, maps), caption=sample) for sample, (image, maps) in kept.items()
            ]
        if results.get("task") == "action_units":
            rows: Any = [[name, row["auc"]["value"], row["f1"]["value"]] for name, row in _units(results).items()]
            table = wandb.Table(columns=["unit", "auc", "f1"], data=rows)
            media["per_unit"] = wandb.plot.bar(table, "unit", "auc", title="AUC of each action unit")
        else:
            classes = results["classes"]
            media["confusion_matrix"] = wandb.Image(str(run / run_files.CONFUSION))
            media["confusion"] = wandb.plot.confusion_matrix(
                y_true=[classes.index(name) for name in predictions["label"]],
                preds=[classes.index(name) for name in predictions["predicted"]],
                class_names=classes,
            )
            table = wandb.Table(dataframe=by_subject(predictions))
            media["per_subject"] = wandb.plot.bar(table, "subject", "accuracy", title="Accuracy of each subject")
        backend.show(media)
        names = [run_files.PREDICTIONS, run_files.RESULTS, run_files.FOLDS, run_files.CONFIG, run_files.MANIFEST]
        names += [run_files.REPORT] if self.report else []
        backend.keep("results", {name: run / name for name in names if (run / name).is_file()}, kind="results")
        fold = best_fold(run) if self.log.run.config.logger.artifacts == "best" else None
        if fold is not None:
            files = {path.name: path for path in sorted(fold.glob("*.ckpt"))}
            backend.keep("model", files, kind="model")
            backend.handle.summary["model_of_fold"] = read_json(fold / run_files.FOLD)["fold"]


@contextmanager
def open_summary(experiment: Experiment, run: Path) -> Iterator[Summary]:
    """Yield the log of the pooled results; it begins before any training, so that what cannot work is said at once.

    Args:
        experiment: the experiment of the run.
        run: the run's folder, already opened.

    Raises:
        MerError: if a logger cannot begin, e.g. W&B without an API key or network with `logger.mode=online`.
    """
    config = experiment.config
    media = may_show_inputs(experiment, asked=config.logger.media)
    report = media or not may_show_inputs(experiment, asked=config.evaluation.pictures)
    with open_log(tracked_run(experiment, run), summary_part(config), strict=True) as log:
        yield Summary(log, media, report)


def pooled(results: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scores of `results.json` by short names: `uf1`, `uf1_low`, `uf1_high`, ...; and what limits them.

    `validation_uf1`, the mean over the inner splits, is what a search over runs maximises, so `objective` too.
    """
    units, whole = results.get("task") == "action_units", results["scores"]["all"]
    found: dict[str, Any] = {}
    for score in ("auc", "f1") if units else ("uf1", "uar", "accuracy", "weighted_f1"):
        found |= {
            score: whole[score]["value"],
            f"{score}_low": whole[score]["low"],
            f"{score}_high": whole[score]["high"],
        }
    if units:
        for name, row in _units(results).items():
            found |= {f"{score}_{name}": row[score]["value"] for score in ("auc", "f1")}
    else:
        best = best_baseline(results)
        found |= {"baseline": best[0], "baseline_uf1": best[1], "above_baseline": margin(results)} if best else {}
    found |= {key: results[key] for key in FACTS}
    found |= {"failed_folds": len(results["failed_folds"]), "seconds": total_seconds(dict(results))}
    found |= {"waived": " ".join(row["name"] for row in (results.get("leaks") or {}).get("findings", [])) or None}
    inner = results["validation_uf1"]
    return {**found, "validation_uf1": inner, "objective": inner}


def _units(results: Mapping[str, Any]) -> dict[str, Any]:
    return dict(results["scores"]["all"]["per_unit"])


def by_subject(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return one row a subject: subject, clips, accuracy; of several data sets, with their names before."""
    several = len(set(predictions["dataset"])) > 1
    people = predictions["dataset"] + "/" + predictions["subject"] if several else predictions["subject"]
    right = predictions["label"] == predictions["predicted"]
    found = right.groupby(people.rename("subject")).agg(["size", "mean"]).reset_index()
    return found.set_axis(["subject", "clips", "accuracy"], axis=1)


def prediction_table(predictions: pd.DataFrame, kept: Mapping[str, tuple[np.ndarray, dict[int, np.ndarray]]]) -> Any:
    """Return W&B's table of the predictions; with pictures of input and attention for the samples that have some."""
    import wandb

    if not kept:
        return wandb.Table(dataframe=predictions)
    table = wandb.Table(columns=[*predictions.columns, "input", "attention_maps"])
    for row in predictions.itertuples(index=False):
        pictures: list[Any] = [None, None]
        if row.sample_id in kept:
            image, maps = kept[str(row.sample_id)]
            shown = enlarged(input_picture(image), shortest=SIDE)
            pictures = [wandb.Image(shown), wandb.Image(attention_figure(image, maps))]
        table.add_data(*row, *pictures)
    return table


def kept_inputs(run: Path) -> Iterator[tuple[str, tuple[np.ndarray, dict[int, np.ndarray]]]]:
    """Yield (sample id, (input (C, H, W), attention maps by stage)) of every kept sample."""
    for folder in finished_folders.completed_folds(run):
        if (folder / run_files.ATTENTION).is_file():
            with np.load(folder / run_files.ATTENTION) as kept:
                for i, sample in enumerate(kept["sample_ids"]):
                    maps = {int(stage): kept[f"map_{stage}"][i] for stage in kept["stages"]}
                    yield str(sample), (kept["images"][i], maps)


def best_fold(run: Path) -> Path | None:
    """Return the folder of the fold with the highest UF1 on its inner split, the first of equals; None without one.

    Without inner splits it is the first fold: a held-out score must choose nothing.
    """
    order = pd.read_csv(run / run_files.FOLDS, dtype={"fold": str})
    done = order[order["status"] == "done"]
    folders = [run_files.fold_folder(run, name) for name in done["fold"]]
    scores: dict[Path, Any] = {folder: read_json(folder / run_files.FOLD).get("validation_uf1") for folder in folders}
    return max(folders, key=lambda one: -1.0 if scores[one] is None else float(scores[one]), default=None)
