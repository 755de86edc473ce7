"""Lock a run's folder with `lock_run_folder`, so that only one process at a time trains its folds and writes its files.

Contract: the lock ends with its process, even if the process is killed; the file `<run>/.lock` stays and blocks nobody.
Only the main process holds the lock: other ranks of its training and workers that train its folds need none.
On a file system without locks there is no lock.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime, timezone
from pathlib import Path

from filelock import FileLock, Timeout

from mer import run_files
from mer.errors import MerError
from mer.utils.disk_space import name_full_disk

#: Errors of a file system without locks, as some network disks are.
NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


@contextmanager
def lock_run_folder(run: Path) -> Iterator[None]:
    """Hold the lock of a run's folder during the block; make the folder if it does not exist.

    Raises:
        MerError: if another process holds the lock (names it), or nothing can be written into the folder.
    """
    path = run / run_files.LOCK
    try:
        run.mkdir(parents=True, exist_ok=True)
        # a soft lock would block the folder for ever if this process is killed
        lock: AbstractContextManager[object] = FileLock(path, timeout=0, fallback_to_soft=False).acquire()
    except Timeout as error:
        holder = path.read_text(encoding="utf-8", errors="replace").strip() or "another process"
        raise MerError(
            f"the run folder {run} is in use by {holder}: wait until it ends, or give another hydra.run.dir"
        ) from error
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise MerError(
                f"the run folder {run} cannot be written ({error.strerror}): give another hydra.run.dir or its rights"
            ) from error
        lock = nullcontext()
    with lock:
        since = datetime.now(timezone.utc).isoformat(timespec="seconds")
        with name_full_disk(run):
            path.write_text(f"process {os.getpid()} on {socket.gethostname()}, since {since}", encoding="utf-8")
        yield
