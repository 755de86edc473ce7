"""`python -m mer.prepare`: it makes what a run reads, changed things miss, a kill costs what was in hand only."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from mer import prepare
from mer.config import Config, FaceConfig, InputConfig, SyntheticData, TrainerConfig
from mer.data import registry as catalog
from mer.inputs import input_arrays
from mer.inputs.apex import spotting
from mer.inputs.cache import cached_step
from mer.inputs.faces import crops
from mer.inputs.faces.alignment import TEMPLATE
from mer.inputs.faces.landmarks import COLUMNS
from mer.train.experiment import input_preparation
from mer.train.experiment.experiment import load_experiment
from tests.helpers.command import command

CLIPS = 6
#: Makes a process kill itself when the apex of the fourth clip is looked for.
KILLED = """
import itertools, os, signal, sys
from mer import prepare
from mer.inputs.apex import spotters
os.cpu_count = lambda: 2
count = itertools.count()
def halfway(frames):
    if next(count) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return (len(frames) - 1) // 2
spotters.SPOTTERS["middle"] = halfway
sys.exit(prepare.main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with whole drawn clips in it, and a table of landmarks beside it."""
    folder = tmp_path_factory.mktemp("prepare")
    table = catalog.load_samples(
        SyntheticData(name="synthetic", subjects=3, clips=CLIPS, size=48, whole=True), folder / "cache"
    )
    points = (TEMPLATE * 48 - 0.5).ravel()
    rows = [[sample, *points] for sample in table.frame["sample_id"]]
    pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(folder / "landmarks.csv", index=False)
    return folder


@pytest.fixture
def config(corpus: Path, tmp_path: Path) -> Config:
    """All three steps on the drawn clips, in a cache of its own."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "synthetic").mkdir()
    (drawn,) = (corpus / "cache" / "synthetic").iterdir()
    subprocess.run(["cp", "-r", str(drawn), str(tmp_path / "cache" / "synthetic")], check=True)
    return Config(
        data=SyntheticData(name="synthetic", subjects=3, clips=CLIPS, size=48, whole=True),
        face=FaceConfig(detector="precomputed", size=40, landmarks=str(corpus / "landmarks.csv")),
        input=InputConfig(representation="stack", size=28, frames=3, apex="middle", apex_for="all"),
        trainer=TrainerConfig(accelerator="cpu", progress=False),
        cache_dir=str(tmp_path / "cache"),
    )


def overrides(config: Config) -> list[str]:
    """The same on the command line."""
    return [
        *("data.subjects=3", f"data.clips={CLIPS}", "data.size=48", "data.whole=true", "trainer.progress=false"),
        *("face=precomputed", "face.size=40", f"face.landmarks={config.face.landmarks}"),
        *("input.representation=stack", "input.size=28", "input.frames=3"),
        *("input.apex=middle", "input.apex_for=all", f"cache_dir={config.cache_dir}"),
    ]


def made(config: Config) -> dict[str, int]:
    """Prepare, and tell how many clips each step made."""
    return {name: count["made"] for name, count in input_preparation.prepare(config)["steps"].items()}


ALL = {"faces": CLIPS, "apexes": CLIPS, "inputs": CLIPS}
NONE = dict.fromkeys(ALL, 0)


def entries(config: Config, pattern: str) -> list[Path]:
    return sorted(Path(config.cache_dir).glob(pattern))


def test_a_run_after_it_makes_nothing(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    found = input_preparation.prepare(config)
    assert {name: count["made"] for name, count in found["steps"].items()} == ALL
    assert found["clips"] == CLIPS
    assert found["frames"] == len(entries(config, "synthetic/*/**/*.png"))
    assert found["frames_per_second"] == pytest.approx(found["frames"] / found["seconds"])
    busy = sum(count["thread_seconds"] for count in found["steps"].values())
    assert all(value >= 0 for value in found["thread_seconds"].values())
    assert 0 < found["thread_seconds"]["decoding"] < busy
    assert not entries(config, "parts/*")
    before = entries(config, "*/**/*")
    monkeypatch.setattr(cached_step, "thread_map", None)
    experiment = load_experiment(config)
    assert experiment.inputs.shape == (CLIPS, 3, 28, 28)
    assert entries(config, "*/**/*") == before


def test_what_a_run_made_is_prepared(config: Config) -> None:
    load_experiment(config)
    assert made(config) == NONE


def _other_frame(config: Config, patch: pytest.MonkeyPatch) -> Config:
    path = next(path for path in entries(config, "synthetic/*/*/*/*.png"))
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    picture[10:20, 10:20] ^= 64
    cv2.imwrite(str(path), picture)
    return config


def _version(module: Any) -> Callable[[Config, pytest.MonkeyPatch], Config]:
    def change(config: Config, patch: pytest.MonkeyPatch) -> Config:
        patch.setattr(module, "CODE_VERSION", 99)
        return config

    return change


def _crops(config: Config, patch: pytest.MonkeyPatch) -> Config:
    return replace(config, face=replace(config.face, size=44))


def _input(**changes: Any) -> Callable[[Config, pytest.MonkeyPatch], Config]:
    return lambda config, patch: replace(config, input=replace(config.input, **changes))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        # the same pixels come out of a table whose one clip differs, so all inputs of the table are made
        (_other_frame, {"faces": 1, "apexes": 1, "inputs": CLIPS}),
        (_crops, ALL),
        (_version(crops), {"faces": CLIPS, "apexes": 0, "inputs": 0}),
        (_version(spotting), {"faces": 0, "apexes": CLIPS, "inputs": 0}),
        (_version(input_arrays), {"faces": 0, "apexes": 0, "inputs": CLIPS}),
        (_input(size=30), {"faces": 0, "apexes": 0, "inputs": CLIPS}),
        (_input(apex="difference"), {"faces": 0, "apexes": CLIPS, "inputs": CLIPS}),
    ],
    ids=["frame", "crops", "faces' code", "apexes' code", "inputs' code", "side", "spotter"],
)
def test_what_changes_an_entry_never_hits_the_old_one(
    config: Config,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Config, pytest.MonkeyPatch], Config],
    expected: dict[str, int],
) -> None:
    assert made(config) == ALL
    assert made(change(config, monkeypatch)) == expected


