"""Record where results come from: hash of the configuration, package versions, hardware and git state."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from mer.config import ARGMAX, Config, as_settings
from mer.utils.hashing import digest
from mer.utils.plugins import LOADED, code_hash, code_hashes

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
    "evaluation": ("bootstrap", "random_draws", "pictures"),
    "protocol": ("waive",),
}
#: Keys of the hardware that do: another number of devices or threads sums in another order.
TRAINER_KEYS = ("precision", "devices", "threads")


def available_cores() -> int:
    """Return the number of cores that this process may use; all cores on macOS and Windows."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def result_config(config: Config) -> dict[str, Any]:
    """Return the part of the configuration that decides results, as nested dicts."""
    whole = as_settings(config)
    part = {key: whole[key] for key in RESULT_KEYS}
    for name, free in FREE_KEYS.items():
        part[name] = _without(part[name], free)
    # the same network however its stages are listed
    attention = part["model"]["attention"]
    part["model"] = {**part["model"], "attention": {**attention, "stages": sorted(set(attention["stages"]))}}
    if config.task.name != "emotion":  # without it the hash is that of older versions
        part["task"] = whole["task"]
    if config.plugins:
        part["plugins"] = code_hashes(config.plugins)
    # argmax: the only rule of earlier versions, whose hashes stay; it is emotions that are decided
    if config.decision.rule != ARGMAX and "task" not in part:
        part["decision"] = whole["decision"]
    # the order of a dict's keys has no part in a hash
    part["stage_order"] = list(config.stages)
    part["trainer"] = {key: whole["trainer"][key] for key in TRAINER_KEYS}
    return part


def _without(tree: dict[str, Any], free: tuple[str, ...]) -> dict[str, Any]:
    """Return the nested dict without the keys `free` at any depth; keys that hold a dict stay, as they are names."""
    return {
        # what stands in `options` was named by a plugin
        key: _without(value, free) if isinstance(value, dict) and key != "options" else value
        for key, value in tree.items()
        if key not in free or isinstance(value, dict)
    }


def config_hash(config: Config) -> str:
    """Return the hash of `result_config`; runs with the same hash should give the same numbers."""
    return digest(result_config(config))


def flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a nested dict as one level with dotted keys: `{'a': {'b': 1}}` -> `{'a.b': 1}`."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def environment() -> dict[str, Any]:
    """Return versions, hardware and git state of this process, as plain JSON values."""
    import torch

    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu_count": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        "versions": {name: _version(name) for name in PACKAGES},
        "git": _git_state(),
        **(
            {"plugins": {name: code_hash(module.__name__) for name, module in sorted(LOADED.items())}} if LOADED else {}
        ),
    }


@cache
def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git_state() -> dict[str, Any] | None:
    """Return the commit and whether tracked files differ from it; None outside a checkout, e.g. in a wheel."""
    here = Path(__file__).resolve().parent

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", Path(__file__).name)  # fails where the checkout around us is not ours
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.CalledProcessError):
        return None
