"""Files of `conf/sweep`: they compose; the search finds its own jobs again and goes on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser

from mer import run_files
from mer.compose import conf_dir, load_config
from mer.run import SWEEP_FILE
from tests.helpers.command import TINY, process

FILES = sorted((conf_dir() / "sweep").glob("*.yaml"))


@pytest.mark.parametrize("path", [one for one in FILES if one.stem != "optimiser"], ids=lambda path: path.stem)
def test_every_value_of_a_file_is_an_override(path: Path):
    params = yaml.safe_load(path.read_text(encoding="utf-8"))["hydra"]["sweeper"]["params"]
    jobs = 1
    for key, values in params.items():
        (parsed,) = OverridesParser.create().parse_overrides([f"{key}={values}"])
        several = list(parsed.sweep_string_iterator())
        jobs *= len(several)
        for value in (several[0], several[-1]):
            load_config([f"{SWEEP_FILE}{path.stem}", f"{key}={value}"])
    assert jobs == {"attention_placement": 16, "depth_placement": 12, "augmentation": 8}[path.stem]


@pytest.mark.slow
def test_a_search_that_was_killed_proposes_the_same_jobs_and_trains_what_is_missing(tmp_path: Path, cache_dir: Path):
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    tiny = [one for one in TINY if not one.startswith(("optim.batch_size", "model.width"))]
    arguments = (
        *("mer.run", f"{SWEEP_FILE}optimiser", "+experiment=synthetic_loso", *tiny, "model.width=4"),
        *("protocol.validation=0.4", "hydra.sweeper.n_trials=3", f"cache_dir={cache_dir}"),
        f"hydra.sweep.dir={tmp_path / 'search'}",
    )
    done = process(*arguments, cwd=tmp_path)  # optuna warns at its import
    assert done.returncode == 0, done.stderr + done.stdout
    jobs = [tmp_path / "search" / str(k) for k in range(3)]
    before = [(job / run_files.PREDICTIONS).read_bytes() for job in jobs]
    kept = [(job / run_files.FOLDS_FOLDER / "synthetic-s000" / run_files.FOLD).stat().st_mtime_ns for job in jobs]
    # as a kill in the second job leaves it
    shutil.rmtree(jobs[2])
    (jobs[1] / run_files.RESULTS).unlink()
    shutil.rmtree(jobs[1] / run_files.FOLDS_FOLDER / "synthetic-s003")
    again = process("mer.run", f"resume={tmp_path / 'search'}", cwd=tmp_path)
    assert again.returncode == 0, again.stderr + again.stdout
    assert [(job / run_files.PREDICTIONS).read_bytes() for job in jobs] == before
    times = [(job / run_files.FOLDS_FOLDER / "synthetic-s000" / run_files.FOLD).stat().st_mtime_ns for job in jobs]
    assert times[:2] == kept[:2]
