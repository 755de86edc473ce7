"""Signals during a training: they stay with whoever set them, Lightning's own ways with them are undone.

Why: Lightning answers Ctrl-C by `SystemExit`, after which Ctrl-C is ignored, and SIGTERM by an end with status 0.
"""

from __future__ import annotations

import signal
import threading
from typing import Any

from pytorch_lightning import Callback, LightningDataModule, LightningModule, Trainer

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class KeepSignals(Callback):
    """Puts the handlers back that were in place before Lightning set its own."""

    def __init__(self) -> None:
        self._handlers = {number: signal.getsignal(number) for number in SIGNALS}

    def restore(self) -> None:
        """Put the handlers back; only the main thread may."""
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._handlers.items():
                signal.signal(number, handler)

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Put the handlers back; Lightning has set its own by then."""
        self.restore()


def fit_interruptibly(trainer: Trainer, module: LightningModule, data: LightningDataModule) -> None:
    """Train; KeyboardInterrupt comes out as it went in, and signals are handled as before."""
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
