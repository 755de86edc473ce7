"""Write files with `write_atomically` and folders with `write_folder_atomically`, completely or not at all."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mer.errors import DamagedFileError
from mer.utils.disk_space import FULL, name_full_disk

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from matplotlib.figure import Figure


#: Files from which on waiting for each takes longer than for the whole disk.
MANY = 200


@contextmanager
def write_atomically(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path; rename it to `path` if the block succeeds, remove it if the block raises.

    A reader gets the old file, the new file or none, never an incomplete one, even after a power cut.

    Raises:
        DiskFullError: if no space is left.
    """
    path = Path(path)
    with name_full_disk(path.parent):
        with _named(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
        os.close(handle)
        temporary = Path(name)
        try:
            with _in_work(temporary):
                yield temporary
                temporary.chmod(0o644)
                _sync(temporary)
                temporary.replace(path)
                _sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def remove_abandoned(folder: str | Path, stems: str) -> None:
    """Remove what killed processes left half written in a folder; what a living one writes stays.

    Where the system or the file system knows no locks, all of it stays, for nobody can tell.

    Args:
        folder: need not be there.
        stems: regular expression of the names, without ending, that the files or folders were to have.
    """
    in_work = re.compile(rf"\.({stems})-[a-z0-9_]{{8}}(\.\w+)?")
    for path in Path(folder).glob(".*"):
        if in_work.fullmatch(path.name):
            with _in_work(path) as held:
                if held:
                    shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


@contextmanager
def _in_work(path: Path) -> Iterator[bool]:
    """Hold a file or folder by a lock that ends with its process; yields whether nobody else holds it."""
    handle, held = None, False
    with suppress(OSError):  # gone, held by another process, or a file system without locks
        if fcntl is not None:
            handle = os.open(path, os.O_RDONLY)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held = True
    try:
        yield held
    finally:
        if handle is not None:
            os.close(handle)


def _sync_all(paths: Sequence[Path]) -> None:
    """Have the system write files to the disk itself: one by one, or all that it has where they are many."""
    if len(paths) > MANY and hasattr(os, "sync"):
        os.sync()
        return
    for path in paths:
        _sync(path)


def _sync(path: Path) -> None:
    """Flush a file, or the names in a folder, to the disk if the system supports it."""
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
    """Yield a hidden folder; rename it to `target` if the block succeeds, remove it if the block raises.

    Args:
        target: the folder; an existing one is replaced.
        keep: returns whether an existing folder stays. For folders named by their content, since another process may
            have written the same folder meanwhile and may be reading it.
    """
    target = Path(target)
    with name_full_disk(target.parent), hidden_folder(target) as work:
        yield work
        work.chmod(0o755)  # a temporary folder is private to its maker
        _sync_all([*work.rglob("*"), work])
        if target.is_dir() and not keep():
            shutil.rmtree(target, ignore_errors=True)
        try:
            work.replace(target)
        except OSError:  # it is there
            if not keep():
                raise
        _sync(target.parent)


@contextmanager
def hidden_folder(target: Path) -> Iterator[Path]:
    """Make a folder to work in beside `target`, held by this process, and remove what is left of it in the end."""
    with _named(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
    try:
        with _in_work(work):
            yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def _named(target: Path) -> Iterator[None]:
    """Let an error of the system name the file or folder that was to be, not the hidden one in which it is made."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(target)) from error


def folder_fault(folder: Path) -> str | None:
    """Return why nothing can be written into a folder, or into the folder where it would be made; None where it can."""
    whole = there = folder.absolute()
    try:
        while not _stands(there):
            there = there.parent
        if not there.is_dir():
            return f"{folder}, where {there} is {'a file' if there.exists() else 'a link to nothing'}"
        with tempfile.TemporaryFile(dir=there):
            return None
    except OSError as error:
        if error.errno in FULL:
            return None  # said by whoever needs the space
        return f"{folder} ({error.strerror})" if there == whole else f"{folder}, in {there} ({error.strerror})"


def _stands(path: Path) -> bool:
    """Return whether a file, folder or link has this name; OSError for a name that none can have."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def write_json(path: str | Path, value: Any) -> None:
    """Write a JSON file atomically, with two-space indent and keys in the given order.

    Raises:
        ValueError: if a number is nan or infinite.
    """
    with write_atomically(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: str | Path) -> dict[str, Any]:
    """Return the object in a JSON file.

    Raises:
        FileNotFoundError: if there is no such file.
        DamagedFileError: if the file does not contain a JSON object; names the file.
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
    """Write a matplotlib figure atomically as PNG; equal figures give equal bytes."""
    with write_atomically(path) as temporary:
        # leave out the version of matplotlib, so that the bytes depend only on the figure
        figure.savefig(temporary, format="png", metadata={"Software": None})
