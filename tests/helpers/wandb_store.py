"""Offline runs of W&B as W&B's own reader finds them in the files of a run's folder."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import wandb


@dataclass
class StoredRun:
    """What the file of one offline run holds."""

    header: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    artifacts: dict[str, list[str]] = field(default_factory=dict)
    steps: dict[str, str] = field(default_factory=dict)
    exit_code: int | None = None

    @property
    def config(self) -> dict[str, Any]:
        return self.header["config"]["update"]

    def curve(self, key: str) -> list[float]:
        """Values of a metric over the history."""
        return [item[key] for item in self.history if key in item]


def stored(run: Path) -> dict[str, StoredRun]:
    """Every offline run in the folder of a run, by its shown name without what all of them share."""
    found = {}
    for path in sorted(run.glob("wandb/offline-run-*/run-*.wandb")):
        one = read(path)
        name = one.header["display_name"]
        assert name not in found, f"two runs of W&B are {name}"
        found[name] = one
    return found


def read(path: Path) -> StoredRun:
    """One file, read by the program behind `wandb leet inspect`, which it starts in a second."""
    reader = Path(wandb.__file__).parent / "bin" / "wandb-core"
    command = [reader, "leet", "inspect", "--no-observability", "--json", "--run-file", path]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    one = StoredRun()
    for line in done.stdout.splitlines():
        row = json.loads(line)
        kind = row["type"]
        if kind == "run":
            one.header = row["run"]
        elif kind == "summary":
            one.summary |= row["summary"].get("update", {})
        elif kind == "history":
            one.history.append(row["history"]["item"])
        elif kind == "artifact":
            content = row["artifact"]
            name = content["name"].removesuffix(f"-{content['run_id']}").removeprefix(f"run-{content['run_id']}-")
            one.artifacts[name] = [entry["path"] for entry in content["manifest"]["contents"]]
        elif kind == "metric":
            name = row["metric"].get("name") or row["metric"]["glob_name"]
            one.steps[name] = row["metric"].get("step_metric", "")
        elif kind == "exit":
            one.exit_code = row["exit"].get("exit_code", 0)
    return one
