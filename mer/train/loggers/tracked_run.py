"""Name a run and its parts for loggers: identity, group, tags, and the id of each training.

Contract: the ids of a run come from a token in its folder, written once. A run that is resumed, also in another folder,
finds its own ids, and no other run has them, though it has the same configuration.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mer import run_files
from mer.config import Config
from mer.errors import DamagedFileError
from mer.protocols.registry import selection_mode
from mer.provenance import config_hash
from mer.utils.atomic_files import read_json, write_json
from mer.utils.hashing import digest

#: Longest part of an experiment's name in a group; W&B takes 128 characters.
LONGEST_NAME = 100


@dataclass(frozen=True)
class Part:
    """What one logger is for.

    Attributes:
        job_type: `fold`, `stage`, `summary`, or `null` for the summary of a null run.
        name: unique in the run, and the name of a folder, e.g. `fold-s01`, `stage-macro-member1`, `summary`.
        facts: fold, member and stage, as far as the part has them.
    """

    job_type: str
    name: str
    facts: tuple[tuple[str, str | int], ...] = ()


@dataclass(frozen=True)
class TrackedRun:
    """What loggers must know of a run.

    Attributes:
        config: the configuration of the run, before folds change it.
        folder: the folder of the run.
        synthetic: whether its samples are drawn.
        token: makes its ids differ from those of all other runs.
        overrides: what was typed on its command line.
    """

    config: Config
    folder: Path
    synthetic: bool
    token: str = ""
    overrides: tuple[str, ...] = ()

    @cached_property
    def leaky(self) -> bool:
        """Return whether held-out samples choose the epoch."""
        return selection_mode(self.config.protocol) == "leaky"

    @cached_property
    def hash(self) -> str:
        """Return the hash of the configuration."""
        return config_hash(self.config)

    @property
    def group(self) -> str:
        """Return the group of all parts: the experiment and the hash of its configuration."""
        return f"{self.config.name[:LONGEST_NAME]}-{self.hash[:8]}"

    @property
    def marks(self) -> list[str]:
        """Return what a score must not be read without: `synthetic`, `leaky`, `null`, as far as they hold."""
        held = {"synthetic": self.synthetic, "leaky": self.leaky, "null": self.config.null != "none"}
        return [name for name, holds in held.items() if holds]

    @property
    def tags(self) -> list[str]:
        """Return the marks and the user's own tags, each once."""
        return list(dict.fromkeys([*self.marks, *(tag.strip() for tag in self.config.logger.tags)]))

    @property
    def sweep(self) -> str | None:
        """Return the folder of the sweep whose job this is; None for a run of its own."""
        return self.folder.parent.name if (self.folder.parent / run_files.SWEEP).is_file() else None

    def id_of(self, part: Part) -> str:
        """Return the id of a part: 16 hex digits."""
        return digest([self.token, part.name])

    def title_of(self, part: Part) -> str:
        """Return the name of a part that people read, with the marks that no score may be read without."""
        marked = "".join(f"-{mark.upper()}" for mark in self.marks if mark != "synthetic")
        end = "" if part.name == "summary" else f"-{part.name}"
        return f"{self.config.name[:LONGEST_NAME]}-seed{self.config.seed}{marked}{end}"

    def settings_of(self, part: Part) -> dict[str, Any]:
        """Return the whole configuration, and what belongs to the part, as nested plain values."""
        return {
            **asdict(self.config),
            "config_hash": self.hash,
            "job_type": part.job_type,
            "overrides": list(self.overrides),
            "sweep": self.sweep,
            "sweep_job": self.folder.name if self.sweep else None,
            **dict(part.facts),
        }

    def named(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return scores by their honest names: under `leaky`, what is called validation came from held-out samples."""
        if not self.leaky:
            return values
        return {key.replace("validation_", "held_out_"): value for key, value in values.items()}


def track(
    config: Config, folder: Path, *, synthetic: bool, overrides: Sequence[str] | None = None, begin: bool = False
) -> TrackedRun:
    """Return the run of a folder for its loggers.

    Args:
        config: the configuration of the run.
        folder: its folder; it holds the manifest where `begin` is True.
        synthetic: whether the samples are drawn.
        overrides: what was typed, to be kept; None for what is kept already.
        begin: whether to write the token if there is none; True in one process only, before any training.
    """
    path = run_files.logger_folder(folder) / run_files.TRACKED
    try:
        kept = read_json(path)
    except (FileNotFoundError, DamagedFileError):
        kept = {}
    if begin and not (kept and overrides is None):
        manifest = read_json(folder / run_files.MANIFEST)
        token = digest([manifest["config_hash"], manifest["data_hash"], manifest["started"], str(folder.resolve())])
        kept = {"token": kept.get("token", token), "overrides": list(overrides or kept.get("overrides", ()))}
        write_json(path, kept)
    return TrackedRun(config, folder, synthetic, kept.get("token", ""), tuple(kept.get("overrides", ())))


def fold_part(name: str, member: int = 0) -> Part:
    """Return the part of a fold's training."""
    return Part("fold", _folder("fold", name, member), (("fold", name), ("member", member)))


def stage_part(stage: str, fold: str | None, member: int = 0) -> Part:
    """Return the part of a stage's training, for all folds or for one."""
    of_fold: tuple[tuple[str, str | int], ...] = () if fold is None else (("fold", fold),)
    whole = stage if fold is None else f"{stage}-fold-{fold}"
    return Part("stage", _folder("stage", whole, member), (("stage", stage), *of_fold, ("member", member)))


def summary_part(config: Config) -> Part:
    """Return the part of the pooled results."""
    return Part("summary" if config.null == "none" else "null", "summary")


def _folder(kind: str, name: str, member: int) -> str:
    safe = run_files.fold_folder("", name).name
    return f"{kind}-{safe}-member{member}" if member else f"{kind}-{safe}"
