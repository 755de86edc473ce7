from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from mer.config import DATA_SCHEMAS, DataConfig, FolderData, ManifestData, SyntheticData
from mer.data import registry as catalog
from mer.errors import ConfigError

CONF = Path(__file__).parents[2] / "conf" / "data"


def test_each_source_has_a_yaml_and_each_yaml_a_source() -> None:
    assert {OmegaConf.load(path).name for path in CONF.glob("*.yaml")} == set(catalog.SOURCES)


@pytest.mark.parametrize("name", catalog.SOURCES)
def test_yaml_holds_differences_only(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MER_DATA", "/data")
    source = OmegaConf.load(CONF / f"{name}.yaml")
    schema, _ = source.pop("defaults")
    assert DATA_SCHEMAS[schema.removeprefix("schema_")] is catalog.SOURCES[name].schema
    merged = OmegaConf.merge(OmegaConf.structured(catalog.SOURCES[name].schema), source)
    assert merged.name == name
    defaults = {field.name: field.default for field in fields(catalog.SOURCES[name].schema)}
    assert [key for key, value in source.items() if value == defaults[key]] == []


def test_default_root_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MER_DATA", "/data")
    assert OmegaConf.load(CONF / "samm.yaml").root == "/data/SAMM"
    monkeypatch.delenv("MER_DATA")
    assert OmegaConf.load(CONF / "samm.yaml").root == "data/SAMM"


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (DataConfig(name="sam"), "composite, motion_prior, got 'sam': did you mean 'samm'?"),
        (DataConfig(), "data.name"),
        (SyntheticData(name="samm"), "choose it with data=samm"),
        (FolderData(name="samm"), "set data.root=PATH"),
        (FolderData(name="samm", root=""), "set data.root=PATH"),
        (ManifestData(name="manifest"), "set data.manifest=PATH"),
        (FolderData(name="smic", root="x", labels="objective"), "null or one of usual, got 'objective'"),
        (FolderData(name="samm", root="x", missing_apex="spot"), "one of error, middle, drop, got 'spot'"),
    ],
)
def test_problems_name_the_key_and_stop_the_loading(data: DataConfig, part: str, tmp_path: Path) -> None:
    assert len(catalog.config_errors(data)) == 1
    with pytest.raises(ConfigError) as caught:
        catalog.load_samples(data, tmp_path)
    assert part in str(caught.value)


def test_good_configurations_have_no_problems() -> None:
    good = [
        SyntheticData(name="synthetic"),
        FolderData(name="samm", root="x", labels="objective", missing_apex="drop"),
        ManifestData(name="manifest", manifest="x.csv", labels="a,b"),
    ]
    assert [problem for data in good for problem in catalog.config_errors(data)] == []
