"""Add null runs, the linear baseline and the identity probe to a finished run (`sanity=true`).

Contract: writes into `<run>/sanity/` only: one run folder per null run, and `sanity.json` with all numbers and
verdicts, which `collect_results` copies into the results. No score of the run changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mer import run_files
from mer.config import Config
from mer.errors import DamagedFileError
from mer.evaluation.baselines import identity_probe as probe
from mer.evaluation.baselines import null_tests
from mer.evaluation.baselines.logistic_regression import fit
from mer.evaluation.predictions import pool_folds
from mer.evaluation.results import scores
from mer.inputs.datamodule.fold_datamodule import EVALUATION_BATCH
from mer.models import RecognitionNetwork, load
from mer.protocols.registry import Fold
from mer.train.experiment import trained_on
from mer.train.experiment.experiment import Experiment
from mer.train.experiment.null_runs import NULLS, ONSET, null_configs, what_is_seen, why_not
from mer.train.experiment.overlap import codes_of, person_codes
from mer.train.lightning.main_process import is_main_process
from mer.utils.atomic_files import read_json, write_json

#: Most folds whose networks are probed, spread evenly over the protocol.
PROBE_FOLDS = 10


def add_null_tests(experiment: Experiment, run: Path, start: Callable[[Config, Path], dict[str, Any]]) -> None:
    """Make the null tests of a run with trained folds, and write them to `sanity.json`.

    Args:
        experiment: the experiment of the run.
        run: the run's folder.
        start: runs a configuration in a folder and returns its results, like `mer.run.run`.
    """
    configs = null_configs(experiment.config, experiment.table, experiment.folds)
    found: dict[str, Any] = {}
    for name, what in NULLS.items():
        seen = (
            f" The network sees {what_is_seen(experiment.config)}."
            if name == ONSET
            else describe_initial_weights(experiment)
        )
        if name in configs:
            results = start(configs[name], run_files.sanity_folder(run, name))
            verdict = null_tests.chance_verdict(results) if results else {}
        else:
            verdict = {
                "passed": None,
                "verdict": f"Not made: {why_not(name, experiment.config, experiment.table, experiment.folds)}.",
            }
        found[name] = {"description": what + seen, **verdict}
    if not is_main_process(experiment.config):
        return
    found["linear"] = linear_baseline(experiment)
    found["identity"] = identity_probe(experiment, run)
    write_json(run / run_files.SANITY_FOLDER / run_files.SANITY, found)


def describe_initial_weights(experiment: Experiment) -> str:
    """Return a sentence on what the initial weights of a null run learned from true labels; "" without a file.

    `null=permuted_labels` permutes the labels of this run only; an earlier training may have seen the true ones.
    """
    init = experiment.config.init
    if init.name != "file":
        return ""
    seen, frame = trained_on.read_trained_on(init), experiment.table.frame
    if seen is None:
        told = "which does not say whether it learned from these clips and their true labels"
    else:
        people = np.isin(person_codes(experiment.table), sorted(codes_of(seen.subjects)))
        met = int((frame["sample_id"].isin(seen.samples) | people).sum())
        told = f"which learned from {met} of these {len(frame)} clips, or from their people, with true labels"
        if not met:
            return f" They begin with {init.path}, which learned from none of these clips and people."
    return f" They begin with {init.path}, {told}: a score above chance may come from there, not from a leak in here."


def read(run: Path, *, again: bool = False) -> dict[str, Any]:
    """Read what `add_null_tests` wrote; {} if the file is missing, or damaged and made `again` later."""
    try:
        return read_json(run / run_files.SANITY_FOLDER / run_files.SANITY)
    except FileNotFoundError:
        return {}
    except DamagedFileError:
        if again:
            return {}
        raise


def linear_baseline(experiment: Experiment) -> dict[str, Any]:
    """Return the scores of class-balanced logistic regression on the inputs over the same folds."""
    description = (
        f"Class-balanced logistic regression on the network's own inputs (sides above {null_tests.LINEAR_SIDE} pixels "
        "averaged down), fitted fold by fold, its penalty fixed in advance."
    )
    if not all(fold.train for fold in experiment.folds):
        return {"description": description, "verdict": "Not made: the protocol trains nothing on these samples."}
    frames = null_tests.linear_predictions(experiment.inputs, experiment.table, experiment.folds)
    pooled = pool_folds(frames, experiment.table, allow_missing=True)
    config = experiment.config
    found = scores(pooled, experiment.table.classes, draws=config.evaluation.bootstrap, seed=config.seed)
    return {"description": description, **found}


def identity_probe(experiment: Experiment, run: Path) -> dict[str, Any]:
    """Return the identity probe (`null_tests.probe_verdict`) of the networks of up to `PROBE_FOLDS` folds."""
    description = (
        "Linear probes of what the classifier sees. Identity: half of each training person's clips fit, the other half "
        "test. Emotion: fitted on the fold's training part, tested on its held-out samples."
    )
    ready = [fold for fold in experiment.folds if fold.train and (_checkpoint(run, fold)).is_file()]
    chosen = [ready[k] for k in np.unique(np.linspace(0, len(ready) - 1, min(PROBE_FOLDS, len(ready))).astype(int))]
    probes = [one for one in (_probe_fold(experiment, run, fold) for fold in chosen) if one is not None]
    if not probes:
        return {"description": description, "verdict": "Not made: no trained network, or people with one clip each."}
    clips = sum(one["clips"] for one in probes)
    # folds stand for people: the error of the difference is taken over them, not over clips
    gaps = np.array([one["right_random"] - one["right_without"] for one in probes])
    found = {
        "folds": len(probes),
        "clips": clips,
        **{key: float(np.mean([one[key] for one in probes])) for key in ("features", "pixels", "chance")},
        "subjects": round(float(np.mean([one["subjects"] for one in probes]))),
        "directions": round(float(np.mean([one["directions"] for one in probes]))),
        "emotion": sum(one["right"] for one in probes) / clips,
        "emotion_without": sum(one["right_without"] for one in probes) / clips,
        "emotion_random": sum(one["right_random"] for one in probes) / clips,
        "emotion_error": float(np.sqrt((gaps**2).sum()) / clips),
    }
    numbers = {key: round(value, 6) if isinstance(value, float) else value for key, value in found.items()}
    return {"description": description, **numbers, "verdict": null_tests.probe_verdict(found)}


def _probe_fold(experiment: Experiment, run: Path, fold: Fold) -> dict[str, Any] | None:
    """Probe identity and emotion in one fold's network; None if no training subject has two clips."""
    network = load(_checkpoint(run, fold))
    place = {sample: row for row, sample in enumerate(experiment.table.frame["sample_id"])}
    train, test = (np.array([place[sample] for sample in part]) for part in (fold.train, fold.test))
    subjects, targets = experiment.table.subjects.to_numpy(), experiment.table.targets
    seen, unseen = features(network, experiment.inputs, train), features(network, experiment.inputs, test)
    named = probe.identity(seen, subjects[train], seed=experiment.config.seed)
    pixels = probe.identity(
        null_tests.linear_inputs(experiment.inputs[train]), subjects[train], seed=experiment.config.seed
    )
    if named is None or pixels is None:
        return None
    identity = probe.identity_directions(seen, subjects[train], targets[train])
    random = probe.random_directions(seen.shape[1], identity.shape[1], seed=experiment.config.seed)

    def right(directions: np.ndarray | None) -> int:
        parts = [part if directions is None else probe.project_out(part, directions) for part in (seen, unseen)]
        model = fit(parts[0], targets[train], classes=len(experiment.table.classes))
        return int((model.predict(parts[1]) == targets[test]).sum())

    told = asdict(named)
    return {
        "features": told["accuracy"],
        "pixels": pixels.accuracy,
        "chance": told["chance"],
        "subjects": told["subjects"],
        "directions": identity.shape[1],
        "clips": len(test),
        "right": right(None),
        "right_without": right(identity),
        "right_random": right(random),
    }


@torch.inference_mode()
def features(network: RecognitionNetwork, inputs: np.ndarray, rows: Sequence[int] | np.ndarray) -> np.ndarray:
    """Return the classifier's input (N, D) float64 for these rows of the inputs."""
    parts = []
    for start in range(0, len(rows), EVALUATION_BATCH):
        batch = np.asarray(inputs[rows[start : start + EVALUATION_BATCH]], dtype=np.float32)
        parts.append(network.features(torch.from_numpy(batch)).double().numpy())
    return np.concatenate(parts)


def _checkpoint(run: Path, fold: Fold) -> Path:
    return run_files.fold_folder(run, fold.name) / run_files.CHECKPOINT
