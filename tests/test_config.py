"""Every configuration file composes; whatever is wrong with one is said before any work, all at once."""

from __future__ import annotations

from dataclasses import fields
from itertools import product
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import ConfigCompositionException
from omegaconf.errors import OmegaConfBaseException

from mer.compose import conf_dir, register_schema, to_config
from mer.config import GONE, Config, ModelConfig, OptimConfig, from_dict
from mer.errors import ConfigError
from mer.train.experiment.config_checks import check_config

EXPERIMENTS = sorted(path.stem for path in (conf_dir() / "experiment").glob("*.yaml"))
GROUP_FILES = sorted(
    path.relative_to(conf_dir())
    for path in conf_dir().glob("*/*.yaml")
    if path.parent.name not in ("experiment", "wandb_sweep")  # the latter are read by W&B
)


def composed(*overrides: str) -> Config:
    register_schema()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        return to_config(compose("config", overrides=list(overrides)))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_composes_and_has_no_problem(name: str, tmp_path: Path):
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("sample_id,dataset,subject,label,path\n", encoding="utf-8")
    listed = name.startswith("manifest_") or name == "motion_prior"
    config = composed(f"+experiment={name}", *([f"data.manifest={manifest}"] if listed else []))
    check_config(config)
    assert config.name == name


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_begins_with_its_command(name: str):
    lines = (conf_dir() / "experiment" / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# @package _global_"
    assert any(
        f"command:  mer run +experiment={name}" in line or f"command:  mer run -m +experiment={name}" in line
        for line in lines[1:6]
    )
    assert any("expected time:" in line for line in lines[1:8])
    assert any("expected score:" in line for line in lines[1:8])


def test_the_placement_sweep_is_18_networks_without_a_problem():
    register_schema()
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        whole = compose("config", ["+experiment=attention_placement", "hydra.mode=MULTIRUN"], return_hydra_config=True)
    varied = [f"{key}={value}" for key, value in whole.hydra.sweeper.params.items()]
    choices = [
        [f"{one.get_key_element()}={value}" for value in one.sweep_string_iterator()]
        for one in OverridesParser.create().parse_overrides(varied)
    ]
    networks = []
    for job in product(*choices):
        config = composed("+experiment=attention_placement", *job)
        check_config(config)
        networks.append((config.model.depth, tuple(config.model.attention.stages)))
    placements = [(), (1,), (2,), (3,), (4,), (1, 2, 3, 4)]
    assert networks == [(depth, stages) for depth in (10, 18, 34) for stages in placements]


@pytest.mark.parametrize("path", GROUP_FILES, ids=str)
def test_every_group_file_composes(path: Path):
    needs = {"manifest": ["data.manifest=list.csv"], "file": ["init.path=weights.pth"]}
    added = "+" if path.parent.name == "sweep" else ""
    config = composed(f"{added}{path.parent}={path.stem}", *needs.get(path.stem, []))
    assert isinstance(config, Config)


@pytest.mark.parametrize(
    "override", ["model.dept=10", "optim.lr=fast", "trainer.devices=1.5", "data.subject=3", "modle=x"]
)
def test_a_typo_or_a_wrong_type_dies_at_composition(override: str):
    with pytest.raises((ConfigCompositionException, OmegaConfBaseException)):
        composed("+experiment=synthetic_loso", override)


def test_a_missing_value_names_its_key():
    with pytest.raises(ConfigError, match=r"data\.manifest"):
        composed("+experiment=manifest_loso")


def test_all_problems_are_shown_at_once():
    config = composed(
        "+experiment=synthetic_loso",
        "model.attention.stages=[5]",
        "model.depth=11",
        "optim.iterations=100",
        "input.representation=smell",
        "protocol.name=lofo",
        "logger.mode=loud",
        "optim.batch_size=1",
    )
    with pytest.raises(ConfigError) as caught:
        check_config(config)
    text = str(caught.value)
    for key in (
        "model.attention.stages",
        "model.depth",
        "optim.iterations",
        "input.representation",
        "protocol.name",
        "logger.mode",
        "optim.batch_size",
    ):
        assert key in text
    assert len(caught.value.errors) == 7


@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        (["optim.weight_decay=nan"], "optim.weight_decay"),
        (["optim.bias_lr=-1"], "optim.bias_lr"),
        (["optim.lr=inf"], "optim.lr"),
        (["evaluation.bootstrap=0"], "evaluation.bootstrap"),
        (["evaluation.random_draws=0"], "evaluation.random_draws"),
        (["evaluation.attention_samples=-1"], "evaluation.attention_samples"),
        (["name=../../x"], "name"),
        (["name=' '"], "name"),
        (["trainer.precision=33"], "trainer.precision"),
        (["trainer.accelerator=abacus"], "trainer.accelerator"),
        (["optim=authors", "protocol.validation=0.1"], "optim.iterations"),
        (["trainer=ddp", "optim.balance=weighted"], "optim.balance"),
        (["trainer=ddp", "optim.batch_size=9"], "optim.batch_size"),
    ],
)
def test_a_value_that_would_fail_late_is_refused_early(overrides: list[str], key: str):
    with pytest.raises(ConfigError) as caught:
        check_config(composed("+experiment=synthetic_loso", *overrides))
    assert len(caught.value.errors) == 1
    assert caught.value.errors[0].startswith(f"{key}: expected")


def test_plain_dicts_come_back_as_the_schema():
    assert from_dict(ModelConfig, {"depth": 18, "attention": {"stages": [2]}}).attention.stages == [2]
    with pytest.raises(OmegaConfBaseException):
        from_dict(ModelConfig, {"depht": 18})


def test_options_of_earlier_versions_are_passed_over_at_the_only_value_that_is_left():
    stored = {"lr": 0.3, "loss": "cross_entropy", "cutmix": 0.0, "layer_decay": 1.0, "freeze_norm": False}
    assert from_dict(OptimConfig, stored) == OptimConfig(lr=0.3)
    with pytest.raises(ValueError, match=r"loss=focal, an option of an earlier version .* expected loss=cross_entropy"):
        from_dict(OptimConfig, {**stored, "loss": "focal"})


def test_the_schema_has_none_of_the_options_that_are_gone():
    for schema, gone in GONE.items():
        assert not gone.keys() & {field.name for field in fields(schema)}
