"""Keep a training going when one of its loggers fails, with `HarmlessLogger`.

Contract: passes metrics on under their honest names; after the first error of the inner logger it says so once and
passes on nothing more. Only what a logger does is caught; signals and errors of the training are not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from pytorch_lightning.loggers import Logger

log = logging.getLogger(__name__)


class HarmlessLogger(Logger):
    """Lightning logger that passes on to another one and cannot stop a training.

    Args:
        inner: the logger of Lightning.
        kind: `csv`, `wandb`, `tensorboard` or `mlflow`, for the message.
        part: name of what is logged, for the message.
        renamed: gives metrics the names under which they are logged.

    Attributes:
        failed: whether the inner logger raised an error.
    """

    def __init__(
        self, inner: Logger, kind: str, part: str, renamed: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> None:
        super().__init__()
        self.inner, self.kind, self.part, self.renamed = inner, kind, part, renamed
        self.failed = False

    def attempt(self, action: Callable[[], Any]) -> Any:
        """Return what the action returns; None after an error, which is said once."""
        if self.failed:
            return None
        try:
            return action()
        except Exception as error:
            self.failed = True
            log.warning(
                "%s stopped logging %s (%s: %s); the run goes on, and its folder holds all numbers",
                *(self.kind, self.part, type(error).__name__, " ".join(str(error).split())),
            )
            return None

    @property
    def name(self) -> str | None:
        """Return the name of the inner logger's experiment."""
        return self.attempt(lambda: self.inner.name)

    @property
    def version(self) -> int | str | None:
        """Return the version of the inner logger."""
        return self.attempt(lambda: self.inner.version)

    @property
    def save_dir(self) -> str | None:
        """Return the folder of the inner logger."""
        return self.attempt(lambda: self.inner.save_dir)

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the whole configuration is logged at the beginning, of which Lightning knows a part only."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log metrics at a step."""
        self.attempt(lambda: self.inner.log_metrics(self.renamed(dict(metrics)), step=step))

    def save(self) -> None:
        """Write what is not written yet."""
        self.attempt(self.inner.save)

    def finalize(self, status: str) -> None:
        """Write what is not written yet; the logger is closed only with its part, behind Lightning's training."""
        self.save()
