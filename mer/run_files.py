"""Name every file in a run's folder.

<run>/config.yaml      all options                   <run>/report.html    the run, for people (self-contained)
<run>/manifest.json    where it was computed         <run>/confusion.png  pooled confusion matrix
<run>/results.json     scores and their intervals    <run>/folds/<fold>/  one finished fold:
<run>/predictions.csv  one row per sample                fold.json  predictions.csv  curves.csv
<run>/folds.csv        one row per fold                  model.ckpt  attention.npz
                                                         of several members: members.csv model-<m>.ckpt curves-<m>.csv
<run>/stages/<stage>/  one finished training before the folds: model.ckpt curves.csv stage.json; folds/<fold>/stages/
                       where each fold needs its own; <stage>-member1 and so on for further members
<run>/registration.png data sets before and after input.register
<run>/leaks.json       checks of the leak audit, and waived findings
<run>/loggers/         what Lightning's loggers write, e.g. csv/<training>/metrics.csv; run.json, from which ids come
<run>/wandb/           runs of W&B, for `wandb sync`
<run>/.lock            the process that uses, or last used, the folder
<sweep>/sweep.json     overrides of a sweep, to resume it
<run>/error.json       overrides and error of a sweep's job that could not start
<run>/failures/<fold>.json  why a fold failed; removed when it succeeds
<run>/sanity/sanity.json    null tests and their verdicts; sanity/<name>/ is the folder of a null run
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from mer.utils.atomic_files import remove_abandoned
from mer.utils.hashing import digest

CONFIG = "config.yaml"
MANIFEST = "manifest.json"
RESULTS = "results.json"
PREDICTIONS = "predictions.csv"
FOLDS = "folds.csv"
REPORT = "report.html"
CONFUSION = "confusion.png"
REGISTRATION = "registration.png"
ERROR = "error.json"
SWEEP = "sweep.json"
TRACKED = "run.json"
LEAKS = "leaks.json"
LOCK = ".lock"
FOLDS_FOLDER = "folds"
FAILURES_FOLDER = "failures"
STAGES_FOLDER = "stages"
SANITY_FOLDER = "sanity"
LOGGERS_FOLDER = "loggers"

SANITY = "sanity.json"
#: Files of a run that are written anew each time.
_WRITTEN = (CONFIG, MANIFEST, RESULTS, PREDICTIONS, FOLDS, REPORT, CONFUSION, REGISTRATION, ERROR, LEAKS)

FOLD = "fold.json"
STAGE = "stage.json"
CURVES = "curves.csv"
CHECKPOINT = "model.ckpt"
ATTENTION = "attention.npz"
MEMBERS = "members.csv"

_SAFE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")


def fold_folder(run: str | Path, name: str) -> Path:
    """Return the folder of the fold `name`, with a name that is safe on any system.

    In an unsafe name, characters become `-` and a hash is appended, so `a:b` and `a/b` get different folders.
    """
    folder = name if _SAFE.fullmatch(name) else f"{re.sub(r'[^A-Za-z0-9_-]', '-', name)[:80]}-{digest(name)[:8]}"
    return Path(run) / FOLDS_FOLDER / folder


def member_file(name: str, member: int) -> str:
    """Return the file name of one member: `model.ckpt` is that of member 0, `model-2.ckpt` that of member 2."""
    path = Path(name)
    return f"{path.stem}-{member}{path.suffix}" if member else name


def stage_folder(parent: str | Path, name: str, member: int = 0) -> Path:
    """Return the folder of a stage in the run's folder, or in the folder of the fold that it was trained for."""
    return Path(parent) / STAGES_FOLDER / (f"{name}-member{member}" if member else name)


def failure_file(run: str | Path, name: str) -> Path:
    """Return the file that records why the fold `name` failed."""
    return Path(run) / FAILURES_FOLDER / f"{fold_folder(run, name).name}.json"


def logger_folder(run: str | Path) -> Path:
    """Return the folder of what loggers write."""
    return Path(run) / LOGGERS_FOLDER


def sanity_folder(run: str | Path, name: str) -> Path:
    """Return the folder of the null run `name` of a run."""
    return Path(run) / SANITY_FOLDER / name


def obstacle(run: str | Path) -> Path | None:
    """Return what stands where a run writes and cannot be replaced: a folder for a file, or a file for a folder."""
    run = Path(run)
    for name in (FOLDS_FOLDER, STAGES_FOLDER, FAILURES_FOLDER, SANITY_FOLDER, LOGGERS_FOLDER):
        if (run / name).exists() and not (run / name).is_dir():
            return run / name
    return next((run / name for name in (*_WRITTEN, LOCK) if (run / name).is_dir()), None)


def remove_leftovers(run: str | Path) -> None:
    """Remove incomplete files of killed processes; call it only while holding the lock of the folder."""
    run = Path(run)
    for folder in (FOLDS_FOLDER, STAGES_FOLDER, FAILURES_FOLDER):
        for path in (run / folder).glob(".*"):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    for name in _WRITTEN:
        remove_abandoned(run, Path(name).stem)
    remove_abandoned(run / SANITY_FOLDER, Path(SANITY).stem)
