"""Reserve disk space with `reserve`, and report a full disk with `name_full_disk`."""

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
    """Raise a DiskFullError if the block runs out of disk space.

    Args:
        folder: the folder that the block writes to.
        needed: bytes that it writes; None if unknown.
    """
    try:
        yield
    except OSError as error:
        # numpy reports an incomplete array without an error number
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
    """Reserve `size` bytes for a file on the disk, so that writing to its memory map cannot fail later.

    Raises:
        DiskFullError: if there is not enough space.
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
        # write the existing bytes again, since they may be holes without space on the disk
        for place in range(0, size, _CHUNK):
            file.seek(place)
            old = file.read(min(_CHUNK, size - place))
            file.seek(place)
            file.write(old.ljust(min(_CHUNK, size - place), b"\0"))
        file.flush()
        os.fsync(file.fileno())
