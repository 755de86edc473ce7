"""Stages and transfer from the configuration: what composes, what dies, the authors' experiments on invented trees."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import torch
from hydra.errors import ConfigCompositionException
from omegaconf.errors import OmegaConfBaseException

from mer import finished_folders, run_files
from mer.config import ManifestData, MotionPriorData, SyntheticData
from mer.data.synthetic.__main__ import main as synthetic_main
from mer.errors import ConfigError
from mer.models import build, checkpoint
from mer.run import conf_dir, run
from mer.sweep import sweep_table
from mer.train.experiment.experiment import load_experiment
from mer.train.lightning.module import RecognitionModule
from mer.utils.atomic_files import write_json
from tests.helpers import sized_trees
from tests.helpers.caffe_writer import to_caffemodel
from tests.helpers.command import TINY, TINY_RECIPE, command, process
from tests.test_config import composed

QUICK = [override for override in TINY_RECIPE if not override.startswith(("optim.", "model."))]
MACRO = "+experiment=macro_to_micro"


def test_every_start_of_the_transfer_group_is_what_its_name_says():
    found = {}
    for path in (conf_dir() / "transfer").glob("*.yaml"):
        config = composed(MACRO, f"transfer={path.stem}")
        drawn = [s.data for s in config.stages.values()]
        assert all(d.posed if isinstance(d, SyntheticData) else isinstance(d, MotionPriorData) for d in drawn)
        found[path.stem] = (config.init.name, list(config.stages), config.optim.freeze, config.optim.epochs)
    assert found == {
        "scratch": ("random", [], 0, 12),
        "scratch_long": ("random", [], 0, 20),
        "macro": ("random", ["macro"], 0, 12),
        "motion_prior": ("random", ["prior"], 0, 12),
        "imagenet": ("packaged", [], 0, 12),
        "imagenet_macro": ("packaged", ["macro"], 0, 12),
        "frozen": ("packaged", ["macro"], 5, 12),
    }


def test_a_stage_is_reached_from_the_command_line_and_its_source_may_be_another():
    config = composed(
        MACRO,
        "data@stages.macro.data=manifest",
        "stages.macro.data.manifest=own.csv",
        "stages.macro.optim.epochs=3",
        "+data@stages.second.data=synthetic",
        "+optim@stages.second.optim=authors",
    )
    assert list(config.stages) == ["macro", "second"]
    assert isinstance(config.stages["macro"].data, ManifestData) and config.stages["macro"].optim.epochs == 3
    assert config.stages["second"].optim.iterations == 2500 and config.optim.epochs == 12
    cotrain = composed("+data@cotrain.data=synthetic_macro", "cotrain.share=0.25").cotrain
    assert cotrain.data is not None and cotrain.share == 0.25 and cotrain.data.name == "synthetic_macro"


def test_any_experiment_on_flow_may_begin_with_drawn_motion_and_the_recipe_that_does_may_do_without():
    config = composed(
        "+experiment=samm_loso", "data.root=samm", "transfer=motion_prior", "stages.prior.data.labels=samm"
    )
    prior = config.stages["prior"].data
    assert isinstance(prior, MotionPriorData) and prior.labels == "samm" and config.optim.name == "adamw"
    maps = ("+experiment=manifest_loso", "data.manifest=own.csv")
    assert list(composed(*maps).stages) == ["prior"] and not composed(*maps, "transfer=scratch").stages


@pytest.mark.parametrize(
    "override",
    [
        "stages.macro.optim.lrr=1",
        "stages.macro.optim.lr=fast",
        "stages.macro.data.subject=3",
        "+stages.macro.optim.lrr=1",
        "+stages.macro.recipe=3",
        "stages.makro.optim.lr=1",
        "+cotrain.shares=0.5",
    ],
)
def test_a_typo_in_a_stage_dies_at_composition(override: str):
    with pytest.raises((ConfigCompositionException, OmegaConfBaseException, ConfigError)):
        composed(MACRO, override)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Caffe file of the authors' network with numbers that nobody learnt."""
    path = tmp_path_factory.mktemp("weights") / "macro.caffemodel"
    network = build(composed("+experiment=wang2020_casme2").model, in_channels=1, classes=7)
    path.write_bytes(to_caffemodel(network))  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("layout", [pytest.param("casme2", marks=pytest.mark.slow), "samm"])
def test_the_authors_experiment_runs_on_an_invented_tree_from_a_caffe_file(layout, weights, cache_dir, tmp_path):
    size = ["--subjects", "3", "--clips", "12", "--size", "32"]
    assert synthetic_main(["--layout", layout, "--out", str(tmp_path / layout), *size]) == 0
    overrides = [f"data.root={tmp_path / layout}", "init=file", f"init.path={weights}", f"cache_dir={cache_dir}"]
    config = composed(f"+experiment=wang2020_{layout}", *overrides, *QUICK, "optim.iterations=2")
    results = run(config, tmp_path / "run")
    assert results["complete"] and results["input"] == "apex" and len(results["classes"]) == 5
    record = json.loads(
        (finished_folders.completed_folds(tmp_path / "run")[0] / run_files.FOLD).read_text(encoding="utf-8")
    )
    assert record["steps"] == 2
    assert any("classifier" in sentence for sentence in record["origin"]), "seven classes there, five here"
    assert any(note.startswith("The folds began so: macro.caffemodel") for note in results["notes"])


