from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest

from mer.config import Config, FolderData, LoggerConfig, OptimConfig, TrainerConfig
from mer.provenance import available_cores, config_hash, environment, flatten
from mer.utils.atomic_files import write_atomically, write_json
from mer.utils.hashing import digest
from mer.utils.seeding import seed_from


def test_seeds_depend_on_the_names_and_on_nothing_else():
    assert seed_from(0, "fold", "a") == seed_from(0, "fold", "a")
    seeds = {seed_from(seed, kind, fold) for seed in range(10) for kind in ("fold", "data") for fold in ("a", "b", "c")}
    assert len(seeds) == 60, "sixty combinations of names should give sixty seeds"
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_names_do_not_run_into_each_other():
    assert seed_from(0, "ab", "c") != seed_from(0, "a", "bc")


def test_cores_are_counted_where_a_system_does_not_tell_which_a_process_may_use(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 5, 8}, raising=False)
    assert available_cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert available_cores() == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert available_cores() == 1


def test_digest_ignores_the_order_of_keys():
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})


def test_flatten_dots_the_keys():
    assert flatten({"a": {"b": 1, "c": {"d": [2]}}, "e": 3}) == {"a.b": 1, "a.c.d": [2], "e": 3}


def test_the_hash_of_a_run_covers_the_recipe_and_not_the_logger(tiny_config: Config):
    assert config_hash(replace(tiny_config, logger=LoggerConfig(name="wandb"))) == config_hash(tiny_config)
    assert config_hash(replace(tiny_config, optim=OptimConfig(lr=0.5))) != config_hash(tiny_config)
    assert config_hash(replace(tiny_config, seed=1)) != config_hash(tiny_config)
    assert config_hash(replace(tiny_config, trainer=TrainerConfig(threads=2))) != config_hash(tiny_config)


def test_the_hash_of_a_run_does_not_depend_on_where_the_data_lie(tiny_config: Config):
    here, there = (replace(tiny_config, data=FolderData(name="samm", root=root)) for root in ("/here", "/there"))
    assert config_hash(here) == config_hash(there)
    assert config_hash(here) != config_hash(replace(here, data=FolderData(name="casme2", root="/here")))


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "deep" / "results.json"
    write_json(path, {"uf1": 0.5})
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"uf1": float("nan")})
    with pytest.raises(RuntimeError, match="killed"), write_atomically(path) as temporary:
        temporary.write_text("half", encoding="utf-8")
        raise RuntimeError("killed")
    assert json.loads(path.read_text(encoding="utf-8")) == {"uf1": 0.5}
    assert [file.name for file in path.parent.iterdir()] == ["results.json"]


def test_the_environment_is_plain_json_with_versions():
    found = environment()
    assert json.loads(json.dumps(found)) == found
    assert found["versions"]["torch"]
