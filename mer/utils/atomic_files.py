"""Write files and folders in one step: they are there whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mer.errors import DamagedFileError, DiskFullError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


#: What a system says where a disk, or a user's share of it, is full.
FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


@contextmanager
def write_atomically(path: str | Path) -> Iterator[Path]:
    """Temporary path beside `path` that is renamed onto it when the block ends well, and removed when it does not.

    A reader sees the old file, the new file or none, after a power cut too: never half of one.

    Raises:
        DiskFullError: no space is left there.
    """
    path = Path(path)
    with name_full_disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            temporary.chmod(0o644)
            _sync(temporary)
            temporary.replace(path)
            _sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def name_full_disk(path: Path) -> Iterator[None]:
    """Turn the system's word on a full disk into a DiskFullError that names the folder and the bytes."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        folder = next(parent for parent in (path.absolute().parent, *path.absolute().parents) if parent.is_dir())
        free = shutil.disk_usage(folder).free
        raise DiskFullError(
            f"no space is left in {folder} to write {path.name}: {free:,} bytes are free on its disk "
            f"({os.strerror(error.errno or 0)}). Make room or take another folder, then give the same command again: "
            "what is finished stays"
        ) from error


def _sync(path: Path) -> None:
    """Have the system write a file, or the names in a folder, to the disk itself, where it can."""
    if os.name != "posix" and path.is_dir():
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno in FULL:
            raise
    finally:
        os.close(handle)


@contextmanager
def write_folder_atomically(target: str | Path, *, keep: Callable[[], bool] = lambda: False) -> Iterator[Path]:
    """Hidden folder beside `target` that is renamed onto it when the block ends well, and removed when it does not.

    Args:
        target: the folder; one that is there by then is replaced.
        keep: whether a folder that is there by then stays. For folders whose name says what is in them: another process
            may have written the same and read in it by now.
    """
    target = Path(target)
    with name_full_disk(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
        try:
            yield work
            work.chmod(0o755)  # a temporary folder is private to its maker
            for path in (*work.rglob("*"), work):
                _sync(path)
            if target.is_dir() and not keep():
                shutil.rmtree(target, ignore_errors=True)
            try:
                work.replace(target)
            except OSError:  # it is there
                if not keep():
                    raise
            _sync(target.parent)
        finally:
            shutil.rmtree(work, ignore_errors=True)


def write_json(path: str | Path, value: Any) -> None:
    """Write a JSON file atomically: two-space indent, keys in the order given, NaN refused."""
    with write_atomically(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: str | Path) -> dict[str, Any]:
    """Read the object in a JSON file.

    Raises:
        FileNotFoundError: there is no such file.
        DamagedFileError: the file holds no JSON object; names it.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        content = error
    if isinstance(content, dict):
        return content
    raise DamagedFileError(
        f"{path}: expected a JSON object, got a cut or edited file: restore it, or delete it and run again"
    )


def write_png(path: str | Path, figure: Figure) -> None:
    """Write a figure of matplotlib atomically as PNG; equal figures give equal bytes."""
    with write_atomically(path) as temporary:
        # without the version of matplotlib in it, the file depends on the picture alone
        figure.savefig(temporary, format="png", metadata={"Software": None})
