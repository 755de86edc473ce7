"""Define errors that a user can solve; their text gives what was expected, what came, where, and what to do.

Commands print these errors without a traceback and exit with status 2. Other exceptions are bugs and keep their
traceback.
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
        findings: messages by the name that waives them.

    Args:
        findings: as above.
        advice: further advice at the end of the message.
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
    """No fold of a run succeeded, so there is nothing to score; the text names the files with the reasons."""


class DatasetNotFoundError(MerError):
    """A data set is not in its folder; the text names what is missing, how to get it, and what works without it."""


class DamagedFileError(MerError, ValueError):
    """A file that mer wrote was cut or edited; the text names the file."""


class DiskFullError(MerError):
    """No disk space is left to write a file; the text names the folder and the bytes."""


class SampleError(MerError):
    """A sample table, a coding sheet or an image file is wrong; the text names the row or the file."""


#: Remedies for errors of the operating system at a file, by code.
REMEDIES = {
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR), "check the path"),
    **dict.fromkeys((errno.EISDIR, errno.EEXIST), "move away what is there, or give another path"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "ask for the right to it, or give another path"),
    **dict.fromkeys((errno.ENAMETOOLONG, errno.ELOOP), "give another path"),
}
#: Remedies for errors of the machine, which often name no file.
MACHINE = {
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), "allow more open files (ulimit -n), or take fewer processes"),
    errno.ENOSPC: "free some space",
    **dict.fromkeys(
        (errno.EIO, errno.ETIMEDOUT, getattr(errno, "ESTALE", errno.EIO)),
        "the disk or the network share does not answer: run the same again, or copy the files elsewhere",
    ),
}


def is_users(error: BaseException) -> bool:
    """Return whether a user can solve this error: a MerError, or a system error at a file or in `MACHINE`."""
    if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
        return error.filename is not None or error.errno in MACHINE
    return isinstance(error, MerError | BrokenPipeError)


def sentence(error: BaseException) -> str:
    """Return the message for an error; for a system error: the file, what happened, what to do."""
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    file = error.filename2 or error.filename  # the second of a renaming is where the file was to be
    remedy = {**REMEDIES, **MACHINE}.get(error.errno or 0)
    where = "" if file is None else f"{file}: "
    return f"{where}{error.strerror}{f'; {remedy}' if remedy else ''}"
