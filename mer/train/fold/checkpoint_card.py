"""Write the card of a fold's checkpoint: classes, input, training subjects and samples, limitations.

Contract: plain values, no scores of single people: a held-out person's few clips say nothing of a network. Where
nothing of the tested data trained it (zero shot), its scores on them stand in the card.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from mer.config import as_settings
from mer.evaluation import metrics
from mer.evaluation.units.results import unit_scores
from mer.protocols.registry import Fold
from mer.train.experiment import trained_on
from mer.train.experiment.experiment import Experiment
from mer.train.experiment.overlap import codes_of


def of_fold(experiment: Experiment, fold: Fold, predictions: pd.DataFrame) -> dict[str, Any]:
    """Return the card of a fold's networks.

    Args:
        experiment: of the run.
        fold: as training saw it.
        predictions: of its test part, averaged over the members.
    """
    saw = trained_on.of_fold(experiment, fold)
    seen = saw.as_card()
    own = (
        {"data": experiment.table.name, "synthetic": experiment.table.synthetic, "held_out": fold.name}
        if fold.train
        else {}
    )
    card = {
        "classes": list(experiment.samples.classes),
        **({"task": "action_units"} if experiment.samples.units else {}),
        "input": as_settings(experiment.config.input),
        "trained_on": {**own, "stages": [_stage(experiment, name) for name in experiment.config.stages], **seen},
    }
    if not fold.train:
        card["tested_on"] = _tested(experiment, predictions)
    return {**card, "limits": limits(experiment, fold, saw)}


def limits(experiment: Experiment, fold: Fold, saw: trained_on.TrainedOn) -> list[str]:
    """Return the limitations of a network, one sentence each; `saw`: what trained it."""
    found = [
        "Made for research: a movement of the face is no proof of a feeling, and nobody should be judged by it.",
        "Expects aligned faces, and inputs made as `input` says, from the onset to the apex of one movement.",
        _answers(experiment),
    ]
    if not fold.train:
        found.append(_zero_shot(experiment, fold, saw))
    if experiment.table.synthetic:
        found.append("Tested on drawn faces: its scores say nothing about real ones.")
    return found


def _answers(experiment: Experiment) -> str:
    if experiment.samples.units:
        return "Gives each unit a probability of its own; units of which it knows none may move the same skin."
    return "Always names one of its classes, also where nothing moves or another emotion shows."


def _zero_shot(experiment: Experiment, fold: Fold, saw: trained_on.TrainedOn) -> str:
    """Say whether the tested data may have trained a network that no fold trained."""
    init, table = experiment.config.init, experiment.table
    subjects = set(table.subjects[table.frame["sample_id"].isin(fold.test)])
    if saw.samples & {*fold.test} or codes_of(saw.subjects) & codes_of(subjects):
        return "Clips or people of the tested data were among those that trained it before."
    if init.name == "file" and trained_on.read_trained_on(init) is None:
        return f"Nothing was trained on the tested data here; what {init.path} saw before, it does not say."
    drawn = bool(experiment.stages) and all(stage.config.data.name == "motion_prior" for stage in experiment.stages)
    knows = ": drawn motion knows anatomy, no camera and no coder" if drawn and init.name == "random" else ""
    return f"No clip of the tested data trained it{knows}."


def _stage(experiment: Experiment, name: str) -> dict[str, Any]:
    samples = next(stage for stage in experiment.stages if stage.name == name).samples.table
    return {"name": name, "data": samples.name, "synthetic": samples.synthetic, "samples": len(samples)}


def _tested(experiment: Experiment, predictions: pd.DataFrame) -> dict[str, Any]:
    """Scores of all members together on data that trained none of them."""
    return {
        "data": experiment.table.name,
        "synthetic": experiment.table.synthetic,
        "samples": len(predictions),
        "subjects": int(predictions["subject"].nunique()),
        **_scores(experiment, predictions),
        "networks_averaged": experiment.config.members,
        "mirrored_too": experiment.config.evaluation.flip,
    }


def _scores(experiment: Experiment, predictions: pd.DataFrame) -> dict[str, float | None]:
    if experiment.samples.units:
        found = unit_scores(
            predictions, experiment.samples.units, draws=1, seed=0, support=experiment.config.task.support
        )
        return {f"mean_{key}": found[key]["value"] for key in ("f1", "auc")}
    place = {name: k for k, name in enumerate(experiment.table.classes)}
    columns = (predictions[name].map(place).to_numpy() for name in ("label", "predicted"))
    confusion = metrics.confusion_matrix(*columns, classes=len(place))
    return {
        "uf1": float(metrics.uf1(confusion)),
        "uar": float(metrics.uar(confusion)),
        "accuracy": float(metrics.accuracy(confusion)),
    }
