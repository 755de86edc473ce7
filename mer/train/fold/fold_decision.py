"""Decide a fold's tested samples by `decision.rule`: what it takes from the training part, and what it records.

Contract: reads labels of the fold's training samples only, and predictions of inner parts of them. Probabilities are
not changed, only the class in `predicted`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from mer.config import ARGMAX
from mer.evaluation import decisions
from mer.evaluation.decisions import Array, Costs
from mer.evaluation.metrics import confusion_matrix, f1
from mer.evaluation.predictions import PROBABILITY_PREFIX, encode_labels
from mer.inputs.datamodule.cotraining import CotrainingSamples
from mer.inputs.datamodule.samplers import class_weights
from mer.protocols.registry import Fold, inner_folds, is_learned
from mer.train.experiment.experiment import Experiment
from mer.train.fold.fold_cotraining import cotraining_samples

#: Trains on a fold's training part and returns predictions of its test part.
Test = Callable[[Experiment, Fold], pd.DataFrame]


@dataclass(frozen=True)
class FoldDecision:
    """How one fold decides.

    Attributes:
        classes: names of the classes (K).
        trained: shares (K,) of the classes in the batches of the training; empty where nothing is corrected.
        shares: shares (K,) of the classes among the training samples by data set, "" for all.
        strength: of the correction, 0..1.
        temperature: of the probabilities before it.
        costs: of `uf1`; None for the likeliest class.
        rule: name of the rule.
    """

    classes: tuple[str, ...]
    trained: Array = field(default_factory=lambda: np.empty(0))
    shares: Mapping[str, Array] = field(default_factory=dict)
    strength: float = 0.0
    temperature: float = 1.0
    costs: Costs | None = None
    rule: str = ARGMAX

    def corrected(self, predictions: pd.DataFrame) -> Array:
        """Return the corrected probabilities (N, K) of a table of predictions."""
        found = predictions[[f"{PROBABILITY_PREFIX}{name}" for name in self.classes]].to_numpy(dtype=np.float64)
        if self.temperature != 1:
            found = decisions.with_temperature(found, self.temperature)
        if not self.strength or not len(self.trained):
            return found
        # the shares of other data sets say nothing of a set without training samples: it is left uncorrected
        expected = decisions.expected_rows(self.shares, predictions["dataset"], otherwise=self.trained)
        return decisions.correct_shares(found, self.trained, expected, self.strength)

    def apply(self, predictions: pd.DataFrame) -> pd.DataFrame:
        """Return the predictions with the decided class in `predicted`."""
        if self.rule == ARGMAX:
            return predictions
        decided = decisions.decide(self.corrected(predictions), self.costs)
        return predictions.assign(predicted=[self.classes[k] for k in decided])

    def record(self) -> dict[str, Any]:
        """Return the entries of `fold.json`; none for the likeliest class."""
        if self.rule == ARGMAX:
            return {}
        told = {
            "rule": self.rule,
            "trained_shares": _plain(self.trained),
            "shares": {name or "all": _plain(values) for name, values in self.shares.items()},
            "strength": self.strength,
        }
        if self.costs is not None:
            costs = {"weight": _plain(self.costs.weight), "offset": _plain(self.costs.offset)}
            told |= {"temperature": round(self.temperature, 6), **costs}
        return {"decision": told, "strength": self.strength}


def learn_decision(experiment: Experiment, fold: Fold, test: Test) -> FoldDecision:
    """Return how a fold decides. Where something is chosen, `test` is called for each inner part of its training part.

    Without training samples nothing was balanced, so the likeliest class is taken. Action units are not decided here.
    """
    options = experiment.config.decision
    if options.rule == ARGMAX or not fold.train or experiment.samples.units:
        return FoldDecision(experiment.table.classes)
    base = _of_training_part(experiment, fold)
    if not is_learned(options):
        assert options.strength is not None
        return replace(base, strength=options.strength)
    parts = inner_folds(fold, experiment.table, experiment.config.protocol.inner)
    tested = [(_of_training_part(experiment, part), test(experiment, part)) for part in parts]
    targets = np.concatenate([encode_labels(frame["label"], base.classes) for _, frame in tested])

    def held_out(**changes: Any) -> Array:
        return np.concatenate([replace(one, **changes).corrected(frame) for one, frame in tested])

    if options.rule == "prior":
        return replace(base, strength=_best_strength(held_out, targets))
    # calibrated are the probabilities after the whole correction, which the shares of the labels ask for
    whole = [{"strength": 1.0, "temperature": float(one)} for one in decisions.TEMPERATURES]
    best = min(whole, key=lambda changes: _log_loss(held_out(**changes), targets))
    return replace(base, **best, costs=decisions.uf1_costs(held_out(**best)))  # type: ignore[arg-type]


def _best_strength(held_out: Callable[..., Array], targets: np.ndarray) -> float:
    """Return the strength with the highest UF1 on inner parts, the weaker of equals."""

    def score(strength: float) -> float:
        probabilities = held_out(strength=strength)
        counts = confusion_matrix(targets, probabilities.argmax(axis=1), classes=probabilities.shape[1])
        return float(np.nanmean(f1(counts)))

    return max(decisions.STRENGTHS, key=score)


def _log_loss(probabilities: Array, targets: np.ndarray) -> float:
    return float(-np.log(np.maximum(probabilities[np.arange(len(targets)), targets], 1e-12)).mean())


def _of_training_part(experiment: Experiment, fold: Fold) -> FoldDecision:
    """Return the shares of a fold's training part, and those that its training is balanced to; no correction yet."""
    table = experiment.table
    rows = table.frame["sample_id"].isin(fold.train).to_numpy()
    targets, classes = table.targets[rows], len(table.classes)
    return FoldDecision(
        table.classes,
        trained=batch_shares(targets, classes, experiment.config.optim.balance, cotraining_samples(experiment, fold)),
        shares=decisions.shares_by_group(targets, table.frame["dataset"][rows], classes),
        rule=experiment.config.decision.rule,
    )


def batch_shares(targets: np.ndarray, classes: int, balance: str, cotraining: CotrainingSamples | None) -> Array:
    """Return the weight (K,) of each class in the loss of a training, its own and co-training samples together.

    Args:
        targets: classes of the own training samples (n,).
        classes: K.
        balance: `optim.balance`.
        cotraining: samples that join every batch.
    """

    def drawn(targets: np.ndarray) -> Array:
        shares = decisions.class_shares(targets, classes)
        return np.full(classes, 1 / classes) if balance == "oversample" else shares

    found = drawn(targets)
    if cotraining is not None:
        found = (1 - cotraining.share) * found + cotraining.share * drawn(cotraining.targets[cotraining.rows])
    if balance == "weighted":
        weights = np.array(class_weights(targets, classes=classes))
        found = found * np.where(weights > 0, weights, 1.0)
    return found / found.sum()


def _plain(values: Array) -> list[float]:
    return [round(float(value), 6) for value in values]
