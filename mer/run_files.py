"""Names of every file in a run's folder, in one place.

<run>/config.yaml      what was asked for            <run>/report.html    the run, for people (self-contained)
<run>/manifest.json    where it was computed         <run>/confusion.png  pooled confusion matrix
<run>/results.json     scores and their intervals    <run>/folds/<fold>/  one finished fold:
<run>/predictions.csv  one row a sample, pooled          fold.json  predictions.csv  curves.csv
<run>/folds.csv        one row a fold, failed ones too   model.ckpt  attention.npz
                                                         of several members: members.csv model-<m>.ckpt curves-<m>.csv
<run>/stages/<stage>/  one finished training before the folds: model.ckpt curves.csv stage.json; folds/<fold>/stages/
                       where each fold needs its own; <stage>-member1 and so on for further members
<run>/leaks.json       what the leak audit looked at, and waived findings
<run>/.lock            which process works, or last worked, in the folder
<sweep>/sweep.json     overrides of a sweep, so that it can be resumed
<run>/error.json       a sweep's job that could not begin: its overrides and the reason
<run>/failures/<fold>.json  why a fold failed; gone once it succeeds
<run>/sanity/sanity.json    null tests and their verdicts; sanity/<name>/ is the folder of a null run
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from mer.utils.hashing import digest

CONFIG = "config.yaml"
MANIFEST = "manifest.json"
RESULTS = "results.json"
PREDICTIONS = "predictions.csv"
FOLDS = "folds.csv"
REPORT = "report.html"
CONFUSION = "confusion.png"
ERROR = "error.json"
SWEEP = "sweep.json"
LEAKS = "leaks.json"
LOCK = ".lock"
FOLDS_FOLDER = "folds"
FAILURES_FOLDER = "failures"
STAGES_FOLDER = "stages"
SANITY_FOLDER = "sanity"

SANITY = "sanity.json"

FOLD = "fold.json"
STAGE = "stage.json"
CURVES = "curves.csv"
CHECKPOINT = "model.ckpt"
ATTENTION = "attention.npz"
MEMBERS = "members.csv"

_SAFE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")


def fold_folder(run: str | Path, name: str) -> Path:
    """Folder of the fold `name`: the name itself where it is safe as a path on any system, else made safe.

    Unsafe characters become `-` and a hash of the name is appended, so that `a:b` and `a/b` never meet in one folder.
    """
    folder = name if _SAFE.fullmatch(name) else f"{re.sub(r'[^A-Za-z0-9_-]', '-', name)[:80]}-{digest(name)[:8]}"
    return Path(run) / FOLDS_FOLDER / folder


def member_file(name: str, member: int) -> str:
    """File name of one member of several: `model.ckpt` is that of member 0, `model-2.ckpt` that of member 2."""
    path = Path(name)
    return f"{path.stem}-{member}{path.suffix}" if member else name


def stage_folder(parent: str | Path, name: str, member: int = 0) -> Path:
    """Folder of a stage below the run's folder, or below that of the fold which it was trained for."""
    return Path(parent) / STAGES_FOLDER / (f"{name}-member{member}" if member else name)


def failure_file(run: str | Path, name: str) -> Path:
    """File that records why the fold `name` failed."""
    return Path(run) / FAILURES_FOLDER / f"{fold_folder(run, name).name}.json"


def sanity_folder(run: str | Path, name: str) -> Path:
    """Folder of the null run `name` beside a run."""
    return Path(run) / SANITY_FOLDER / name


def remove_leftovers(run: str | Path) -> None:
    """Remove the hidden work of folds that were killed; for a run whose folds are all finished."""
    for path in (Path(run) / FOLDS_FOLDER).glob(".*"):
        shutil.rmtree(path, ignore_errors=True)


def completed_folds(run: str | Path) -> list[Path]:
    """Folders of finished folds, sorted by name.

    A fold's folder is renamed into place when its files are complete, so one that holds `fold.json` is finished; names
    beginning with a dot are work in progress.
    """
    folder = Path(run) / FOLDS_FOLDER
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if not path.name.startswith(".") and (path / FOLD).is_file())
