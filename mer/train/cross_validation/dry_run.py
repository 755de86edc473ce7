"""Dry run: print what a run would do and how long it would take.

Contract: keeps no trained network, and writes only the cache entries that the run would write too.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import torch
from rich.console import Console
from rich.table import Table
from rich.text import Text
from torch import nn

from mer.config import Config, with_overrides
from mer.inputs import pipeline
from mer.inputs.datamodule.fold_datamodule import FoldDataModule
from mer.inputs.prepared_samples import PreparedSamples
from mer.models import count_parameters
from mer.models.attention import describe as describe_attention
from mer.models.build import describe as describe_model
from mer.protocols.registry import Fold
from mer.train.cross_validation import stage_notes
from mer.train.cross_validation.train_folds import parallel_folds
from mer.train.experiment import null_runs
from mer.train.experiment.experiment import Experiment, PretrainingStage
from mer.train.fold.fold_cotraining import cotraining_samples
from mer.train.fold.train_stage import stage_config, stage_fold
from mer.train.lightning.module import RecognitionModule
from mer.utils.console import say

#: Steps that are timed for the estimate, after one that warms up.
TIMED_STEPS = 3


def describe(
    experiment: Experiment, console: Console, *, todo: Sequence[Fold], origin: Sequence[str], startup: float
) -> None:
    """Print samples, folds, network and training of a run; estimate the time from a few steps of the first fold.

    Args:
        experiment: the experiment of the run.
        console: prints the table.
        todo: folds that the run's folder does not hold yet.
        origin: sentences on the initial weights of the first training.
        startup: seconds that a process needs to import the program and to load the experiment from the cache.
    """
    config, table = experiment.config, experiment.table
    module = RecognitionModule(experiment.samples, config, initialise=False)
    first, finished = experiment.folds[0], len(experiment.folds) - len(todo)
    steps = [steps_with_search(experiment, fold) for fold in todo]
    seconds = step_seconds(experiment.samples, _loaders(experiment, first), config) if first.train else 0.0
    side = max(1, min(parallel_folds(config), len(todo)))
    stages = {f"stage {stage.name}": stage_cost(experiment, stage) for stage in experiment.stages}
    # a shared stage is trained before the folds, the others with each
    total = seconds * sum(steps) / side + sum(
        cost.seconds * bool(todo) if cost.shared else cost.seconds * len(todo) / side for cost in stages.values()
    )
    nulls = null_runs.null_configs(config, table, experiment.folds) if config.sanity else {}
    total *= 1 + len(nulls)  # each of them is a run like this one
    begin = startup * (2 if side > 1 else 1)  # the processes of the folds do it again
    parts = ", ".join(
        f"{part} {_span(len(getattr(fold, part)) for fold in experiment.folds)}"
        for part in ("train", "validation", "test")
    )
    rows = {
        "experiment": f"{config.name}, seed {config.seed}",
        "data": f"{table.name}: {len(table)} clips of {table.subjects.nunique()} subjects"
        + (" (synthetic: drawn, not recorded)" if table.synthetic else ""),
        **_what(experiment),
        "protocol": f"{config.protocol.name}: {len(experiment.folds)} folds; {parts} clips",
        "faces": "\n".join(_faces(experiment)),
        "input": f"{config.input.representation} {'x'.join(map(str, experiment.inputs.shape[1:]))}",
        "network": f"{describe_model(config.model)}, {describe_attention(config.model.attention)}, "
        f"{_parameters(module.network)}",
        "weights": "\n".join(origin),
        "training": f"{config.optim.name}, lr {config.optim.lr:g}, batch {config.optim.batch_size}; "
        f"{_span(steps)} steps a fold, {sum(steps):,} in all",
        **({"finished": f"{finished} of {len(experiment.folds)} folds, which are kept"} if finished else {}),
        **{name: cost.text for name, cost in stages.items()},
        **({"sanity": f"{len(nulls)} null runs like this one ({', '.join(nulls)})"} if config.sanity else {}),
        "time": f"about {timedelta(seconds=round(begin + total))}: {begin:.0f} s to start, "
        f"{timedelta(seconds=round(total))} of training at {1000 * seconds:.0f} ms a step, "
        f"{side} fold{'s' if side > 1 else ''} side by side",
    }
    shown = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for key, value in rows.items():
        shown.add_row(Text(key, style="bold"), Text(value))  # brackets, of classes say, are no markup
    console.print(shown)
    for note in (*experiment.notes, *stage_notes.notes(experiment)):
        say(console, f"note: {note}")
    console.print("dry run: nothing was trained")


def _faces(experiment: Experiment) -> Iterable[str]:
    """Yield a line on the faces of each source, the run's own first."""
    config = experiment.config
    yield pipeline.faces_in_words(experiment.table, config.data, config)
    for stage in experiment.stages:
        yield f"stage {stage.name}: {pipeline.faces_in_words(stage.samples.table, stage.config.data, config)}"
    if experiment.cotraining is not None and config.cotrain.data is not None:
        yield f"co-training: {pipeline.faces_in_words(experiment.cotraining.table, config.cotrain.data, config)}"


