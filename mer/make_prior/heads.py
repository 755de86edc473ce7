"""Train, calibrate, judge and write the packaged networks: `make_prior`.

Contract: a function of the seed; nothing but drawings trains, calibrates or judges. Held-out drawings are of other
seeds: maps of other faces, and clips of drawn faces whose motion is measured as that of a video is. Which maps train
and for how long was chosen on such drawings (experiments/packaged_prior).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mer.compose import load_config
from mer.config import Config, MotionPriorData, as_settings
from mer.data.motion_prior.source import DRAWING
from mer.errors import MerError
from mer.evaluation import metrics
from mer.evaluation.units.scores import weighted_auc, weighted_f1
from mer.inputs.prepared_samples import PreparedSamples
from mer.make_prior.calibration import Inputs, calibrate_classes, calibrate_units
from mer.make_prior.drawn_clips import DrawnClips, draw_clips
from mer.models import checkpoint
from mer.models.network import RecognitionNetwork
from mer.train.experiment.config_checks import check_config
from mer.train.experiment.experiment import Experiment, load_experiment
from mer.train.fold.train_stage import train_stage
from mer.utils.seeding import seed_from
from mer.video.answers.recognisers import EMOTIONS_FILE, UNITS_FILE, Recogniser

#: Units of the packaged network: the 12 of CD6ME, and those of lips and jaw with an AUC of .8 on 30 or more held-out
#: maps that show them; 24 and 25 come out at .78, 16 and 28 are too rare.
UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 26)
#: Copies of each clip among the maps that calibrate units: maps show rare units, clips are measured.
REPEATS = 5
#: Clips that must show a unit for it to enter means.
ENOUGH = 5
#: What a network of this package says of itself wherever it answers.
LIMITS = (
    "Made for research: a movement of the face is no proof of a feeling, and nobody should be judged by it. It is no "
    "lie detector.",
    "Not for decisions on people: not in hiring, schools, courts, police, borders, insurance, medicine or care.",
    "Trained on motion drawn from anatomical rules, by no recorded face: it knows no camera, no person and no coder. "
    "How well it does on a group of people, of any age, origin, sex or condition of the face, was not measured.",
    "Expects the motion from the onset to the apex of one movement of an adult's face seen from the front. Speech, "
    "chewing, turns of the head and glasses give wrong answers.",
)


@dataclass(frozen=True)
class Sizes:
    """How much is drawn: maps that train, held-out maps and held-out clips; `steps` in place of the recipe's own."""

    maps: int = 16000
    steps: int | None = None
    held_out: int = 4000
    clips: int = 400


@dataclass(frozen=True)
class _Head:
    """A network to make: file, words of the configuration, steps of training, its own limitation."""

    file: str
    overrides: tuple[str, ...]
    steps: int
    limit: str
    what: str


_EMOTIONS = _Head(
    EMOTIONS_FILE,
    # large batches in place of an ensemble, whose five networks differ by their batches only
    ("stages.prior.optim.batch_size=640",),
    150,
    "Always names one of its classes, also where nothing moves or another emotion shows; below `uncertain_below` the "
    "answer counts as uncertain.",
    "negative, positive or surprise, from the motion between two frames of a face",
)
_UNITS = _Head(
    UNITS_FILE,
    (
        "task=action_units",
        "task.threshold=fixed",
        f"task.units=[{','.join(map(str, UNITS))}]",
        "data.labels=basic_others",
        "stages.prior.data.labels=basic_others",
    ),
    300,
    "Gives each unit a probability of its own; units of which it knows none may move the same skin.",
    "action units, each present or absent, from the motion between two frames of a face",
)