def test_other_times_and_names_of_the_same_bytes_hit(config: Config) -> None:
    input_preparation.prepare(config)
    for path in entries(config, "synthetic/*/*/*/*.png"):
        path.touch()
    assert made(config) == NONE


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


@pytest.mark.parametrize(
    ("pattern", "damage", "step"),
    [
        ("faces/*/*.png", _cut, "faces"),
        ("faces/*/*.png", Path.unlink, "faces"),
        ("faces/*/*.png", lambda path: path.write_bytes(path.read_bytes()[::-1]), "faces"),
        ("faces/*/crops.json", _cut, "faces"),
        ("faces/*/crops.json", Path.unlink, "faces"),
        ("apex/*.json", _cut, "apexes"),
        ("apex/*.json", lambda path: path.write_text('{"place": 99999}'), "apexes"),
        ("apex/*.json", lambda path: path.write_text("[]"), "apexes"),
        (
            "apex/*.json",
            lambda path: path.write_text(re.sub(r'"place": \d+', '"place": 0', path.read_text())),
            "apexes",
        ),
    ],
)
def test_a_damaged_entry_is_made_again(
    config: Config, pattern: str, damage: Callable[[Path], object], step: str
) -> None:
    input_preparation.prepare(config)
    pixels = {path.name: path.read_bytes() for path in entries(config, "pixels/*.npy")}
    damage(entries(config, pattern)[0])
    assert made(config) == {**NONE, step: 1}
    assert {path.name: path.read_bytes() for path in entries(config, "pixels/*.npy")} == pixels


def test_a_killed_process_leaves_what_it_had_made(config: Config) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, *overrides(config)], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    kept = len(entries(config, "apex/[0-9a-f]*.json"))
    assert 1 <= kept <= 3
    assert made(config) == {"faces": 0, "apexes": CLIPS - kept, "inputs": CLIPS}


