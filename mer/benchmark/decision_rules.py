"""Measure `decision.rule=prior` on drawn data sets whose class shares differ: even, 70/20/10, and both together.

    python -m mer.benchmark decisions --out DIR [--seeds 5] [--strengths 0.3]

Before that, `simulated.csv`: strengths where the right probabilities are known (`share_simulation`). Contract: maps are
drawn by the motion prior, written as manifests below DIR and go through `mer.run`'s own code, whole people held out. A
rule changes no probability, so each run is trained once and decided by every rule. Synthetic: the numbers compare rules
and say nothing of real faces.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console

from mer import run_files
from mer.benchmark import share_simulation
from mer.compose import load_config
from mer.config import Config, DecisionConfig, MotionPriorData
from mer.data.motion_prior import source as prior
from mer.evaluation.metrics import METRICS
from mer.evaluation.predictions import confusions_by_subject, read_predictions
from mer.evaluation.statistics.paired_tests import effect_size, permutation_test
from mer.inputs.frames.image_files import write_image
from mer.protocols.registry import Fold
from mer.run import run as run_experiment
from mer.train.experiment.experiment import Experiment, load_experiment
from mer.train.fold.fold_decision import learn_decision

#: Class shares by data set: negative, positive, surprise.
SHARES = {"even": (1 / 3, 1 / 3, 1 / 3), "uneven": (0.7, 0.2, 0.1)}
#: With so much of another map UF1 is about that of measured maps.
MIXED = 0.4
#: The data sets that are run together, and the share of another map that is mixed into each, so that classes overlap.
SCENES: dict[str, tuple[tuple[str, ...], float]] = {
    "even": (("even",), 0.0),
    "uneven": (("uneven",), 0.0),
    "both": (("even", "uneven"), 0.0),
    "even, mixed": (("even",), MIXED),
    "uneven, mixed": (("uneven",), MIXED),
}
#: People of a set and maps of each.
PEOPLE, CLIPS = 20, 8
#: How much people's own shares keep to those of their set: the sum of the parameters of a Dirichlet distribution.
CONCENTRATION = 10.0
#: The recipe for measured maps without drawn ones in training, since here the tested ones are drawn; fifths of people.
RECIPE = (
    *("+experiment=manifest_loso", "transfer=scratch", "cotrain.data=null", "members=1"),
    *("protocol=kfold", "protocol.folds=5", "trainer.keep_checkpoints=none", "evaluation.bootstrap=50"),
    *("trainer.parallel_folds=1", "trainer.progress=false"),
    *("decision.rule=argmax", "input.register=none", "data.labels='negative,positive,surprise'"),
)


def labels_of_people(shares: Sequence[float], rng: np.random.Generator) -> list[list[int]]:
    """Return the class of each map of each person; people differ around the shares of their set."""
    own = rng.dirichlet(CONCENTRATION * np.asarray(shares), size=PEOPLE)
    drawn = [rng.choice(len(shares), CLIPS, p=p).tolist() for p in own]
    for k in range(len(shares)):  # two people at least show each class, so that every fold can learn it
        drawn[2 * k][0] = drawn[2 * k + 1][0] = k
    return drawn


def write_sets(folder: Path, names: Sequence[str], seed: int, mixed: float = 0.0) -> Path:
    """Write the maps of data sets and their manifest into a folder; returns the manifest.

    Args:
        folder: where to.
        names: keys of `SHARES`.
        seed: of labels and maps.
        mixed: share of another map, of any class, in each.
    """
    rng = np.random.default_rng([seed, len(names), *map(len, names)])
    people = {name: labels_of_people(SHARES[name], rng) for name in names}
    wanted = [(name, who, label) for name in names for who, labels in enumerate(people[name]) for label in labels]
    bank = MotionPriorData("motion_prior", maps=6 * len(wanted), evenness=1.0, seed=1000 + seed)
    table = prior.load(bank)
    rows_of = {k: iter(np.flatnonzero(table.targets == k)) for k in range(len(table.classes))}
    chosen = [int(next(rows_of[label])) for _, _, label in wanted]
    maps = prior.draw_maps(bank, 28, indices=chosen)
    maps = np.rint((1 - mixed) * maps + mixed * maps[rng.permutation(len(maps))]).astype(np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for place, ((name, who, label), one) in enumerate(zip(wanted, maps, strict=True)):
        path = f"{name}_{place:04d}.png"
        write_image(folder / path, np.ascontiguousarray(one.transpose(1, 2, 0)))
        rows.append((f"{name}/{place:04d}", name, f"{who:02d}", table.classes[label], path))
    listed = pd.DataFrame(rows, columns=["sample_id", "dataset", "subject", "label", "path"])
    listed.to_csv(folder / "manifest.csv", index=False)
    return folder / "manifest.csv"


def decided(config: Config, folder: Path, strengths: Sequence[float]) -> tuple[pd.DataFrame, dict[float, pd.DataFrame]]:
    """Return a run's predictions, and those of the rule `prior` at each strength."""
    plain = read_predictions(folder / run_files.PREDICTIONS)
    found = {}
    for strength in strengths:
        experiment = load_experiment(replace(config, decision=DecisionConfig("prior", strength)))
        parts = [
            learn_decision(experiment, fold, _never).apply(plain[plain["fold"] == fold.name])
            for fold in experiment.folds
        ]
        found[strength] = pd.concat(parts).sort_values("sample_id", ignore_index=True)
    return plain, found