def make_prior(folder: Path, *, seed: int = 0, sizes: Sizes = Sizes(), cache_dir: str | None = None) -> Iterator[str]:
    """Write the packaged networks into a folder; yield lines on each.

    Args:
        folder: made if needed.
        seed: of the drawings and of training.
        sizes: smaller ones are for tests.
        cache_dir: where drawn maps are kept; None for the usual place.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MerError(f"{folder}: expected a folder to write the networks into, got: {error}") from error
    for head in (_EMOTIONS, _UNITS):
        config = _config(head, seed, cache_dir, sizes)
        experiment = load_experiment(config)
        network = train_stage(experiment, experiment.stages[0], None).trained.network
        # half precision is what is written, so it is what is calibrated and judged
        network.load_state_dict({name: value.half().float() for name, value in network.state_dict().items()})
        card = _card(head, experiment, network, seed, sizes)
        checkpoint.save(folder / head.file, network.half(), model=config.model, card=card)
        for name, scores in card["scores"].items():
            yield f"{name}: " + ", ".join(f"{key} {value}" for key, value in scores.items() if key != "units")
        yield f"written: {folder / head.file} ({(folder / head.file).stat().st_size / 1000:.0f} kB)"


def _config(head: _Head, seed: int, cache_dir: str | None, sizes: Sizes) -> Config:
    config = load_config(
        [
            "+experiment=motion_prior",
            "data=motion_prior",
            f"data.seed={seed_from(seed, 'held out')}",
            f"data.maps={sizes.held_out}",
            "input=flow",
            "input.stabilise=true",
            "input.register=none",
            "members=1",
            f"seed={seed}",
            f"stages.prior.data.seed={seed}",
            f"stages.prior.data.maps={sizes.maps}",
            f"stages.prior.optim.iterations={sizes.steps or head.steps}",
            *([] if cache_dir is None else [f"cache_dir={cache_dir}"]),
            *head.overrides,
        ]
    )
    check_config(config)
    return config


def _card(head: _Head, experiment: Experiment, network: RecognitionNetwork, seed: int, sizes: Sizes) -> dict[str, Any]:
    """Return the card, with calibration and scores of drawings that did not train the network."""
    config, maps = experiment.config, experiment.samples
    drawn = experiment.stages[0].config.data
    assert isinstance(drawn, MotionPriorData)
    card = {
        "what": head.what,
        "classes": list(maps.classes),
        **({"task": "action_units"} if maps.units else {}),
        "input": as_settings(config.input),
        "trained_on": {
            "data": "motion drawn from action units (mer.data.motion_prior), no recorded face",
            "synthetic": True,
            "drawing": DRAWING,
            "options": as_settings(drawn),
            "recipe": as_settings(experiment.stages[0].config.optim),
            "seed": seed,
            "subjects": [],
            "samples": [],
            "pictures": [],
        },
        "limits": [*LIMITS, head.limit],
    }
    network.card = card
    plain = Recogniser(network.eval(), config.input, head.file)
    clips = {
        purpose: draw_clips(
            sizes.clips, config.input, classes=maps.table.classes, units=maps.units, seed=seed_from(seed, purpose)
        )
        for purpose in ("calibration", "scores")
    }
    network.card = {**card, "calibration": _calibration(plain, maps, clips["calibration"])}
    judge = Recogniser(network, config.input, head.file)
    card = {
        **network.card,
        "scores": {
            "held-out drawn maps": _scores(judge, np.asarray(maps.inputs), maps.targets),
            "drawn clips through the flow pipeline": _scores(judge, *_of(clips["scores"], judge)),
        },
    }
    return {**card, "sha256": content_hash(card, network.state_dict())}


def _calibration(one: Recogniser, maps: PreparedSamples, clips: DrawnClips) -> dict[str, Any]:
    """Return the entry `calibration`: of classes by clips, of units also by maps, since some are rare in clips."""
    inputs, targets = _of(clips, one)
    if not one.units:
        return {**calibrate_classes(one, inputs, targets), "by": "drawn clips through the flow pipeline"}
    parts = [
        np.concatenate([np.asarray(drawn), np.repeat(own, REPEATS, axis=0)])
        for drawn, own in ((maps.inputs, inputs), (maps.targets, targets))
    ]
    return {**calibrate_units(one, *parts), "by": "held-out drawn maps, and drawn clips through the flow pipeline"}


def _of(clips: DrawnClips, one: Recogniser) -> tuple[Inputs, Any]:
    """Return inputs and targets of clips."""
    return clips.inputs, clips.units if one.units else clips.classes


def _scores(one: Recogniser, inputs: Inputs, targets: Any) -> dict[str, Any]:
    """Return scores of calibrated answers as plain values."""
    found, once = one.probabilities(inputs), np.ones((1, len(inputs)))
    if not one.units:
        known, answers = targets >= 0, found.argmax(axis=1)
        confusion = metrics.confusion_matrix(targets[known], answers[known], classes=len(one.names))
        sure, right = found.max(axis=1) >= one.calibration["uncertain_below"], answers == targets
        return {
            "with a class": int(known.sum()),
            "uf1": _rounded(metrics.uf1(confusion)),
            "uar": _rounded(metrics.uar(confusion)),
            "certain of these": _rounded(sure[known].mean()),
            "without a class": int((~known).sum()),
            "certain of those": _rounded(sure[~known].mean()) if (~known).any() else None,
            "right of all that are certain": _rounded(right[sure].mean()) if sure.any() else None,
        }
    f1 = weighted_f1(targets, found >= np.array(one.calibration["threshold"]), once)[0]
    auc = weighted_auc(targets, found, once)[0]
    enough = (targets == 1).sum(axis=0) >= ENOUGH
    rows = {
        name: {"shown": int((targets[:, k] == 1).sum()), "auc": _rounded(auc[k]), "f1": _rounded(f1[k])}
        for k, name in enumerate(one.names)
    }
    means = {"mean_auc": _rounded(auc[enough].mean()), "mean_f1": _rounded(f1[enough].mean())} if enough.any() else {}
    return {"count": len(inputs), "units_in_mean": int(enough.sum()), **means, "units": rows}


def _rounded(value: Any) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


def content_hash(card: Mapping[str, Any], weights: Mapping[str, torch.Tensor]) -> str:
    """Return the SHA-256 of weights (in half precision) and card without its own entry `sha256`, as hex digits."""
    total = hashlib.sha256(json.dumps({k: v for k, v in card.items() if k != "sha256"}, sort_keys=True).encode())
    for name in sorted(weights):
        total.update(name.encode() + weights[name].detach().half().numpy().tobytes())
    return total.hexdigest()