def test_interrupted_inputs_are_gone_on_with(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.array(load_experiment(replace(config, input=replace(config.input, size=30))).inputs)
    config = replace(config, input=replace(config.input, size=30, frames=4))
    true, calls = input_arrays.compute_input, []

    def breaks(needed: Any, settings: InputConfig) -> np.ndarray:
        calls.append(needed)
        if len(calls) > 3:
            raise RuntimeError("pulled the plug")
        return true(needed, settings)

    with monkeypatch.context() as patch:
        patch.setattr(input_arrays, "compute_input", breaks)
        with pytest.raises(RuntimeError):
            input_preparation.prepare(config)
    parts = entries(config, "parts/*.npy")
    assert len(parts) == 3
    _cut(parts[0])
    assert made(config) == {"faces": 0, "apexes": 0, "inputs": CLIPS - 2}
    assert not entries(config, "parts/*.npy")
    # first and last of evenly spaced frames are the same however many there are between
    np.testing.assert_array_equal(load_experiment(config).inputs[:, [0, 3]], whole[:, [0, 2]])


@pytest.mark.slow
def test_two_at_once_end_well_and_alike(config: Config) -> None:
    arguments = [sys.executable, "-m", "mer.prepare", "--json", *overrides(config)]
    both = [subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    for output, _ in told:
        assert all(count["made"] <= CLIPS for count in json.loads(output)["steps"].values())
    assert len(entries(config, "pixels/*.npy")) == 1
    assert not list(Path(config.cache_dir).rglob(".*"))
    assert made(config) == NONE


def test_the_dry_run_tells_what_would_be_made(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    assert prepare.main(["--dry", *overrides(config)]) == 0
    said = capsys.readouterr().out
    assert f"faces: {CLIPS} of {CLIPS} clips would be made" in said
    assert said.count("not known before") == 2
    assert not entries(config, "faces") and not entries(config, "pixels")
    input_preparation.prepare(config)
    entries(config, "apex/*.json")[0].unlink()
    rows = input_preparation.outlook(config)
    assert [(row["step"], row["missing"]) for row in rows] == [("faces", 0), ("apexes", 1), ("inputs", None)]
    input_preparation.prepare(config)
    assert [row["missing"] for row in input_preparation.outlook(config)] == [0, 0, 0]


def test_status_and_clean(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    input_preparation.prepare(config)
    cache = f"cache_dir={config.cache_dir}"
    assert prepare.main(["--status", cache]) == 0
    said = capsys.readouterr().out
    assert f"synthetic corpus: precomputed, 40 pixels: {CLIPS} entries" in said
    assert prepare.main(["--clean", "--kind", "apex", "--older", "1", cache]) == 0
    assert "Nothing to remove" in capsys.readouterr().out
    assert prepare.main(["--clean", "--kind", "apex", "--json", cache]) == 0
    assert [(row["kind"], row["entries"]) for row in json.loads(capsys.readouterr().out)] == [("apex", CLIPS)]
    assert made(config) == {**NONE, "apexes": CLIPS}
    assert prepare.main(["--clean", cache]) == 0
    assert not [path for path in entries(config, "**/*") if path.is_file()]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["data=casme2", "data.root=/nowhere"], "missing: the folder itself"),
        (["data.clips=1"], "data.clips"),
        (["input.apex=guess", "face=precomputed"], "face.landmarks"),
        (["stages={}", "optm.lr=1"], "optm"),
        (["--kind", "apex"], "--status or --clean"),
        (["--clean", "--older", "-1"], "0 or more days"),
        (["--clean", "--dry"], "not allowed"),
    ],
)
def test_what_cannot_be_done_ends_with_status_2(
    arguments: list[str], part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status = prepare.main([*arguments, f"cache_dir={tmp_path}"])
    except SystemExit as ended:
        status = int(str(ended.code))
    assert status == 2
    assert part in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_it_begins_without_lightning_and_torch(config: Config, tmp_path: Path) -> None:
    input_preparation.prepare(config)
    code = "import sys; from mer import prepare; prepare.main(sys.argv[1:])\n"
    code += "sys.exit(' '.join(name for name in ('torch', 'pytorch_lightning') if name in sys.modules) or 0)"
    done = subprocess.run([sys.executable, "-c", code, *overrides(config)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_help_names_every_way(tmp_path: Path) -> None:
    done = command("mer.prepare", "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert all(option in done.stdout for option in ("--dry", "--status", "--clean", "--older", "--kind", "--json"))
