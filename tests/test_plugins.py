"""Plugins: the files that CONTRIBUTING.md shows, written into a temporary folder and used in a run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from mer import run_files
from mer.compose import load_config
from mer.config import Config
from mer.data.loading.dataset_registry import DATASETS
from mer.errors import ConfigError, MerError
from mer.inputs import input_arrays
from mer.inputs.representations.representation import REPRESENTATIONS
from mer.models import checkpoint
from mer.models.attention.registry import UNITS
from mer.models.backbones.registry import BACKBONES
from mer.protocols.fold import PROTOCOLS
from mer.provenance import config_hash
from mer.run import run
from mer.train.experiment.config_checks import check_config
from mer.utils import plugins
from tests.helpers.command import TINY_RECIPE, command

ROOT = Path(__file__).resolve().parent.parent
SHOWN = re.compile(r"```(?:python|yaml)\n# (lab/\S+)\n(.*?)```", re.DOTALL)
FILES = ("lab_set", "gate", "groups", "absolute", "cells")
SET, GATE, GROUPS, ABSOLUTE, CELLS = FILES
#: One of each but the backbone, each with an option of its own.
ALL = (
    "data=lab_set",
    "data.options.camera=side",
    "protocol.name=groups",
    "protocol.options.size=3",
    "input.representation=absolute",
    "input.options.gain=2",
    "augment=none",
    "model.attention.unit=gate",
    "model.attention.options.strength=0.5",
)
#: The same without the options.
CHOSEN = tuple(line for line in ALL if ".options." not in line)


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """The folder `lab` with the files of CONTRIBUTING.md, and the invented clips of six people beside it."""
    for name, code in SHOWN.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code, encoding="utf-8")
    assert sorted(path.stem for path in (tmp_path / "lab").glob("*.py")) == sorted(FILES)
    rng = np.random.default_rng(0)
    for person in range(6):
        for camera in ("front", "side"):
            for emotion in ("happiness", "surprise"):
                folder = tmp_path / "LAB" / f"p{person:02d}" / camera / f"{emotion}_1"
                folder.mkdir(parents=True)
                for frame in (1, 2, 3):
                    cv2.imwrite(str(folder / f"{frame:03d}.png"), rng.integers(0, 256, (40, 40), dtype=np.uint8))
    return tmp_path / "lab"


@pytest.fixture
def forgotten() -> Iterator[None]:
    """Forget after the test what plugins registered."""
    rooms = (DATASETS, REPRESENTATIONS, UNITS, BACKBONES, PROTOCOLS)
    before = [set(room) for room in rooms]
    yield
    for room, names in zip(rooms, before, strict=True):
        for name in set(room) - names:
            del room[name]
    unload()


def unload() -> None:
    """Forget the modules of plugins, as a new process begins."""
    plugins.LOADED.clear()
    for name in [name for name in sys.modules if name.startswith("mer_plugin_")]:
        del sys.modules[name]


def named(lab: Path, *files: str) -> str:
    return f"plugins=[{','.join(str(lab / f'{name}.py') for name in files)}]"


def composed(lab: Path, *overrides: str) -> Config:
    common = (f"data.root={lab.parent / 'LAB'}", f"cache_dir={lab.parent / 'cache'}")
    return load_config([*overrides, *(line for line in common if "data=lab_set" in overrides), *TINY_RECIPE])


def process(lab: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MER_DATA": str(lab.parent), "MER_CACHE": str(lab.parent / "cache"), **variables}
    path = os.pathsep.join(filter(None, [str(ROOT), variables.get("PYTHONPATH", "")]))
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=lab.parent,
        env={**environment, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_one_of_each_runs_in_this_process_and_in_workers_with_equal_numbers(
    lab: Path, forgotten: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = composed(lab, named(lab, SET, GATE, GROUPS, ABSOLUTE), *ALL)
    results = run(config, lab.parent / "here")
    assert results["failed_folds"] == []
    predictions = pd.read_csv(lab.parent / "here" / run_files.PREDICTIONS, dtype={"subject": str})
    assert predictions.groupby("fold")["subject"].nunique().to_dict() == {"group-0": 3, "group-3": 3}
    frames = [cv2.imread(str(lab.parent / "LAB/p00/side/happiness_1" / f"{k:03d}.png"), 0) for k in (1, 2)]
    ours = np.load(next((lab.parent / "cache" / "pixels").glob("*.npy")))[0, 0]
    reference = 2 * np.abs(frames[1].astype(np.float32) - frames[0].astype(np.float32))
    np.testing.assert_allclose(ours, cv2.resize(reference, (28, 28), interpolation=cv2.INTER_AREA), atol=0.5)
    files = [f"lab/{name}.py" for name in (SET, GATE, GROUPS, ABSOLUTE)]
    monkeypatch.chdir(lab.parent)
    beside = replace(config, plugins=files, trainer=replace(config.trainer, parallel_folds=2))
    assert run(beside, lab.parent / "beside")["failed_folds"] == []
    assert (lab.parent / "beside" / run_files.PREDICTIONS).read_bytes() == (
        lab.parent / "here" / run_files.PREDICTIONS
    ).read_bytes()


@pytest.mark.slow
def test_checkpoint_of_a_plugin_names_it_and_loads_only_with_it(lab: Path, forgotten: None) -> None:
    drawn = ("data.subjects=4", "data.clips=12", "data.size=64", "protocol=kfold", "protocol.folds=2")
    network = ("model.backbone=cells", "model.depth=null", "model.attention.unit=none", "model.options.cells=7")
    config = composed(lab, named(lab, CELLS), *drawn, *network, f"cache_dir={lab.parent / 'cache'}", "model.width=64")
    config.model.width = 64
    assert run(config, lab.parent / "cells")["failed_folds"] == []
    path = next((lab.parent / "cells").glob("folds/*/model.ckpt"))
    loaded, card = checkpoint.load(path)
    assert loaded.fc.in_features == 3 * 7 * 7 and card["plugins"] == [str(lab / "cells.py")]
    code = "import sys; from mer.models import checkpoint; checkpoint.load(sys.argv[1])"
    bare = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert "MerError" in bare.stderr and f"load it first: plugins=[{lab / 'cells.py'}]" in bare.stderr
    shown = process(lab, "mer.weights", "--plugin", "lab/cells.py", "inspect", str(path))
    assert shown.returncode == 0, shown.stdout + shown.stderr


@pytest.mark.slow
def test_installed_plugin_is_found_by_its_entry_point(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (lab / "__init__.py").write_text("from lab import gate, lab_set\n", encoding="utf-8")
    info = lab.parent / "lab-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lab\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[mer]\nlab = lab\n", encoding="utf-8")
    overrides = (
        "data=lab_set",
        "model.attention.unit=gate",
        "input=apex",
        "augment=none",
        *TINY_RECIPE,
        "dry_run=true",
    )
    ran = process(lab, "mer.run", *overrides, PYTHONPATH=str(lab.parent))
    assert ran.returncode == 0 and "gate attention" in ran.stdout, ran.stdout + ran.stderr
    (lab / "__init__.py").write_text("import no_such_thing\n", encoding="utf-8")
    monkeypatch.syspath_prepend(lab.parent)
    broken = command("mer.run", *overrides, cwd=lab.parent)
    assert broken.returncode == 2 and "installed plugin lab of lab cannot be imported" in broken.stderr


@pytest.mark.parametrize(
    ("overrides", "part"),
    [
        (
            ["model.attention.options.strenth=1"],
            "model.attention.options.strenth: no such option of Gate, which has strength=1.0",
        ),
        (["model.attention.options.strength=high"], "model.attention.options.strength: Value 'high'"),
        (["model.attention.options.strength=true"], "model.attention.options.strength"),
        (["protocol.options.size=2.5"], "protocol.options.size"),
        (["input.options.gains=2"], "input.options.gains: no such option of absolute, which has gain=1.0"),
        (["data.options.camera=3"], "data.options.camera: expected"),
        (["model.attention.unit=gat"], "got 'gat': did you mean 'gate'?"),
        (["model.attention.unit=se", "model.attention.options.reduction=0"], "reduction: expected 1 or more, got 0"),
    ],
)
def test_wrong_options_are_named_before_anything_is_read(
    overrides: list[str], part: str, lab: Path, forgotten: None
) -> None:
    config = composed(lab, named(lab, SET, GATE, GROUPS, ABSOLUTE), *CHOSEN, *overrides)
    with pytest.raises(ConfigError) as caught:
        check_config(config)
    assert part in str(caught.value)


def test_plugins_that_cannot_be_loaded_are_all_named(
    lab: Path, forgotten: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (lab / "broken.py").write_text("one = 1\none / 0\n", encoding="utf-8")
    (lab / "no code").mkdir()
    gate = (lab / "gate.py").read_text(encoding="utf-8")
    (lab / "twice.py").write_text(gate.replace('"gate"', '"se"'), encoding="utf-8")
    (lab / "second.py").write_text(gate, encoding="utf-8")
    names = [
        "lab.nothing",
        "no/file.py",
        "no code",
        *(str(lab / f"{one}.py") for one in ("broken", "twice", "gate", "second")),
    ]
    monkeypatch.syspath_prepend(str(lab))
    with pytest.raises(ConfigError) as caught:
        load_config([f"plugins=[{','.join(names)}]"])
    text = str(caught.value)
    assert "6 problems" in text and "no file" in text and "'lab.nothing'" in text
    assert f"ZeroDivisionError: division by zero ({lab / 'broken.py'}, line 2)" in text
    assert "no code: expected a module, got a folder without __init__.py" in text
    ours = ROOT / "mer/models/attention/squeeze_excitation.py"
    assert f"attention unit 'se' is registered by {ours} and by {lab / 'twice.py'}; rename one" in text
    assert f"attention unit 'gate' is registered by {lab / 'gate.py'} and by {lab / 'second.py'}; rename one" in text
    assert UNITS["se"].__module__ == "mer.models.attention.squeeze_excitation"


def test_relative_path_in_another_folder_is_another_file(
    lab: Path, forgotten: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = lab.parent / "other" / "lab"
    other.mkdir(parents=True)
    gate = (lab / "gate.py").read_text(encoding="utf-8")
    (other / "gate.py").write_text(gate.replace('"gate"', '"second"'), encoding="utf-8")
    for folder, unit in ((lab, "gate"), (other, "second")):
        monkeypatch.chdir(folder.parent)
        check_config(load_config(["plugins=[lab/gate.py]", f"model.attention.unit={unit}"]))
    monkeypatch.chdir(lab.parent.parent)  # where there is no such file, the loaded one goes on
    check_config(load_config(["plugins=[lab/gate.py]", "model.attention.unit=second"]))


def test_changed_plugin_changes_the_keys_of_what_it_computes(lab: Path, forgotten: None) -> None:
    chosen = ("data=lab_set", "input.representation=absolute", "augment=none")
    config = composed(lab, named(lab, SET, ABSOLUTE), *chosen)
    plain = composed(lab, named(lab, SET, ABSOLUTE), "data=lab_set")
    first = config_hash(config), REPRESENTATIONS.plugin_code("absolute")
    assert REPRESENTATIONS.plugin_code("flow") == {} and plain.input.options == {}
    with (lab / "absolute.py").open("a", encoding="utf-8") as file:
        file.write("# another line\n")
    assert first == (config_hash(config), REPRESENTATIONS.plugin_code("absolute"))  # what was loaded goes on
    unload()
    second = config_hash(config), REPRESENTATIONS.plugin_code("absolute")
    assert first[0] != second[0] and first[1] != second[1]
    assert input_arrays.CODE_VERSION == 3


def test_option_of_our_own_unit_reaches_it(tmp_path: Path) -> None:
    config = load_config(["model.attention.unit=se", "model.attention.options.reduction=4", "model.width=16"])
    check_config(config)
    unit = UNITS["se"](16, **config.model.attention.options)
    assert tuple(unit.squeeze.weight.shape) == (4, 16)  # type: ignore[union-attr]
    network = checkpoint.build(config.model, in_channels=3, classes=3)
    checkpoint.save(tmp_path / "x.ckpt", network, model=config.model, card={"classes": ["a", "b", "c"]})
    content = torch.load(tmp_path / "x.ckpt", weights_only=True)
    assert content["model"]["attention"]["options"] == {"reduction": 4} and "options" not in content["model"]
    with pytest.raises(MerError, match="was made by another version"):
        torch.save({**content, "model": {**content["model"], "backbone": "gone"}}, tmp_path / "y.ckpt")
        checkpoint.load(tmp_path / "y.ckpt")