def _what(experiment: Experiment) -> dict[str, str]:
    """Return the classes or units with the number of their clips."""
    samples, table = experiment.samples, experiment.table
    if samples.units:
        shown = (samples.targets == 1).sum(axis=0)
        return {"units": ", ".join(f"{name} {count}" for name, count in zip(samples.classes, shown, strict=True))}
    return {"classes": ", ".join(f"{name} {(table.frame['label'] == name).sum()}" for name in table.classes)}


@dataclass(frozen=True)
class Cost:
    """Seconds of one training of a stage, whether it serves all folds, and both in words."""

    seconds: float
    shared: bool
    text: str


def stage_cost(experiment: Experiment, stage: PretrainingStage) -> Cost:
    """Estimate the cost of a stage from a few steps, on all its samples (a fold would leave out its test subjects)."""
    config, table = stage_config(experiment.config, stage), stage.samples.table
    members, optim = config.members, config.optim
    loaders = FoldDataModule(stage.samples, stage_fold(stage, config, tuple(table.frame["sample_id"])), config)
    steps, seconds = fold_steps(loaders, config), step_seconds(stage.samples, loaders, config)
    how = "once for all folds" if stage.shared else "for each fold"
    text = (
        f"{table.name}: {len(table)} clips of {table.subjects.nunique()} subjects, classes {', '.join(table.classes)}; "
        f"{optim.name}, lr {optim.lr:g}, batch {optim.batch_size}; {steps:,} steps {how}"
        f"{f' and each of {members} members' if members > 1 else ''}, {1000 * seconds:.0f} ms a step"
    )
    return Cost(members * steps * seconds, stage.shared, text)


def _loaders(experiment: Experiment, fold: Fold) -> FoldDataModule:
    """Return the data module of one fold, co-training included."""
    joined = cotraining_samples(experiment, fold)
    return FoldDataModule(experiment.samples, fold, experiment.config, cotraining=joined)


def steps_with_search(experiment: Experiment, fold: Fold) -> int:
    """Return the most optimiser steps of one fold: all members, and in a nested search all inner trainings."""
    config = experiment.config
    recipes = [with_overrides(config, line) for line in config.protocol.candidates]
    steps = [fold_steps(_loaders(replace(experiment, config=one), fold), one) for one in recipes or [config]]
    return config.members * max(steps) + (config.protocol.inner * sum(steps) if recipes else 0)


def fold_steps(loaders: FoldDataModule, config: Config) -> int:
    """Return the optimiser steps of one training."""
    if not len(loaders.train_rows):
        return 0
    if config.optim.iterations is not None:
        return config.optim.iterations
    return int(config.optim.epochs or 0) * loaders.steps_per_epoch


def step_seconds(data: PreparedSamples, loaders: FoldDataModule, config: Config) -> float:
    """Return the median seconds of a training step here: loading, forward, backward; no optimiser update."""
    torch.set_num_threads(config.trainer.threads)
    module = RecognitionModule(data, config, initialise=False)
    module.adapt_to(loaders)
    on_gpu = config.trainer.accelerator != "cpu" and torch.cuda.is_available()
    device = torch.device("cuda" if on_gpu else "cpu")
    module.to(device)
    times = []
    batches = iter(loaders.train_dataloader())
    for _ in range(TIMED_STEPS + 1):
        start = time.perf_counter()
        batch = next(batches, None)
        if batch is None:
            batches = iter(loaders.train_dataloader())
            batch = next(batches)
        loss = module.training_step({key: value.to(device) for key, value in batch.items()}, 0)
        loss.backward()
        if on_gpu:
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return sorted(times[1:])[TIMED_STEPS // 2]


def _parameters(network: nn.Module) -> str:
    size, moving = sum(parameter.numel() for parameter in network.parameters()), count_parameters(network)
    return f"{size:,} parameters" + (f", {moving:,} of them trained" if moving < size else "")


def _span(values: Iterable[int]) -> str:
    found = sorted(set(values))
    return str(found[0] if found else 0) if len(found) <= 1 else f"{found[0]}..{found[-1]}"
