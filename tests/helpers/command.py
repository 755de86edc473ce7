"""Running the command line as a user does, on the tiny drawn corpus: in this process, or in one of its own."""

from __future__ import annotations

import contextlib
import io
import os
import runpy
import subprocess
import sys
import traceback
import warnings
from pathlib import Path
from unittest import mock

#: Overrides that make any synthetic run take seconds.
TINY = (
    "data.subjects=4",
    "data.clips=24",
    "data.size=64",
    *(
        "input.size=28",
        "model.width=16",
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

#: For experiments that begin with drawn motion and count in iterations; templates have no width but the default.
DRAWN_FEW = (
    "stages.prior.data.maps=60",
    "stages.prior.optim.iterations=2",
    "optim.iterations=null",
    "members=2",
    "model.width=64",
)


def command(module: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Finished `python -m module arguments` in folder `cwd`, with its output as text, without starting a process.

    The module runs as `__main__`, so all but the interpreter's start and its imports is as in `process`, which a test
    needs where processes are the point (several ranks, a kill) and once for each program.
    """
    out, err, status = io.StringIO(), io.StringIO(), 0
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "argv", [module, *arguments]),
        mock.patch.dict(os.environ, {"COLUMNS": "160"}),
        warnings.catch_warnings(),
    ):
        # runpy says that the module is there already, which harms nothing
        warnings.filterwarnings("ignore", message=".*found in sys.modules", category=RuntimeWarning)
        before = Path.cwd()
        os.chdir(cwd)
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
            if isinstance(end.code, str):
                err.write(end.code)
        except Exception:
            status = 1
            err.write(traceback.format_exc())
        finally:
            os.chdir(before)
    return subprocess.CompletedProcess([module, *arguments], status, out.getvalue(), err.getvalue())


def process(module: str, *arguments: str, cwd: Path, timeout: float = 240) -> subprocess.CompletedProcess[str]:
    """Finished `python -m module arguments` in folder `cwd`, in a process of its own, with its output as text."""
    checkout = Path(__file__).resolve().parents[2]
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
