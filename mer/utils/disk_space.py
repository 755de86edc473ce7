"""Space on the disk: taken before it is written to, and named where there is none."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mer.errors import DiskFullError

__all__ = ["FULL", "DiskFullError", "name_full_disk", "reserve"]

#: Codes of a full disk, a full quota and a limit on the size of files.
FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG)
_CHUNK = 1 << 20


@contextmanager
def name_full_disk(folder: str | Path, needed: int | None = None) -> Iterator[None]:
    """Raise `DiskFullError` where the block runs out of space.

    Args:
        folder: where the block writes.
        needed: bytes that it writes, None where not known.
    """
    try:
        yield
    except OSError as error:
        # numpy tells of half an array without a code
        if error.errno not in FULL and not (error.errno is None and " written" in str(error)):
            raise
        wanted = "" if needed is None else f" for {needed:,} bytes"
        try:
            free = f"{shutil.disk_usage(folder).free:,} bytes are free"
        except OSError:
            free = "the free space is not known"
        raise DiskFullError(
            f"no space left in {folder}{wanted} ({error.strerror or error}; {free}). Free some, or choose another disk "
            "(cache_dir for the cache, hydra.run.dir for the results). What is finished stays: run the same again."
        ) from error


def reserve(path: Path, size: int) -> None:
    """Give a file so many bytes of the disk now, so that writing to its memory map cannot fail later.

    Raises:
        DiskFullError: there is no space.
    """
    with name_full_disk(path.parent, size), path.open("r+b") as file:
        if hasattr(os, "posix_fallocate"):
            try:
                os.posix_fallocate(file.fileno(), 0, size)
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                    raise
            else:
                return
        # what is there is kept and written once more, since it may be a hole
        for place in range(0, size, _CHUNK):
            file.seek(place)
            old = file.read(min(_CHUNK, size - place))
            file.seek(place)
            file.write(old.ljust(min(_CHUNK, size - place), b"\0"))
        file.flush()
        os.fsync(file.fileno())
