"""Find which recipe for the motion prior survives the steps between laboratories, without a real label.

    python -m mer.benchmark steps --out DIR [--recipes templates motion_map ...] [--maps 1000]

Contract: each recipe learns from the drawing once, through `mer.run`'s own code. It is then tested on drawings of other
faces that differ from what it saw by one step: other crops, a coarser map, few grey levels, other class shares, and
drawn faces that went through frames and a measured flow, by each method. The best recipe is the one whose worst step is
best. Synthetic: the numbers compare recipes and say nothing of real faces.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch
from rich.console import Console

from mer import run_files
from mer.compose import load_config
from mer.config import Config, MotionPriorData
from mer.data.motion_prior import source as prior
from mer.evaluation.metrics import confusion_matrix, uf1
from mer.inputs.flow.dense_flow import METHODS
from mer.inputs.representations.motion_maps import standardise_channels
from mer.models.checkpoint import load_network
from mer.run import run as run_experiment
from mer.train.experiment.experiment import load_data
from mer.train.fold.predict import predict_probabilities

#: Recipe -> options over those of `+experiment=motion_prior`.
RECIPES: dict[str, tuple[str, ...]] = {
    "templates": ("model=templates",),
    "templates-crops": ("model=templates", "stages.prior.data.crops=laboratories"),
    "templates-400-steps": ("model=templates", "stages.prior.optim.iterations=400"),
    "micro-attention": ("model=motion_map",),
    "no-attention": ("model=motion_map", "model.attention.unit=none"),
}
#: Faces and flow methods that no recipe learns from.
TESTED_SEED = 9
#: Side of a coarse map before it is enlarged again, and grey levels of one with few of them.
COARSE, LEVELS = 14, 16
#: Class shares of the MEGC 2019 list's SAMM: negative, positive, surprise.
SHARES = (0.69, 0.20, 0.11)
#: Mirrored maps: u changes its sign.
MIRROR = (-1, 1, 1)

Test = tuple[np.ndarray, np.ndarray]


def coarse(maps: np.ndarray) -> np.ndarray:
    """Return maps (N, 3, S, S) shrunk to `COARSE` pixels a side and enlarged again."""
    size = maps.shape[-1]
    small = [cv2.resize(one, (COARSE, COARSE), interpolation=cv2.INTER_AREA) for one in maps.transpose(0, 2, 3, 1)]
    large = [cv2.resize(one, (size, size), interpolation=cv2.INTER_LINEAR) for one in small]
    return np.stack(large).transpose(0, 3, 1, 2)


def few_levels(maps: np.ndarray) -> np.ndarray:
    """Return maps of grey levels 0..255 (N, 3, S, S) with `LEVELS` levels only."""
    step = 255 / (LEVELS - 1)
    return np.rint(maps / step) * step


def uneven_rows(targets: np.ndarray) -> np.ndarray:
    """Return rows in which the classes have `SHARES`: as many as there are, each once, first ones first."""
    counts = np.bincount(targets, minlength=len(SHARES))
    size = min(count / share for count, share in zip(counts, SHARES, strict=True))
    return np.sort(
        np.concatenate([np.flatnonzero(targets == k)[: int(size * share)] for k, share in enumerate(SHARES)])
    )


def tests(maps: int, cache: str) -> dict[str, Test]:
    """Return inputs (N, 3, 28, 28) and classes (N,) of each step, `none` first."""

    def drawn(crops: str) -> Test:
        data = MotionPriorData("motion_prior", maps=maps, seed=TESTED_SEED, evenness=1.0, crops=crops)
        table = prior.load(data)
        return prior.pixels(data, table, 28), table.targets

    plain, targets = drawn("aligned")
    other, others = drawn("laboratories")
    steps: dict[str, Callable[[np.ndarray], np.ndarray]] = {"coarse": coarse, "few levels": few_levels}
    raw = {"none": (plain, targets), "crops": (other, others)}
    raw |= {name: (change(plain), targets) for name, change in steps.items()}
    uneven = uneven_rows(targets)
    raw["shares"] = (plain[uneven], targets[uneven])
    found = {name: (np.stack([standardise_channels(one) for one in x]), y) for name, (x, y) in raw.items()}
    for method in METHODS:
        flows = [
            "data=synthetic",
            "input=flow",
            f"input.flow={method}",
            f"data.seed={TESTED_SEED}",
            f"cache_dir={cache}",
        ]
        samples = load_data(load_config([*flows, f"data.clips={min(maps, 300)}"]))
        found[f"flow {method}"] = samples.inputs, samples.targets
    return found


def learned(config: Config, folder: Path) -> list[torch.nn.Module]:
    """Return the networks of a run's stage, one for each member; trained only if they are not there."""
    run_experiment(config, folder, console=Console(quiet=True))
    fold = run_files.fold_folder(folder, "all")
    return [load_network(path) for path in sorted(fold.glob("model*.ckpt"))]


def score(networks: list[torch.nn.Module], test: Test) -> float:
    """Return UF1 of the networks' mean probabilities, mirrored inputs averaged in."""
    inputs, targets = test
    batch = {"image": torch.tensor(np.asarray(inputs, dtype=np.float32)), "sample_id": [""] * len(inputs)}
    found = np.mean([predict_probabilities(one, [batch], mirror=MIRROR)[1] for one in networks], axis=0)
    return float(uf1(confusion_matrix(targets, found.argmax(axis=1), classes=len(SHARES))))


def table(scores: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """Return a row for each recipe: its worst step, UF1 there and at every step; the best worst step first."""
    rows = []
    for recipe, by_step in scores.items():
        worst = min(by_step, key=lambda step: by_step[step])
        rows.append({"recipe": recipe, "worst step": worst, "worst": by_step[worst], **by_step})
    return pd.DataFrame(rows).sort_values("worst", ascending=False, kind="stable", ignore_index=True)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the folder of the results, the recipes, and how much is drawn."""
    parser.add_argument("--out", type=Path, required=True, help="folder for runs, cache and the table")
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES), help="default: all")
    parser.add_argument("--maps", type=int, default=1000, help="drawn maps of each test (default %(default)s)")
    parser.add_argument("--members", type=int, default=2, help="networks of each recipe (default %(default)s)")
    parser.add_argument(
        "--drawn", type=int, default=8000, help="drawn maps that each learns from (default %(default)s)"
    )


def run(given: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Write `steps.csv` and print it. Recipes that an interrupted command finished are kept.

    Raises:
        MerError: an option or the folder cannot be used.
    """
    if given.maps < 100:
        parser.error(f"--maps: expected at least 100, got {given.maps}")
    cache = str(given.out / "cache")
    common = ["+experiment=motion_prior", "data=motion_prior", f"data.maps={given.maps}", f"data.seed={TESTED_SEED}"]
    common += [f"members={given.members}", "input.register=none", "trainer.progress=false", f"cache_dir={cache}"]
    configs = {
        name: load_config([*common, *RECIPES[name], f"stages.prior.data.maps={given.drawn}"]) for name in given.recipes
    }
    shown = tests(given.maps, cache)
    scores: dict[str, dict[str, Any]] = {}
    for number, (name, config) in enumerate(configs.items()):
        Console().print(f"{number + 1} of {len(configs)}: {name}")
        networks = learned(config, given.out / name)
        scores[name] = {step: score(networks, test) for step, test in shown.items()}
    found = table(scores)
    found.to_csv(given.out / "steps.csv", index=False, float_format="%.4f")
    Console(width=200).print(found.round(3).to_string(index=False))
