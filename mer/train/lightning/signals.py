"""Train with `fit_interruptibly`, so that the signal handlers of the caller stay in place.

Why: Lightning turns Ctrl-C into `SystemExit` and ignores it afterwards, and ends with status 0 at SIGTERM.
"""

from __future__ import annotations

import signal
import threading
from typing import Any

from pytorch_lightning import Callback, LightningDataModule, LightningModule, Trainer

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class KeepSignals(Callback):
    """Callback that restores the signal handlers from before the training."""

    def __init__(self) -> None:
        self._handlers = {number: signal.getsignal(number) for number in SIGNALS}

    def restore(self) -> None:
        """Restore the handlers; only the main thread can do this."""
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._handlers.items():
                signal.signal(number, handler)

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Restore the handlers, since Lightning has set its own by now."""
        self.restore()


def fit_interruptibly(trainer: Trainer, module: LightningModule, data: LightningDataModule) -> None:
    """Train, and pass on a KeyboardInterrupt; signals are handled as before."""
    keeper = KeepSignals()
    trainer.callbacks.append(keeper)  # type: ignore[attr-defined]
    try:
        trainer.fit(module, datamodule=data)
    except SystemExit as end:
        if isinstance(end.__context__, KeyboardInterrupt):
            raise end.__context__ from None
        raise
    finally:
        keeper.restore()
