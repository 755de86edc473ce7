"""Running the command line as a user does, on the tiny drawn corpus."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

#: Overrides that make any synthetic run take seconds.
TINY = (
    "data.subjects=4",
    "data.clips=24",
    "data.size=64",
    *(
        "input.size=28",
        "optim.epochs=1",
        "optim.batch_size=8",
        "trainer.accelerator=cpu",
        "trainer.parallel_folds=1",
        "trainer.progress=false",
        "evaluation.bootstrap=50",
        "evaluation.random_draws=50",
        "evaluation.attention_samples=3",
    ),
)
#: The same without what only the drawn corpus has.
TINY_RECIPE = tuple(override for override in TINY if not override.startswith("data."))

#: For experiments that begin with drawn motion and count in iterations.
DRAWN_FEW = ("stages.prior.data.maps=60", "stages.prior.optim.iterations=2", "optim.iterations=null", "members=2")


def command(module: str, *arguments: str, cwd: Path, timeout: float = 240) -> subprocess.CompletedProcess[str]:
    """Finished `python -m module arguments` in folder `cwd`, with its output as text."""
    checkout = Path(__file__).resolve().parent.parent
    environment = {**os.environ, "PYTHONPATH": str(checkout), "COLUMNS": "160"}
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
