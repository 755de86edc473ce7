"""Errors that a user can act on: what was expected, what came, where, and what to do.

The entry points print these without a traceback and exit with status 2. Everything else is a defect of ours and keeps
its traceback.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping


class MerError(Exception):
    """A problem that the user can solve; its text names file, row or key and a remedy."""


class ConfigError(MerError):
    """All errors of a configuration at once.

    Attributes:
        errors: one sentence each, naming the key.
    """

    def __init__(self, errors: Iterable[str]) -> None:
        self.errors = list(errors)
        lines = "\n".join(f"  {i}. {problem}" for i, problem in enumerate(self.errors, 1))
        count = len(self.errors)
        super().__init__(f"the configuration has {count} problem{'s' if count > 1 else ''}:\n{lines}")


class LeakError(MerError):
    """The leak audit found that something tested may have been seen in training; all findings at once.

    Attributes:
        findings: what was found, by the name under which it can be waived.

    Args:
        findings: as above.
        advice: what else may be done, after the ways out that always are.
    """

    def __init__(self, findings: Mapping[str, str], *, advice: str = "") -> None:
        self.findings = dict(findings)
        count = len(self.findings)
        found = f"{count} finding{'s' if count > 1 else ''}"
        # names end in six digits; where there are many, their kinds are shorter
        kinds = dict.fromkeys(name.rpartition("-")[0] for name in self.findings)
        names = self.findings if count <= 8 else kinds
        super().__init__(
            "\n".join([f"leak audit: {found}, so nothing was trained:", *self.findings.values()])
            + "\nLeave one of each pair out, or give one person one id; where you know that it is no leak: "
            f"protocol.waive=[{','.join(names)}]{advice}"
        )


class AllFoldsFailedError(MerError):
    """No fold of a run succeeded, so there is nothing to score; names where the reasons stand."""


class DatasetNotFoundError(MerError):
    """The data set is not where the configuration says; names what was missing, how to get it, how to go on without."""


class DamagedFileError(MerError, ValueError):
    """A file that mer wrote was cut or edited since; names the file."""


class DiskFullError(MerError):
    """No space is left where a file has to be written; names the folder and the bytes."""


class SampleError(MerError):
    """A table of samples, a sheet or an image file is wrong; names the row or the file."""


#: What to do about an error of the system at a file, by its code.
REMEDIES = {
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR), "check the path"),
    **dict.fromkeys((errno.EISDIR, errno.EEXIST), "move away what is there, or give another path"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "ask for the right to it, or give another path"),
    **dict.fromkeys((errno.ENAMETOOLONG, errno.ELOOP), "give another path"),
}
#: The same for what the machine lacks, where the system often does not say at which file.
MACHINE = {
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), "allow more open files (ulimit -n), or take fewer processes"),
    errno.ENOSPC: "free some space",
    **dict.fromkeys(
        (errno.EIO, errno.ETIMEDOUT, getattr(errno, "ESTALE", errno.EIO)),
        "the disk or the network share does not answer: run the same again, or copy the files elsewhere",
    ),
}


def is_users(error: BaseException) -> bool:
    """Return whether a user can solve this: an error of ours, or one of the system at a file or of the machine."""
    if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
        return error.filename is not None or error.errno in MACHINE
    return isinstance(error, MerError | BrokenPipeError)


def sentence(error: BaseException) -> str:
    """Return what the user is told of an error; for one of the system: the file, what happened, what to do."""
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    file = error.filename2 or error.filename  # the second of a renaming is where the file was to be
    remedy = {**REMEDIES, **MACHINE}.get(error.errno or 0)
    where = "" if file is None else f"{file}: "
    return f"{where}{error.strerror}{f'; {remedy}' if remedy else ''}"
