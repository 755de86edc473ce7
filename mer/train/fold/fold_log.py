"""End the log of a fold's or a stage's training from its files, or make the whole log from them.

Contract: what a log says at its end comes from the files of the finished folder, so a log that is made later, from a
run that was trained without one, says the same.
"""

from __future__ import annotations

from pathlib import Path

from mer import run_files
from mer.train.experiment.experiment import Experiment
from mer.train.loggers.tracked_run import Part, TrackedRun, fold_part, stage_part, track
from mer.train.loggers.training_log import TrainingLog, missing_kinds, open_log
from mer.utils.atomic_files import read_json

#: What the record of a fold or stage says of one training.
SAID = ("epochs", "chosen_epoch", "validation_uf1", "steps", "seconds", "train_seconds", "samples", "train")
#: What the record of a fold says of its test.
OF_FOLD = ("test", "accuracy", "candidate", "strength")


def tracked_run(experiment: Experiment, run: Path) -> TrackedRun:
    """Return the run of a folder for its loggers; `experiment.config` must be that of the run, not of one fold."""
    return track(experiment.config, run, synthetic=experiment.table.synthetic)


def end_fold_log(log: TrainingLog, folder: Path) -> None:
    """Log what a finished fold's record says of one member, and its checkpoints."""
    member = dict(log.part.facts)["member"]
    assert isinstance(member, int)
    record = read_json(folder / run_files.FOLD)
    own = record["members"][member] if "members" in record else record
    names = [run_files.member_file(run_files.CHECKPOINT, member)]
    if not member:  # stages of this fold only have no log of their own files
        names += [path.relative_to(folder).as_posix() for path in sorted(folder.glob("stages/*/*.ckpt"))]
    values = {key: own.get(key) for key in SAID} | {key: record.get(key) for key in OF_FOLD}
    log.end(values, {name: folder / name for name in names})


def end_stage_log(log: TrainingLog, folder: Path, *, shared: bool) -> None:
    """Log what a finished stage's record says, and its checkpoint where all folds share it."""
    record = read_json(folder / run_files.STAGE)
    files = {run_files.CHECKPOINT: folder / run_files.CHECKPOINT} if shared else {}
    log.end({key: record.get(key) for key in SAID}, files)


def log_finished(experiment: Experiment, run: Path, finished: list[str]) -> None:
    """Log the trainings of finished folds and stages that a chosen logger has not logged yet, from their files."""
    members = range(experiment.config.members)
    for stage in experiment.stages:
        for member in members:
            if stage.shared:
                folder = run_files.stage_folder(run, stage.name, member)
                _log_again(experiment, run, stage_part(stage.name, None, member), folder, run_files.CURVES)
    for name in finished:
        target = run_files.fold_folder(run, name)
        for member in members:
            curves = run_files.member_file(run_files.CURVES, member)
            _log_again(experiment, run, fold_part(name, member), target, curves)
            for stage in (one for one in experiment.stages if not one.shared):
                folder = run_files.stage_folder(target, stage.name, member)
                _log_again(experiment, run, stage_part(stage.name, name, member), folder, run_files.CURVES)


def _log_again(experiment: Experiment, run: Path, part: Part, folder: Path, curves: str) -> None:
    tracked = tracked_run(experiment, run)
    is_fold = part.job_type == "fold"
    if not (folder / (run_files.FOLD if is_fold else run_files.STAGE)).is_file() or not missing_kinds(tracked, part):
        return
    with open_log(tracked, part, only_missing=True) as log:
        log.replay(folder / curves)
        if is_fold:
            end_fold_log(log, folder)
        else:
            end_stage_log(log, folder, shared="fold" not in dict(part.facts))
