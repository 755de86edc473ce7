"""Load what all folds of one run share: the table of samples, the network inputs, the folds.

Contract: `load_experiment` is a function of the configuration alone, so any process on any machine gets the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from mer.config import Config, DataConfig, StageConfig
from mer.data.samples.table import SampleTable
from mer.errors import ConfigError, SampleError
from mer.inputs import pipeline
from mer.inputs.faces.quick_look import look_at_faces
from mer.inputs.prepared_samples import PreparedSamples
from mer.models import checkpoint
from mer.protocols.registry import Fold, is_learned, make_folds, protocol_notes
from mer.train.experiment import null_runs, task
from mer.train.experiment.overlap import shared_subjects
from mer.utils.plugins import load_plugins


@dataclass(frozen=True)
class PretrainingStage:
    """A training before the folds.

    Attributes:
        name: unique in the run.
        config: its data and recipe.
        samples: what it trains on.
        shared: whether one training serves all folds, since no subject of its samples or of an earlier stage is
            tested.
        people: tested subjects among its samples, each with the reason.
    """

    name: str
    config: StageConfig
    samples: PreparedSamples
    shared: bool
    people: dict[str, str]


@dataclass(frozen=True)
class Experiment:
    """A configuration with its data.

    Attributes:
        config: the configuration.
        table: one row per clip.
        inputs: network inputs (N, C, H, W), row i for row i of the table; a read-only memory map.
        folds: training, validation and test samples of each fold.
        stages: pretraining stages, in order.
        cotraining: samples of another source, added to the training batches.
    """

    config: Config
    table: SampleTable
    inputs: np.ndarray
    folds: tuple[Fold, ...]
    stages: tuple[PretrainingStage, ...] = ()
    cotraining: PreparedSamples | None = None

    @cached_property
    def samples(self) -> PreparedSamples:
        """Return table and inputs together."""
        return PreparedSamples(self.table, self.inputs, task.units_of(self.config))

    @property
    def data_hash(self) -> str:
        """Return the hash of the samples."""
        return self.hashes["data_hash"]

    @cached_property
    def hashes(self) -> dict[str, str]:
        """Return `data_hash` of samples and key frames, and `frames_hash` if further frames are read."""
        frames = pipeline.frames_hash(self.table, self.config.data, self.config)
        return {"data_hash": self.table.content_hash(), **({} if frames is None else {"frames_hash": frames})}

    @property
    def notes(self) -> tuple[str, ...]:
        """Return the notes of loader, codes and protocol, one sentence each."""
        codes = task.code_notes(self.table) if self.samples.units else ()
        return (*self.table.notes, *codes, *protocol_notes(self.table, self.config.protocol, list(self.folds)))

    def fold(self, name: str) -> Fold:
        """Return the fold with this name."""
        return next(fold for fold in self.folds if fold.name == name)


def load_experiment(config: Config, *, progress: bool = False) -> Experiment:
    """Load the experiment of a configuration: read or draw the samples and compute inputs not yet in the cache."""
    load_plugins(config.plugins)  # a worker process begins here
    table = pipeline.load_samples(config.data, config, progress=progress)
    folds = make_folds(table, config.protocol, config.seed)
    samples = _with_inputs(table, config, progress=progress)
    stages: list[PretrainingStage] = []
    tested = [sample for fold in folds for sample in (*fold.validation, *fold.test)]
    for name, stage in config.stages.items():
        others = _other_samples(stage.data, samples, config, f"stages.{name}", progress=progress)
        people = shared_subjects(others, samples, tested)
        if config.protocol.candidates or task.chooses_thresholds(config) or is_learned(config.decision):
            _refuse_known_people(name, others, samples)
        shared = not people and all(before.shared for before in stages)
        stages.append(PretrainingStage(name, stage, others, shared, people))
    if any(not fold.train for fold in folds):
        _refuse_other_classes(samples, stages, config)
    other = config.cotrain.data
    cotraining = None if other is None else _load_cotraining(other, samples, config, progress=progress)
    return Experiment(config, table, samples.inputs, tuple(folds), tuple(stages), cotraining)


def look_at_frames(experiment: Experiment) -> Experiment:
    """Return the experiment with a note for each data set in whose frames the face is too small.

    Reads a few frames of the run's own samples, of stages and of co-training; not of drawn samples, motion maps or
    null runs.
    """
    config = experiment.config
    if config.input.representation == "motion_map" or config.null != null_runs.NONE:
        return experiment

    def looked_at(table: SampleTable, data: DataConfig) -> SampleTable:
        drawn = pipeline.is_drawn(data) or data.name.startswith("synthetic")
        return table if drawn else replace(table, notes=(*table.notes, *look_at_faces(table, config.face)))

    def with_notes(samples: PreparedSamples, data: DataConfig) -> PreparedSamples:
        return replace(samples, table=looked_at(samples.table, data))

    stages = [replace(one, samples=with_notes(one.samples, one.config.data)) for one in experiment.stages]
    cotraining, other = experiment.cotraining, config.cotrain.data
    if cotraining is not None and other is not None:
        cotraining = with_notes(cotraining, other)
    table = looked_at(experiment.table, config.data)
    return replace(experiment, table=table, stages=tuple(stages), cotraining=cotraining)


def load_data(config: Config, *, progress: bool = False) -> PreparedSamples:
    """Read or draw the samples of `config.data` and compute their inputs, or take them from the cache.

    Raises:
        ConfigError: if `null=permuted_labels`, since labels are permuted per fold; use `run_experiment`.
    """
    if config.null == null_runs.PERMUTED:
        raise ConfigError(["null: expected none or onset_only for load_data, got permuted_labels; use run_experiment"])
    return _with_inputs(pipeline.load_samples(config.data, config, progress=progress), config, progress=progress)


def _with_inputs(table: SampleTable, config: Config, *, progress: bool) -> PreparedSamples:
    shown, units = null_runs.apply_onset_only(table, config), task.units_of(config)
    if units:
        task.check_codes(table, "data")
    return PreparedSamples(table, pipeline.load_inputs(shown, config.data, config, progress=progress), units)


def _other_samples(
    data: DataConfig, own: PreparedSamples, config: Config, key: str, *, progress: bool
) -> PreparedSamples:
    """Load the samples of another source; raise SampleError if their inputs have another shape."""
    table = pipeline.load_samples(data, config, progress=progress)
    pixels = pipeline.load_inputs(table, data, config, progress=progress)
    if pixels.shape[1:] != own.inputs.shape[1:]:
        raise SampleError(
            f"{key}.data: expected inputs of shape {own.inputs.shape[1:]} as those of {own.table.name}, {table.name} "
            f"gives {pixels.shape[1:]}; choose an input that has the same channels for both, e.g. input=apex"
        )
    if own.units:
        task.check_codes(table, f"{key}.data")
    return PreparedSamples(null_runs.permute_labels(table, config, key), pixels, own.units)


def _refuse_known_people(name: str, others: PreparedSamples, own: PreparedSamples) -> None:
    """Raise SampleError if a stage contains subjects on whom candidates or decisions would be compared."""
    met = shared_subjects(others, own, own.table.frame["sample_id"])
    if met:
        who, how = next(iter(met.items()))
        raise SampleError(
            f"stages.{name}.data: expected other people than those of {own.table.name} with protocol.candidates, "
            f"task.threshold=inner or a decision that is chosen, got {len(met)} who are in both ({who}: {how}): these "
            "choose on parts of a fold's training people, whom the stage would have seen. Choose other data for the "
            "stage, or set protocol.candidates=[], task.threshold=fixed and decision.rule=argmax"
        )


def _refuse_other_classes(samples: PreparedSamples, stages: list[PretrainingStage], config: Config) -> None:
    """Raise SampleError if a fold does not train and the initial classifier has other classes than the run."""
    known: tuple[str, ...]
    if stages:
        source, known = f"stages.{stages[-1].name}", stages[-1].samples.classes
    else:
        source, known = "init.path", tuple(checkpoint.read(str(config.init.path))["card"]["classes"])
    if sorted(known) != sorted(samples.classes):  # the order is put right by name
        raise SampleError(
            f"{source}: expected the classes {', '.join(samples.classes)} of {samples.table.name}, which is tested "
            f"without any training, got {', '.join(known)}; choose a label set that both know (data.labels)"
        )


def _load_cotraining(data: DataConfig, own: PreparedSamples, config: Config, *, progress: bool) -> PreparedSamples:
    """Load the co-training samples; raise SampleError if they have classes that the run does not have."""
    samples = _other_samples(data, own, config, "cotrain", progress=progress)
    unknown = [name for name in samples.classes if name not in own.classes]
    if unknown:
        raise SampleError(
            f"cotrain.data: expected classes among {', '.join(own.classes)} of {own.table.name}, got "
            f"{', '.join(unknown)} from {samples.table.name}; choose a label set that both know (data.labels, "
            "cotrain.data.labels), or do without: cotrain.data=null"
        )
    return samples
