"""Ways in which a number could be wrong without a word: leaks of plugins, mixed runs, results kept past their cause."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console

import mer
import mer.run as run_module
from mer import errors, finished_folders, run_files
from mer.config import Config, FolderData, ManifestData, OptimConfig, ProtocolConfig, StageConfig
from mer.data.samples.table import SampleTable
from mer.errors import MerError
from mer.inputs.representations.representation import REPRESENTATIONS
from mer.protocols.fold import PROTOCOLS, Fold, sorted_samples
from mer.protocols.registry import make_folds
from mer.provenance import config_hash
from mer.run import run
from mer.train.cross_validation.collect_results import collect_results
from mer.train.experiment.experiment import load_experiment
from mer.utils import disk_space, hashing, plugins
from tests.conftest import tiny
from tests.faults.counts import counted
from tests.helpers.tables import table as make_table

Folds = Callable[[SampleTable], list[Fold]]


def everybody(table: SampleTable) -> tuple[str, ...]:
    return sorted_samples(table.frame["sample_id"])


def of_people(table: SampleTable, person: int) -> tuple[str, ...]:
    names = sorted(set(table.subjects))
    return sorted_samples(table.frame["sample_id"][table.subjects == names[person]])


#: Protocols that nobody should write, and what is said of each.
BAD_PROTOCOLS: dict[str, tuple[Folds, str]] = {
    "tested on what trains": (lambda table: [Fold("a", everybody(table), (), of_people(table, 0))], "trains and is"),
    "tested on what chooses": (
        lambda table: [Fold("a", of_people(table, 1), of_people(table, 0), of_people(table, 0))],
        "chooses and is",
    ),
    "tested twice": (
        lambda table: [Fold(name, of_people(table, 1), (), of_people(table, 0)) for name in ("a", "b")],
        "tested by",
    ),
    "twice in one part": (
        lambda table: [Fold("a", of_people(table, 1), (), of_people(table, 0) * 2)],
        "twice",
    ),
    "two folds of one name": (
        lambda table: [Fold("a", of_people(table, 1), (), of_people(table, person)) for person in (0, 2)],
        "name",
    ),
    "nobody tested": (lambda table: [Fold("a", of_people(table, 1), (), ())], "tests nothing"),
    "unknown sample": (lambda table: [Fold("a", ("nobody",), (), of_people(table, 0))], "nobody"),
    "no folds": (lambda table: [], "no folds"),
}


@pytest.mark.parametrize("name", BAD_PROTOCOLS)
@counted("protocol of a plugin")
def test_folds_of_a_protocol_are_checked(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    make, says = BAD_PROTOCOLS[name]
    monkeypatch.setitem(PROTOCOLS, "theirs", lambda table, protocol: make(table))
    with pytest.raises(MerError, match=says) as found:
        make_folds(make_table([("x", "s1", "a"), ("x", "s2", "b")]), ProtocolConfig(name="theirs"), seed=0)
    assert "theirs" in str(found.value)


@counted("data changed while folds were trained")
def test_folds_of_other_data_are_not_pooled(finished: tuple[Config, Path], tmp_path: Path):
    config, whole = finished
    copy = Path(shutil.copytree(whole, tmp_path / "run"))
    one = finished_folders.completed_folds(copy)[0]
    record = json.loads((one / run_files.FOLD).read_text()) | {"data_hash": "other"}
    del record[finished_folders.HASHES]
    (one / run_files.FOLD).write_text(json.dumps(finished_folders.seal(one, run_files.FOLD, record)))
    with pytest.raises(MerError, match="other data"):
        collect_results(load_experiment(config), copy)


@pytest.fixture(scope="module")
def finished(cache_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Path]:
    """A finished tiny run on files of its own, which may be changed."""
    folder = tmp_path_factory.mktemp("changing")
    config = between(folder, cache_dir)
    run(config, folder / "run", console=Console(quiet=True))
    return config, folder / "run"


def between(folder: Path, cache_dir: Path) -> Config:
    """A run on four people's clips of five frames each, whose input is made of all frames from onset to apex."""
    rng = np.random.default_rng(0)
    rows = []
    for person in range(4):
        for label in ("negative", "positive", "surprise"):
            clip = folder / "clips" / f"p{person}" / label
            clip.mkdir(parents=True)
            for frame in range(1, 6):
                cv2.imwrite(str(clip / f"{frame:03d}.png"), rng.integers(0, 256, (32, 32), dtype=np.uint8))
            key = {"onset": clip / "001.png", "path": clip / "005.png", "folder": clip}
            rows.append(
                {"sample_id": f"p{person}-{label}", "dataset": "own", "subject": f"p{person}", "label": label, **key}
            )
    with (folder / "clips.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    config = tiny(cache_dir)
    return replace(
        config,
        data=ManifestData(name="manifest", manifest=str(folder / "clips.csv")),
        input=replace(config.input, representation="dynamic"),
    )


@counted("frame between onset and apex changed")
def test_a_run_does_not_go_on_with_other_frames_between(finished: tuple[Config, Path], cache_dir: Path, tmp_path: Path):
    config = between(tmp_path, cache_dir)
    copy = Path(shutil.copytree(finished[1], tmp_path / "run"))
    run(config, copy, console=Console(quiet=True))  # the same frames elsewhere are the same data
    shutil.rmtree(finished_folders.completed_folds(copy)[0])
    frame = tmp_path / "clips" / "p1" / "positive" / "003.png"
    cv2.imwrite(str(frame), np.zeros((32, 32), np.uint8))
    with pytest.raises(MerError, match="changed since the run"):
        run(config, copy, console=Console(quiet=True))


@counted("stage with the name of a free key")
@pytest.mark.parametrize("name", ["root", "list", "manifest", "repairs_table"])
def test_a_stage_decides_the_hash_whatever_its_name(name: str, tiny_config: Config):
    def hash_of(lr: float) -> str:
        stage = StageConfig(data=tiny_config.data, optim=OptimConfig(lr=lr))
        return config_hash(replace(tiny_config, stages={name: stage}))

    assert hash_of(0.1) != hash_of(0.2)


@counted("option of a plugin's data set with the name of a free key")
def test_options_of_a_data_set_decide_the_hash(tiny_config: Config):
    def hash_of(value: str) -> str:
        return config_hash(replace(tiny_config, data=FolderData(name="own", root="x", options={"list": value})))

    assert hash_of("a") != hash_of("b")


PLUGIN = """
import functools
import numpy as np
from mer.inputs.representations.representation import REPRESENTATIONS

def level(frames, config, *, value):
    return np.full((1, config.size, config.size), value, np.float32)

REPRESENTATIONS.register("{name}", frames=("apex",))(functools.partial(level, value={value}))
"""


@pytest.fixture
def forgotten() -> Iterator[None]:
    """Forget after the test what plugins registered."""
    names, loaded = set(REPRESENTATIONS), dict(plugins.LOADED)
    yield
    for name in set(REPRESENTATIONS) - names:
        del REPRESENTATIONS[name]
    for name in set(plugins.LOADED) - set(loaded):
        sys.modules.pop(plugins.LOADED.pop(name).__name__, None)


@counted("plugin changed")
def test_code_of_a_plugin_counts_however_the_entry_was_made(tmp_path: Path, forgotten: None):
    found = []
    for value in (1, 2):
        path = tmp_path / str(value) / "levels.py"
        path.parent.mkdir()
        path.write_text(PLUGIN.format(name=f"level{value}", value=value))
        plugins.load_plugins([str(path)])
        found.append(REPRESENTATIONS.plugin_code(f"level{value}"))
    assert found[0] != found[1]
    assert all(one["plugin"] for one in found)


@counted("plugin changed")
def test_the_code_of_a_plugin_is_that_which_runs(tmp_path: Path, forgotten: None, tiny_config: Config):
    path = tmp_path / "levels.py"
    path.write_text(PLUGIN.format(name="levels", value=1))
    config = replace(tiny_config, plugins=[str(path)])
    before = config_hash(config), REPRESENTATIONS.plugin_code("levels")
    path.write_text(PLUGIN.format(name="levels", value=2))  # while the run is at work
    assert (config_hash(config), REPRESENTATIONS.plugin_code("levels")) == before


@counted("null run in a notebook")
def test_data_of_a_null_run_are_not_handed_out_with_true_labels(tiny_config: Config):
    with pytest.raises(MerError, match="run_experiment"):
        mer.load_data(replace(tiny_config, null="permuted_labels"))


@counted("data hash")
def test_key_frames_are_read_once_a_process_and_again_when_they_change(tmp_path: Path, cache_dir: Path):
    config = between(tmp_path, cache_dir)
    table = load_experiment(config).table
    first = table.content_hash()
    read: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        whole = hashing.stream_sha256
        patch.setattr(hashing, "stream_sha256", lambda path: (read.append(str(path)), whole(path))[1])
        assert table.content_hash() == first
        assert not read
        frame = tmp_path / "clips" / "p1" / "positive" / "001.png"
        cv2.imwrite(str(frame), np.zeros((32, 32), np.uint8))
        assert table.content_hash() != first
        assert read == [str(frame)]


def test_there_is_one_error_of_a_full_disk():
    assert disk_space.DiskFullError is errors.DiskFullError


def said(config: Config, folder: Path = Path("no_such_run")) -> str:
    """What a dry run prints."""
    out = io.StringIO()
    run(replace(config, dry_run=True), folder, console=Console(file=out, width=300))
    return out.getvalue()


@counted("dry run")
def test_a_dry_run_counts_the_null_runs(tiny_config: Config):
    assert "null run" not in said(tiny_config)
    assert "2 null runs" in said(replace(tiny_config, sanity=True))


@counted("dry run")
def test_a_dry_run_counts_every_recipe_of_a_search(tiny_config: Config):
    plain = said(replace(tiny_config, optim=replace(tiny_config.optim, iterations=2, epochs=None)))
    assert "2 steps a fold, 8 in all" in plain
    protocol = replace(tiny_config.protocol, candidates=["optim.iterations=5", "optim.iterations=3"], inner=2)
    config = replace(tiny_config, protocol=protocol, optim=replace(tiny_config.optim, iterations=2, epochs=None))
    # two parts a recipe, then the longer one at most
    assert f"{2 * (5 + 3) + 5} steps a fold" in said(config)


@counted("dry run")
def test_a_dry_run_knows_what_is_finished_and_what_would_be_refused(finished: tuple[Config, Path], tmp_path: Path):
    config, whole = finished
    copy = Path(shutil.copytree(whole, tmp_path / "run"))
    shutil.rmtree(finished_folders.completed_folds(copy)[0])
    assert "3 of 4 folds, which are kept" in said(config, copy)
    assert "0 steps a fold, 0 in all" in said(config, whole)
    with pytest.raises(MerError, match=r"optim\.lr"):
        said(replace(config, optim=replace(config.optim, lr=0.5)), copy)


@counted("job of a sweep")
def test_results_of_an_earlier_job_are_not_those_of_one_that_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / run_files.RESULTS).write_text('{"validation_uf1": 1.0}')
    fails = [sys.executable, "-c", "raise ValueError"]
    whole = run_module.subprocess.Popen
    monkeypatch.setattr(run_module.subprocess, "Popen", lambda command: whole(fails, stderr=subprocess.DEVNULL))
    with pytest.raises(MerError, match="ended with status 1"):
        run_module.run_alone(["seed=0"], tmp_path)


def test_faces_of_unknown_data_are_not_called_crops(finished: tuple[Config, Path]):
    config = replace(finished[0], face=replace(finished[0].face, detector="auto"))
    assert "taken as crops of faces, since no data set here is known to show more" in said(config)
