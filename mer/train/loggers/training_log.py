"""Log one training, or the pooled results, with `open_log`: one Lightning logger of each chosen kind.

Contract: a part that is closed well is noted in `<run>/loggers/logged/` (but for tables), so a resumed run logs what
is missing and nothing twice. A logger that fails costs its own log only.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mer import run_files
from mer.errors import DamagedFileError, MerError
from mer.train.lightning.main_process import is_main_process
from mer.train.loggers.backends import Backend, open_backend
from mer.train.loggers.choice import chosen
from mer.train.loggers.harmless import HarmlessLogger
from mer.train.loggers.tracked_run import Part, TrackedRun
from mer.utils.atomic_files import read_json, write_json

log = logging.getLogger(__name__)

#: Lightning's name of a table of metrics.
METRICS = "metrics.csv"
NO_FILES: Mapping[str, Path] = {}


@dataclass(frozen=True)
class TrainingLog:
    """The open loggers of one part.

    Attributes:
        run: the run.
        part: the part.
        backends: one for each chosen kind that could begin.
    """

    run: TrackedRun
    part: Part
    backends: Sequence[Backend] = ()

    @property
    def loggers(self) -> list[HarmlessLogger]:
        """Return Lightning's loggers, for `fit`."""
        return [one.logger for one in self.backends]

    def replay(self, curves: Path) -> None:
        """Log the curves of a training that ended before, from its `curves.csv`; nothing where it has none."""
        if not self.backends or not curves.is_file():
            return
        rows = pd.read_csv(curves).to_dict("records")
        for row in rows:
            values = {str(key): float(value) for key, value in row.items() if _is_metric(str(key), value)}
            for one in self.loggers:
                one.log_metrics(values, step=int(row["step"]))

    def end(self, values: Mapping[str, Any], files: Mapping[str, Path] = NO_FILES) -> None:
        """Log what is known at the end.

        Args:
            values: numbers and texts; those that are None are left out.
            files: checkpoints by the name under which `logger.artifacts=all` keeps them; absent files are left out.
        """
        known = {key: value for key, value in self.run.named(dict(values)).items() if value is not None}
        every = self.run.config.logger.artifacts == "all"
        present = {name: path for name, path in files.items() if every and path.is_file()}
        for one in self.backends:
            one.logger.attempt(lambda one=one: one.end(known, present))  # type: ignore[misc]


def _is_metric(key: str, value: Any) -> bool:
    return key not in ("step", "seconds") and isinstance(value, (int, float)) and value == value


@contextmanager
def open_log(run: TrackedRun, part: Part, *, strict: bool = False, only_missing: bool = False) -> Iterator[TrainingLog]:
    """Yield the log of a part, and close it when the block ends or raises; on rank 0 only.

    Args:
        run: the run.
        part: the part.
        strict: whether a logger that cannot begin is an error; else it is said and left out.
        only_missing: whether kinds that have logged the part to its end are left out.

    Raises:
        MerError: if `strict`, and a logger cannot begin.
    """
    backends: list[Backend] = []
    kinds = kinds_of(run, part) if is_main_process(run.config) else ()
    found = logged(run, part) if only_missing else []
    for kind in (one for one in kinds if Backend.name_of(one, run) not in found):
        try:
            backends.append(open_backend(kind, run, part))
        except Exception as error:
            if strict:
                _close(backends, well=False)
                raise error if isinstance(error, MerError) else MerError(_cannot(kind, error)) from error
            log.warning("%s; %s is not logged, and the run goes on", _cannot(kind, error), part.name)
    well = False
    try:
        yield TrainingLog(run, part, backends)
        well = True
    finally:
        _close(backends, well=well)
    done = [one.name for one in backends if not one.logger.failed and one.kind != "csv"]
    if done:
        write_json(_note(run, part), {"logged": sorted({*_noted(run, part), *done})})


def kinds_of(run: TrackedRun, part: Part) -> tuple[str, ...]:
    """Return the kinds of loggers of a part; the tables of csv hold curves, of which the summary has none."""
    kinds = chosen(run.config.logger)
    return tuple(kind for kind in kinds if kind != "csv") if part.name == "summary" else kinds


def missing_kinds(run: TrackedRun, part: Part) -> bool:
    """Return whether a chosen kind of logger has not logged the part yet."""
    found = logged(run, part)
    return any(Backend.name_of(kind, run) not in found for kind in kinds_of(run, part))


def logged(run: TrackedRun, part: Part) -> list[str]:
    """Return the kinds of loggers that logged a finished part; of its table, that it is there is enough."""
    table = run_files.logger_folder(run.folder) / "csv" / part.name / METRICS
    return [*(["csv"] if table.is_file() else []), *_noted(run, part)]


def _noted(run: TrackedRun, part: Part) -> list[str]:
    """Return the kinds that the note of a part names."""
    try:
        found = read_json(_note(run, part)).get("logged", [])
    except (FileNotFoundError, DamagedFileError):
        return []
    return [str(kind) for kind in found] if isinstance(found, list) else []


def _note(run: TrackedRun, part: Part) -> Path:
    return run_files.logger_folder(run.folder) / "logged" / f"{part.name}.json"


def _close(backends: Sequence[Backend], *, well: bool) -> None:
    for one in backends:
        one.logger.attempt(lambda one=one: one.close(well=well))  # type: ignore[misc]


def _cannot(kind: str, error: Exception) -> str:
    return (
        str(error) if isinstance(error, MerError) else f"logger {kind} cannot begin ({type(error).__name__}: {error})"
    )
