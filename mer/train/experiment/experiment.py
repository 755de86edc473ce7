"""What all folds of one run share: the table of samples, the decoded pixels, the folds.

Contract: `load_study` is a function of the configuration alone, so that any process on any machine gets the same study.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mer.config import Config, DataConfig, StageConfig
from mer.data.samples.table import SampleTable
from mer.errors import SampleError
from mer.inputs import pipeline
from mer.models import checkpoint
from mer.protocols.registry import Fold, make_folds, protocol_notes
from mer.train.experiment import null_runs
from mer.train.experiment.overlap import Samples, people_in_both


@dataclass(frozen=True)
class Stage:
    """One training before the folds.

    Attributes:
        name: unique in the run.
        config: its data and recipe.
        samples: what it trains on.
        shared: whether one training serves all folds, since no person in its samples or in those of the stages before
            it is tested.
        people: subjects of its samples who are tested, each with the reason.
    """

    name: str
    config: StageConfig
    samples: Samples
    shared: bool
    people: dict[str, str]


@dataclass(frozen=True)
class Study:
    """One configuration with its data.

    Attributes:
        config: the configuration.
        table: one row a clip.
        pixels: network inputs (N, C, H, W), row i for row i of the table; a read-only memory map.
        folds: who is tested on whom.
        stages: trainings before the folds, in order.
        companions: samples of another source in the folds' training batches.
    """

    config: Config
    table: SampleTable
    pixels: np.ndarray
    folds: tuple[Fold, ...]
    stages: tuple[Stage, ...] = ()
    companions: Samples | None = None

    @cached_property
    def samples(self) -> Samples:
        """Table and pixels together."""
        return Samples(self.table, self.pixels)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the loader did to the samples, and what the protocol makes of them; one sentence each."""
        return (*self.table.notes, *protocol_notes(self.table, self.config.protocol, list(self.folds)))

    def fold(self, name: str) -> Fold:
        """The fold of that name."""
        return next(fold for fold in self.folds if fold.name == name)


def load_study(config: Config, *, progress: bool = False) -> Study:
    """The study of a configuration; draws or reads samples and fills the pixel cache where that was not done yet."""
    table = pipeline.table_of(config.data, config, progress=progress)
    folds = make_folds(table, config.protocol, config.seed)
    samples = Samples(table, pipeline.inputs_of(null_runs.shown(table, config), config.data, config, progress=progress))
    stages: list[Stage] = []
    tested = [sample for fold in folds for sample in (*fold.validation, *fold.test)]
    for name, stage in config.stages.items():
        others = _other_samples(stage.data, samples, config, f"stages.{name}", progress=progress)
        people = people_in_both(others, samples, tested)
        if config.protocol.candidates:
            _refuse_known_people(name, others, samples)
        shared = not people and all(before.shared for before in stages)
        stages.append(Stage(name, stage, others, shared, people))
    if any(not fold.train for fold in folds):
        _refuse_other_classes(table, stages, config)
    other = config.cotrain.data
    companions = None if other is None else _companions(other, samples, config, progress=progress)
    return Study(config, table, samples.pixels, tuple(folds), tuple(stages), companions)


def _other_samples(data: DataConfig, own: Samples, config: Config, key: str, *, progress: bool) -> Samples:
    """Samples of a source beside the run's own, with inputs of the same shape."""
    table = pipeline.table_of(data, config, progress=progress)
    pixels = pipeline.inputs_of(table, data, config, progress=progress)
    if pixels.shape[1:] != own.pixels.shape[1:]:
        raise SampleError(
            f"{key}.data: expected inputs of shape {own.pixels.shape[1:]} as those of {own.table.name}, {table.name} "
            f"gives {pixels.shape[1:]}; choose an input that has the same channels for both, e.g. input=apex"
        )
    return Samples(null_runs.of_other(table, config, key), pixels)


def _refuse_known_people(name: str, others: Samples, own: Samples) -> None:
    """Raise where a stage shows people of the protocol's own table, on whom a nested search would compare recipes."""
    met = people_in_both(others, own, own.table.frame["sample_id"])
    if met:
        who, how = next(iter(met.items()))
        raise SampleError(
            f"stages.{name}.data: expected other people than those of {own.table.name} with protocol.candidates, got "
            f"{len(met)} who are in both ({who}: {how}): recipes are compared on parts of a fold's training people, "
            "whom the stage would have seen. Choose other data for the stage, or set protocol.candidates=[]"
        )


def _refuse_other_classes(table: SampleTable, stages: list[Stage], config: Config) -> None:
    """Raise where a fold trains nothing and the classifier that is handed on knows other classes than the table's."""
    known: tuple[str, ...]
    if stages:
        source, known = f"stages.{stages[-1].name}", stages[-1].samples.table.classes
    else:
        source, known = "init.path", tuple(checkpoint.read(str(config.init.path))["card"]["classes"])
    if sorted(known) != sorted(table.classes):  # the order is put right by name
        raise SampleError(
            f"{source}: expected the classes {', '.join(table.classes)} of {table.name}, which is tested without any "
            f"training, got {', '.join(known)}; choose a label set that both know (data.labels)"
        )


def _companions(data: DataConfig, own: Samples, config: Config, *, progress: bool) -> Samples:
    """Samples of co-training, whose classes are among the run's own."""
    samples = _other_samples(data, own, config, "cotrain", progress=progress)
    unknown = [name for name in samples.table.classes if name not in own.table.classes]
    if unknown:
        raise SampleError(
            f"cotrain.data: expected classes among {', '.join(own.table.classes)} of {own.table.name}, got "
            f"{', '.join(unknown)} from {samples.table.name}; choose a label set that both know (data.labels, "
            "cotrain.data.labels), or do without: cotrain.data=null"
        )
    return samples