def _never(experiment: Experiment, fold: Fold) -> pd.DataFrame:
    raise AssertionError("a strength that is given needs no inner training")


def compare(pairs: Sequence[tuple[pd.DataFrame, pd.DataFrame]], classes: Sequence[str]) -> dict[str, float]:
    """Return UF1 of the rule and without it, people of all seeds pooled, and their paired difference."""
    first, second = (np.concatenate([confusions_by_subject(pair[k], classes)[1] for pair in pairs]) for k in (1, 0))
    uf1 = METRICS["uf1"]
    tested = permutation_test(first, second, uf1, seed=0)
    size = effect_size(first, second, uf1, seed=0)
    return {
        "people": len(first),
        "argmax": float(uf1(second.sum(axis=0))),
        "prior": float(uf1(first.sum(axis=0))),
        "difference": tested.difference,
        "low": np.nan if size.low is None else size.low,
        "high": np.nan if size.high is None else size.high,
        "p": tested.p,
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the folder of the results, how many seeds are drawn, and the strengths that are compared."""
    parser.add_argument("--out", type=Path, required=True, help="folder for maps, runs and the table")
    parser.add_argument("--seeds", type=int, default=5, help="drawings of each scene (default %(default)s)")
    parser.add_argument(
        "--strengths", type=float, nargs="+", default=[0.2, 0.3, 0.4, 0.5, 0.75, 1.0], help="of the correction"
    )


def run(given: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Write `simulated.csv` and `decisions.csv`, and print them. What an interrupted command finished is kept."""
    given.out.mkdir(parents=True, exist_ok=True)
    simulated = share_simulation.table(given.strengths)
    simulated.to_csv(given.out / "simulated.csv", index=False, float_format="%.4f")
    Console(width=120).print(simulated.round(3).to_string(index=False))
    rows: list[dict[str, Any]] = []
    for scene, (names, mixed) in SCENES.items():
        pairs: dict[float, list[tuple[pd.DataFrame, pd.DataFrame]]] = {one: [] for one in given.strengths}
        for seed in range(given.seeds):
            folder = given.out / f"{scene.replace(', ', '_')}_{seed}"
            manifest = folder / "manifest.csv"
            if not manifest.is_file():
                write_sets(folder, names, seed, mixed)
            config = load_config([*RECIPE, f"data.manifest={manifest}", f"seed={seed}"])
            classes = run_experiment(config, folder / "run", console=Console(quiet=True))["classes"]
            plain, found = decided(config, folder / "run", given.strengths)
            for strength, predictions in found.items():
                pairs[strength].append((plain, predictions))
        rows += [{"scene": scene, "strength": one, **compare(pairs[one], classes)} for one in given.strengths]
    table = pd.DataFrame(rows)
    table.to_csv(given.out / "decisions.csv", index=False, float_format="%.4f")
    Console(width=120).print(table.round(3).to_string(index=False))
