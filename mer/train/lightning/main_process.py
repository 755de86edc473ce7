"""Tell with `is_main_process` whether this process writes files and logs."""

from __future__ import annotations

from pytorch_lightning.utilities import rank_zero_only

from mer.config import Config


def is_main_process(config: Config) -> bool:
    """Return whether this process writes files: it is the only one, or rank 0 of a run on several devices.

    With one device each process is a separate run, even if a cluster started many tasks together.
    """
    return config.trainer.devices == 1 or int(getattr(rank_zero_only, "rank", 0)) == 0