def test_init_fills_the_network_that_the_folds_begin_with(weights, cache_dir, tmp_path):
    sized_trees.write_small("casme2", tmp_path / "casme2")
    overrides = [f"data.root={tmp_path / 'casme2'}", "init=file", f"init.path={weights}", f"cache_dir={cache_dir}"]
    experiment = load_experiment(composed("+experiment=wang2020_casme2", *overrides, *QUICK))
    first, second = (RecognitionModule(experiment.samples, experiment.config, seed=seed).network for seed in (1, 2))
    drawn = RecognitionModule(experiment.samples, experiment.config, seed=1, initialise=False).network
    for (name, one), two in zip(first.named_parameters(), second.parameters(), strict=True):
        assert one.equal(two) or name.startswith("fc."), name
    assert not all(one.equal(two) for one, two in zip(first.parameters(), drawn.parameters(), strict=True))


def test_a_file_that_changes_its_content_does_not_continue_a_run(weights, cache_dir, tmp_path):
    from mer.errors import MerError
    from mer.train.cross_validation.run_folder import open_run_folder

    path = tmp_path / "macro.caffemodel"
    path.write_bytes(weights.read_bytes())
    sized_trees.write_small("casme2", tmp_path / "casme2")
    overrides = [f"data.root={tmp_path / 'casme2'}", "init=file", f"init.path={path}", f"cache_dir={cache_dir}"]
    experiment = load_experiment(composed("+experiment=wang2020_casme2", *overrides, *QUICK))
    open_run_folder(experiment, tmp_path / "run", {})
    open_run_folder(experiment, tmp_path / "run", {})
    path.write_bytes(weights.read_bytes() + b" ")
    with pytest.raises(MerError, match="the file of init, or frames between onset and apex, changed"):
        open_run_folder(experiment, tmp_path / "run", {})


def test_the_table_of_a_sweep_has_a_column_for_the_stages_and_none_for_their_every_key(tmp_path):
    from mer.provenance import flatten, result_config

    for job, start in enumerate(("scratch", "macro", "imagenet_macro")):
        config = composed(MACRO, f"transfer={start}")
        folder = tmp_path / str(job)
        folder.mkdir()
        write_json(folder / run_files.MANIFEST, {"config": flatten(result_config(config))})
    table = sweep_table(tmp_path)
    assert {"init.name", "stage_order"} <= set(table.columns)
    assert list(table["stage_order"]) == ["[]", '["macro"]', '["macro"]']
    assert not [name for name in table.columns if name.startswith("stages.")]


@pytest.mark.slow
def test_macro_to_micro_runs_whole_from_packaged_weights(cache_dir, tmp_path):
    small = ["data.subjects=3", "data.clips=12", "stages.macro.data.subjects=4", "stages.macro.data.clips=12"]
    short = ["optim.epochs=1", "stages.macro.optim.epochs=1"]
    config = composed(MACRO, *small, *short, *QUICK, f"cache_dir={cache_dir}")
    results = run(config, tmp_path / "run")
    assert results["complete"] and results["stages"][0]["shared"]
    record = json.loads(
        (run_files.stage_folder(tmp_path / "run", "macro") / run_files.STAGE).read_text(encoding="utf-8")
    )
    assert any("efficientnet" in sentence for sentence in record["origin"])


@pytest.mark.slow
def test_two_processes_train_a_shared_stage_and_stages_of_folds_as_one_does(tmp_path, cache_dir):
    small = [f"stages.{name}.{key}" for name in ("macro", "same") for key in ("optim.epochs=1", "optim.batch_size=8")]
    sgd = [
        f"{part}optim.{key}"
        for part in ("", "stages.macro.", "stages.same.")
        for key in ("name=sgd", "lr=0.01", "balance=none")
    ]
    shared = (
        *("+experiment=synthetic_loso", "transfer=macro", *TINY, f"cache_dir={cache_dir}", "data.subjects=3"),
        *("stages.macro.data.subjects=4", "stages.macro.data.clips=16", "stages.macro.data.size=64"),
        *("+data@stages.same.data=synthetic", "+optim@stages.same.optim=adamw", "model.width=8"),
        *("stages.same.data.subjects=3", "stages.same.data.clips=24", "stages.same.data.size=64"),
        *small,
        *sgd,
    )
    one = command("mer.run", *shared, "hydra.run.dir=one", cwd=tmp_path)
    assert one.returncode == 0, one.stderr
    two = process("mer.run", *shared, "trainer=ddp", "trainer.devices=2", "hydra.run.dir=two", cwd=tmp_path)
    assert two.returncode == 0, two.stderr
    first, second = (read_weights(run_files.stage_folder(tmp_path / name, "macro")) for name in ("one", "two"))
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=1e-3, atol=1e-4)
    for folder in finished_folders.completed_folds(tmp_path / "two"):
        assert (run_files.stage_folder(folder, "same") / run_files.STAGE).is_file()
    table = pd.read_csv(tmp_path / "two" / run_files.PREDICTIONS)
    assert len(table) == 24 and table["sample_id"].is_unique


def read_weights(folder: Path) -> dict[str, torch.Tensor]:
    return checkpoint.read(folder / run_files.CHECKPOINT)["weights"]
