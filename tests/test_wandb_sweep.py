"""Sweep files of W&B: what its agent makes of them is a command that runs."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pytest
import yaml
from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

from mer import run_files
from mer.compose import conf_dir, load_config
from mer.train.experiment.config_checks import check_config
from tests.helpers.command import TINY, command
from tests.helpers.wandb_store import stored

FILES = sorted((conf_dir() / "wandb_sweep").glob("*.yaml"))


def commands(path: Path) -> list[list[str]]:
    """Commands of a file, as W&B's agent expands them: the first and last value of each parameter."""
    sweep = yaml.safe_load(path.read_text(encoding="utf-8"))
    values = {key: one.get("values") or [one["min"], one["max"]] for key, one in sweep["parameters"].items()}
    found = []
    for key, several in values.items():
        for value in (several[0], several[-1]):
            chosen = {name: {"value": value if name == key else other[0]} for name, other in values.items()}
            args = create_sweep_command_args({"args": chosen})["args_no_hyphens"]
            filled = [
                word
                for part in sweep["command"]
                for word in (args if part == "${args_no_hyphens}" else [part.replace("${program}", sweep["program"])])
            ]
            assert filled[:4] == ["${env}", "${interpreter}", "-m", "mer.run"]
            found.append(filled[4:])
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_command_of_a_file_is_a_configuration(path: Path):
    found = commands(path)
    assert len(found) >= 2 and len({tuple(one) for one in found}) >= 2
    for overrides in found:
        config = load_config(overrides)
        check_config(config)
        assert config.logger.name == "wandb" and config.logger.mode == "online"
    assert yaml.safe_load(path.read_text())["metric"] == {"name": "objective", "goal": "maximize"}


def test_a_command_of_the_agent_runs_and_its_values_arrive(tmp_path: Path, cache_dir: Path):
    (overrides,) = islice(commands(conf_dir() / "wandb_sweep" / "optimiser.yaml"), 1)
    offline = [one.replace("mode=online", "mode=offline") for one in overrides]
    tiny = [one for one in TINY if not one.startswith("optim.batch_size")]
    done = command(
        *("mer.run", *offline, *tiny, "protocol.validation=0.4", f"cache_dir={cache_dir}", "hydra.run.dir=run"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    (summary,) = (one for one in stored(tmp_path / "run").values() if one.header["job_type"] == "summary")
    assert summary.config["optim"]["lr"] == pytest.approx(0.0001) and summary.config["optim"]["batch_size"] == 16
    results = json.loads((tmp_path / "run" / run_files.RESULTS).read_text(encoding="utf-8"))
    assert summary.summary["objective"] == pytest.approx(results["validation_uf1"])
