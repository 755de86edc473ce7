"""Lock a run's folder with `lock_run_folder`, so that only one process at a time trains its folds and writes its files.

Contract: the lock ends with its process, even if the process is killed; the file `<run>/.lock` stays and blocks nobody.
Only the main process holds the lock: other ranks of its training and workers that train its folds need none.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from filelock import FileLock, Timeout

from mer import run_files
from mer.errors import MerError
from mer.utils.disk_space import name_full_disk


@contextmanager
def lock_run_folder(run: Path) -> Iterator[None]:
    """Hold the lock of a run's folder during the block; make the folder if it does not exist.

    Raises:
        MerError: if another process holds the lock (names it), or nothing can be written into the folder.
    """
    path = run / run_files.LOCK
    try:
        run.mkdir(parents=True, exist_ok=True)
        # older versions of filelock empty the file before they try to lock it
        holder = path.read_text(encoding="utf-8").strip() if path.exists() else ""
        lock = FileLock(path, timeout=0).acquire()
    except Timeout as error:
        raise MerError(
            f"the run folder {run} is in use by {holder or 'another process'}: wait until it ends, or give another "
            "hydra.run.dir"
        ) from error
    except OSError as error:
        raise MerError(
            f"the run folder {run} cannot be written ({error.strerror}): give another hydra.run.dir or its rights"
        ) from error
    with lock:
        since = datetime.now(timezone.utc).isoformat(timespec="seconds")
        with name_full_disk(run):
            path.write_text(f"process {os.getpid()} on {socket.gethostname()}, since {since}", encoding="utf-8")
        yield
