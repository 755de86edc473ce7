"""One process at a time on a run's folder: a second one would train the same folds and write the same files.

Contract: the lock is the operating system's (flock on `<run>/.lock`), so it ends with its process, however that ends;
the file stays and blocks nobody. Ranks of one training and workers of folds belong to the process that holds it. Where
the system or the file system knows no such lock, there is none.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import TextIO

from mer import run_files
from mer.errors import MerError
from mer.utils.disk_space import name_full_disk

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None  # type: ignore[assignment]


@contextmanager
def lock_run_folder(run: Path) -> Iterator[None]:
    """Hold a run's folder, which is made where it is not there.

    Raises:
        MerError: another process holds it; says which. Or nothing can be written there.
    """
    try:
        run.mkdir(parents=True, exist_ok=True)
        lock = (run / run_files.LOCK).open("a+", encoding="utf-8")
    except OSError as error:
        raise MerError(
            f"the run folder {run} cannot be written ({error.strerror}): give another hydra.run.dir or its rights"
        ) from error
    with lock as file:
        _take(file, run)
        file.truncate(0)
        since = datetime.now(timezone.utc).isoformat(timespec="seconds")
        with name_full_disk(run):
            file.write(f"process {os.getpid()} on {socket.gethostname()}, since {since}")
            file.flush()
        yield


def _take(file: TextIO, run: Path) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.seek(0)
        who = file.read().strip() or "another process"
        raise MerError(
            f"the run folder {run} is in use by {who}: wait until it ends, or give another hydra.run.dir"
        ) from error
    except OSError:  # a file system without locks
        return
