"""Where a number came from: seeds derived from names, hashes of contents, versions, hardware, git; and atomic files.

Contract: pure functions but for `write_atomically`. Adding a fold or a worker changes no other fold's seed, since a
seed depends on the names that should change it and on nothing else (as in benchopt).
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from mer.config import Config

#: Packages whose version can change a number.
PACKAGES = (
    *("mer", "torch", "pytorch-lightning", "torchmetrics", "albumentations"),
    *("numpy", "scipy", "pandas", "pillow", "opencv-python-headless"),
)

#: Parts of the configuration that decide what a fold computes; others (logger, cache, progress) may differ on a rerun.
RESULT_KEYS = (
    *("seed", "data", "protocol", "input", "augment", "model", "optim", "evaluation", "null", "members"),
    *("init", "stages", "cotrain"),
)
#: Keys inside these that do not: where the data lie (their content has a hash of its own), draws made after training,
#: what may be passed over before it.
#: They are free at any depth, as in the parts of a composite.
FREE_KEYS = {
    **dict.fromkeys(("data", "stages", "cotrain"), ("root", "manifest", "list", "repairs_table")),
    "evaluation": ("bootstrap", "random_draws"),
    "protocol": ("waive",),
}
#: Keys of the hardware that do: another number of devices or threads sums in another order.
TRAINER_KEYS = ("precision", "devices", "threads")


def seed_from(seed: int, *names: str | int) -> int:
    """Seed in 0..2^32-1 that depends on `seed` and the names, in order, and on nothing else."""
    return int.from_bytes(hashlib.sha256(repr((seed, *names)).encode()).digest()[:4], "big")


def digest(value: Any) -> str:
    """First 16 hex digits of the SHA-256 of a JSON-serialisable value, independent of the order of keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


def cores() -> int:
    """Cores that this process may use; all of the machine where the system does not tell (macOS, Windows)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def file_hash(path: str | None) -> str | None:
    """First 16 hex digits of the SHA-256 of a file's bytes; None without a path."""
    return None if path is None else hashlib.sha256(Path(path).expanduser().read_bytes()).hexdigest()[:16]


@lru_cache(maxsize=100_000)
def picture_hash(path: str) -> str:
    """SHA-256 of an image file's bytes, read once a process: the file of a run does not change while it runs."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def result_config(config: Config) -> dict[str, Any]:
    """The part of the configuration that decides results, as plain nested dicts."""
    whole = asdict(config)
    part = {key: whole[key] for key in RESULT_KEYS}
    for name, free in FREE_KEYS.items():
        part[name] = _without(part[name], free)
    # the same network however its stages are listed
    attention = part["model"]["attention"]
    part["model"] = {**part["model"], "attention": {**attention, "stages": sorted(set(attention["stages"]))}}
    # the order of a dict's keys has no part in a hash
    part["stage_order"] = list(config.stages)
    part["trainer"] = {key: whole["trainer"][key] for key in TRAINER_KEYS}
    return part


def _without(tree: dict[str, Any], free: tuple[str, ...]) -> dict[str, Any]:
    """The nested dict without the keys `free`, at any depth."""
    return {
        key: _without(value, free) if isinstance(value, dict) else value
        for key, value in tree.items()
        if key not in free
    }


def config_hash(config: Config) -> str:
    """Hash of `result_config`: two runs with the same hash ask for the same numbers."""
    return digest(result_config(config))


def flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dict as one level with dotted keys: `{'a': {'b': 1}}` -> `{'a.b': 1}`."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def environment() -> dict[str, Any]:
    """Versions, hardware and git state of this process, as plain JSON values."""
    import torch

    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu_count": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        "versions": {name: _version(name) for name in PACKAGES},
        "git": _git_state(),
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git_state() -> dict[str, Any] | None:
    """Commit and whether tracked files differ from it; None outside a checkout (an installed wheel, say)."""
    here = Path(__file__).resolve().parent

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", Path(__file__).name)  # fails where the checkout around us is not ours
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.CalledProcessError):
        return None


@contextmanager
def write_atomically(path: str | Path) -> Iterator[Path]:
    """Temporary path beside `path` that is renamed onto it when the block ends well, and removed when it does not.

    A reader sees the old file, the new file or none: never half of one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def write_folder_atomically(target: str | Path, *, keep: Callable[[], bool] = lambda: False) -> Iterator[Path]:
    """Hidden folder beside `target` that is renamed onto it when the block ends well, and removed when it does not.

    Args:
        target: the folder; one that is there by then is replaced.
        keep: whether a folder that is there by then stays. For folders whose name says what is in them: another process
            may have written the same and read in it by now.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
    try:
        yield work
        work.chmod(0o755)  # a temporary folder is private to its maker
        if target.is_dir() and not keep():
            shutil.rmtree(target, ignore_errors=True)
        try:
            work.replace(target)
        except OSError:  # it is there
            if not keep():
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def write_json(path: str | Path, value: Any) -> None:
    """Write a JSON file atomically: two-space indent, keys in the order given, NaN refused."""
    with write_atomically(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")
