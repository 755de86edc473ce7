"""Train one stage with `train_stage`, for all folds or for one fold.

Contract: a function of the stage, the weights of the stage before and the seeds; only `StageResult.write` writes files.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger

from mer import finished_folders, run_files
from mer.config import Config, ProtocolConfig, as_settings
from mer.errors import MerError
from mer.models import checkpoint
from mer.protocols.inner_splits import split_validation
from mer.protocols.registry import Fold
from mer.provenance import environment, result_config
from mer.train.experiment.experiment import Experiment, PretrainingStage
from mer.train.experiment.overlap import samples_without, shared_subjects
from mer.train.experiment.trained_on import TrainedOn, of_stage
from mer.train.fold.ensemble import member_seed
from mer.train.fold.fit import Trained, fit
from mer.train.fold.initial_weights import InitialWeights
from mer.utils.atomic_files import write_json
from mer.utils.hashing import digest, file_hash
from mer.utils.seeding import seed_from


@dataclass(frozen=True)
class StageResult:
    """A trained stage before it is written.

    Attributes:
        stage: the stage.
        config: the run's configuration with the data and optimiser of the stage.
        trained: network and curves.
        record: content of `stage.json`.
        trained_on: subjects and samples that trained the network.
    """

    stage: PretrainingStage
    config: Config
    trained: Trained
    record: dict[str, Any]
    trained_on: TrainedOn

    @property
    def start(self) -> InitialWeights:
        """Return the initial weights of the next training."""
        weights = {name: value.detach().cpu() for name, value in self.trained.network.state_dict().items()}
        return InitialWeights(weights, self.stage.samples.classes)

    def write(self, folder: Path, *, weights: bool = True) -> None:
        """Write curves, record and, if `weights` is True, the checkpoint into an existing folder."""
        self.trained.curves.table().to_csv(folder / run_files.CURVES, index=False)
        table, config = self.stage.samples.table, self.config
        card = {
            "classes": list(self.stage.samples.classes),
            "input": as_settings(config.input),
            "trained_on": {
                "data": table.name,
                "synthetic": table.synthetic,
                "held_out": self.record["fold"],
                **self.trained_on.as_card(),
            },
            "stage": self.stage.name,
            "chain": self.record["chain"],
        }
        if weights:
            checkpoint.save(folder / run_files.CHECKPOINT, self.trained.network, model=config.model, card=card)
        write_json(folder / run_files.STAGE, finished_folders.seal(folder, run_files.STAGE, self.record))


def train_stage(
    experiment: Experiment,
    stage: PretrainingStage,
    start: InitialWeights | None,
    *,
    fold: Fold | None = None,
    member: int = 0,
    loggers: Sequence[Logger] = (),
) -> StageResult:
    """Train one stage, for all folds or for one fold.

    Args:
        experiment: the experiment of the run.
        stage: the stage to train.
        start: weights of the stage before; None for the first stage.
        fold: the fold to train for, without the subjects that it tests or validates on; None for all folds.
        member: number of the network in an ensemble.
        loggers: Lightning's loggers of this training.
    """
    began = time.perf_counter()
    people = {} if fold is None else shared_subjects(stage.samples, experiment.samples, (*fold.validation, *fold.test))
    config = stage_config(experiment.config, stage)
    split = stage_fold(stage, config, samples_without(stage.samples, people))
    names: list[str | int] = ["stage", stage.name]
    if fold is not None:
        names += ["fold", fold.name]
    seed = member_seed(experiment.config.seed, member)
    trained = fit(
        stage.samples,
        split,
        config,
        seed=seed_from(seed, *names),
        data_seed=seed_from(seed, "data", *names),
        start=start,
        logger=loggers,
    )
    table = stage.samples.table
    record = {
        "stage": stage.name,
        "member": member,
        "fold": None if fold is None else fold.name,
        "data": table.name,
        "data_hash": table.content_hash(),
        "synthetic": table.synthetic,
        "samples": len(split.train) + len(split.validation),
        "subjects": int(table.subjects.nunique()) - len(people),
        "left_out": people,
        "train": len(split.train),
        "validation": len(split.validation),
        "classes": list(stage.samples.classes),
        **trained.record,
        "seconds": time.perf_counter() - began,
        "config": asdict(stage.config),
        "chain": stage_hash(experiment, stage),
        "environment": environment(),
    }
    return StageResult(stage, config, trained, record, of_stage(experiment, stage, fold))


def stage_config(config: Config, stage: PretrainingStage) -> Config:
    """Return the run's configuration with the data and recipe of a stage."""
    config = replace(config, data=stage.config.data, optim=stage.config.optim, augment=stage.config.augment)
    if stage.samples.table.subjects.nunique() < 2:  # nobody could be held out
        config = replace(config, protocol=replace(config.protocol, validation=0.0))
    return config


def stage_fold(stage: PretrainingStage, config: Config, ids: tuple[str, ...]) -> Fold:
    """Split the samples of a stage into training samples and, if the run asks, whole subjects that choose its epoch."""
    table, share = stage.samples.table, config.protocol.validation
    if not ids:
        raise MerError(
            f"stages.{stage.name}: expected subjects of {table.name} that no fold tests, got none: "
            "choose other data for the stage"
        )
    fold = Fold(f"stage-{stage.name}", ids, (), ())
    return split_validation(fold, table, share=share, seed=config.seed) if share else fold


def stage_hash(experiment: Experiment, stage: PretrainingStage) -> str:
    """Return the hash of all that decides a stage's weights: network, input, seeds, stages up to this one, data."""
    config = experiment.config
    names = list(config.stages)
    upto = names[: names.index(stage.name) + 1]
    relevant = Config(
        seed=config.seed,
        plugins=config.plugins,
        input=config.input,
        model=config.model,
        init=config.init,
        trainer=config.trainer,
        protocol=ProtocolConfig(validation=config.protocol.validation),
        stages={name: config.stages[name] for name in upto},
    )
    hashes = [each.samples.table.content_hash() for each in experiment.stages if each.name in upto]
    return digest([result_config(relevant), hashes, file_hash(config.init.path)])
