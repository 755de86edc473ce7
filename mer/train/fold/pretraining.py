"""Train the pretraining stages; each starts with the weights of the one before, and the folds with the last one's.

Contract: a stage without tested subjects is trained once, in the run's main process, and kept in `<run>/stages/`. From
the first stage with a tested subject on, each fold trains its own stages, without the subjects that it tests or
validates on, and keeps them in `<fold>/stages/`. A finished stage is never trained again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mer import finished_folders, run_files
from mer.errors import MerError
from mer.models import checkpoint
from mer.protocols.registry import Fold
from mer.train.experiment.experiment import Experiment, PretrainingStage
from mer.train.fold.fold_log import SAID, end_stage_log, tracked_run
from mer.train.fold.initial_weights import InitialWeights
from mer.train.fold.train_stage import StageResult, stage_hash, train_stage
from mer.train.loggers.tracked_run import stage_part
from mer.train.loggers.training_log import open_log
from mer.utils.atomic_files import read_json, write_folder_atomically


def train_shared(experiment: Experiment, run: Path) -> Iterator[str]:
    """Train the unfinished shared stages, on every rank; yield a sentence before and after each.

    Raises:
        MerError: if training diverges, or the folder holds a stage of another configuration or other data.
    """
    for member in range(experiment.config.members):
        start = None
        for stage in experiment.stages:
            if not stage.shared:
                break
            target = run_files.stage_folder(run, stage.name, member)
            fault = finished_folders.damage(target, run_files.STAGE)
            if fault is not None and target.is_dir():
                yield f"note: {fault}, so the stage is made again"
            if fault is not None or not _is_finished(experiment, stage, target):
                which = f", member {member}" if member else ""
                yield f"stage {stage.name}{which}: training on {len(stage.samples.table)} samples once for all folds"
                with open_log(tracked_run(experiment, run), stage_part(stage.name, None, member)) as log:
                    try:
                        result = train_stage(experiment, stage, start, member=member, loggers=log.loggers)
                    except FloatingPointError as error:
                        raise MerError(f"stages.{stage.name}: {error} (stages.{stage.name}.optim.lr)") from error
                    if result.trained.main:
                        with write_folder_atomically(target) as work:
                            result.write(work)
                        end_stage_log(log, target, shared=True)
                result.trained.wait()
                yield f"stage {stage.name}{which}: {result.record['steps']} steps in {result.record['seconds']:.0f} s"
            start = read_start(target)


def damaged_stages(experiment: Experiment, run: Path) -> list[Path]:
    """Return the folders of damaged shared stages."""
    shared = [stage for stage in experiment.stages if stage.shared]
    folders = [
        run_files.stage_folder(run, stage.name, member)
        for stage in shared
        for member in range(experiment.config.members)
    ]
    return [one for one in folders if one.is_dir() and finished_folders.damage(one, run_files.STAGE) is not None]


def pretrain_for_fold(
    experiment: Experiment, fold: Fold, run: Path, *, member: int = 0
) -> tuple[InitialWeights | None, list[StageResult]]:
    """Return the initial weights of a fold and the stages trained for this fold only, to be written with it.

    The weights are None if the fold starts with `config.init`.
    """
    start, results = None, []
    for stage in experiment.stages:
        if stage.shared:
            start = read_start(run_files.stage_folder(run, stage.name, member))
        else:
            with open_log(tracked_run(experiment, run), stage_part(stage.name, fold.name, member)) as log:
                result = train_stage(experiment, stage, start, fold=fold, member=member, loggers=log.loggers)
                log.end({key: result.record.get(key) for key in SAID})
            start = result.start
            results.append(result)
    return start, results


def read_start(folder: Path) -> InitialWeights:
    """Return the weights of a finished stage; raise MerError if its files have changed."""
    fault = finished_folders.damage(folder, run_files.STAGE)
    if fault is not None:
        raise MerError(f"{fault}: give the same command again, the stage is then trained anew")
    content = checkpoint.read(folder / run_files.CHECKPOINT)
    return InitialWeights(content["weights"], tuple(content["card"]["classes"]))


def _is_finished(experiment: Experiment, stage: PretrainingStage, folder: Path) -> bool:
    """Return whether the stage is in the folder. Raises MerError if another stage of that name is."""
    record = folder / run_files.STAGE
    if not record.is_file():
        return False
    found, wanted = read_json(record)["chain"], stage_hash(experiment, stage)
    if found != wanted:
        raise MerError(
            f"{folder} holds a stage of another configuration or of other data (chain {found} there, {wanted} asked "
            "for): restore them, or start a new run with another hydra.run.dir"
        )
    return True
