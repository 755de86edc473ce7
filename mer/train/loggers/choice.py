"""Decide which loggers `config.logger` asks for, and whether their packages are there."""

from __future__ import annotations

from importlib.util import find_spec

from mer.config import LOGGERS, LoggerConfig
from mer.config_check import limit_errors

#: Packages that a kind needs beyond those of mer itself; each kind is an extra of the same name.
NEEDED = {"tensorboard": ("tensorboard",), "mlflow": ("mlflow", "sqlalchemy")}
#: Longest tag that W&B takes, in characters.
LONGEST_TAG = 64


def chosen(logger: LoggerConfig) -> tuple[str, ...]:
    """Return the kinds of loggers of a run, each once, without a W&B that is disabled."""
    asked = logger.many if logger.name == "many" else [logger.name]
    return tuple(kind for kind in LOGGERS if kind in asked and (kind != "wandb" or logger.mode != "disabled"))


def config_errors(logger: LoggerConfig) -> list[str]:
    """Return what is wrong with the options of the loggers, one sentence each."""
    found = limit_errors(logger, "logger")
    if logger.name == "many" and not logger.many:
        found.append(f"logger.many: expected some of {', '.join(LOGGERS)}, got none; logger=csv logs to files only")
    found += [
        f"logger.tags: expected 1 to {LONGEST_TAG} characters in each, got {tag!r}"
        for tag in logger.tags
        if not 0 < len(tag.strip()) <= LONGEST_TAG
    ]
    for kind in chosen(logger):
        absent = [name for name in NEEDED.get(kind, ()) if find_spec(name) is None]
        if absent:
            found.append(
                f"logger: {kind} needs the package {' and '.join(absent)}, which is not installed: "
                f"pip install 'mer[{kind}]'"
            )
    return found
