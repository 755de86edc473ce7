"""Compose the files in `conf/` and overrides into the dataclasses of `mer.config`, with `load_config`.

Contract: errors are ConfigErrors or errors of Hydra, before any data are read. Does not import torch, so commands that
compute nothing start at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from mer import override_errors, run_files
from mer.config import DATA_SCHEMAS, Config, DataConfig
from mer.errors import ConfigError, MerError
from mer.overrides import readable
from mer.utils import plugins


def conf_dir() -> Path:
    """Return the absolute folder of the configuration files, in the installed package or in the checkout."""
    package = Path(__file__).resolve().parent
    return package / "conf" if (package / "conf").is_dir() else package.parent / "conf"


class _PluginFolders(SearchPathPlugin):
    """Adds the folders `conf` of loaded plugins to Hydra's search path, behind our own."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Called by Hydra for every composition."""
        for folder in plugins.conf_folders():
            search_path.append("mer plugin", str(folder))


def begin_composition(overrides: Sequence[str]) -> None:
    """Load the plugins that the overrides name, and register the schema."""
    plugins.load_installed()
    plugins.load_plugins(named_plugins(overrides))
    register_schema()


def register_schema() -> None:
    """Register the dataclasses of `mer.config` in Hydra, so that typos and wrong types fail at composition."""
    Plugins.instance().register(_PluginFolders)
    store = ConfigStore.instance()
    schema = OmegaConf.structured(Config)
    for free in (schema.protocol, schema.input, schema.model, schema.model.attention):
        OmegaConf.set_struct(free.options, False)  # their keys are checked by `mer.utils.registry.option_errors`
    store.store(name="schema", node=schema)
    for name, node in DATA_SCHEMAS.items():
        source = OmegaConf.structured(node)
        if "options" in source:
            OmegaConf.set_struct(source.options, False)
        store.store(group="data", name=f"schema_{name}", node=source)


def named_plugins(overrides: Sequence[str]) -> list[str]:
    """Return the plugins that overrides name: `plugins=[my_lab.units,my/protocol.py]`; the last one counts."""
    names: list[str] = []
    for line in overrides:
        key, sign, _ = line.partition("=")
        if sign and key.lstrip("+") == "plugins":
            value = OverridesParser.create().parse_override(line).value()
            names = [str(name) for name in value] if isinstance(value, list) else [str(value)]
    return names


def load_config(overrides: Sequence[str]) -> Config:
    """Return the configuration for these overrides, as on the command line of `mer run`.

    Raises:
        ConfigError: lists all wrong overrides, each with the most similar valid one.
    """
    options = [one for one in overrides if one.startswith("-")]
    if options:
        raise ConfigError(f"{one}: no such option of this command" for one in options)
    left, wrong = readable(overrides), []
    begin_composition(left)
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        while True:
            try:
                composed = compose("config", left)
                break
            except (HydraException, OmegaConfBaseException) as error:
                culprit = override_errors.culprit(error, left)
                wrong.append((culprit, error))
                if culprit is None:
                    raise ConfigError(override_errors.explain(error, one, {}) for one, error in wrong) from error
                left = [override for override in left if override != culprit]
        if wrong:
            whole: Any = OmegaConf.to_container(compose("config", left, return_hydra_config=True), resolve=False)
            raise ConfigError(override_errors.explain(error, culprit, whole) for culprit, error in wrong)
    return to_config(composed)


def check_overrides(arguments: Sequence[str], *, sweep: bool) -> None:
    """Check the overrides of `mer run` before any job, each value of a sweep once.

    Raises:
        ConfigError: as in `load_config`.
    """
    parsed = OverridesParser.create().parse_overrides(list(arguments))
    several = [one for one in parsed if one.is_sweep_override() and sweep]
    fixed = [str(one.input_line) for one in parsed if one not in several]
    choices = [
        [f"{one.get_key_element()}={value}" for value in one.sweep_string_iterator()]
        for one in several
        if one.is_discrete_sweep()
    ]
    first = [values[0] for values in choices]
    load_config([*fixed, *first])
    for place, values in enumerate(choices):
        for value in values[1:]:
            load_config([*fixed, *first[:place], value, *first[place + 1 :]])


def stored_config(folder: Path, overrides: Sequence[str] = ()) -> Config:
    """Return the configuration of a run from the `config.yaml` in its folder, with overrides of single keys.

    Raises:
        MerError: if the folder holds no run, or a run of another version.
    """
    path = folder / run_files.CONFIG
    if not (path.is_file() and (folder / run_files.MANIFEST).is_file()):
        runs = sorted(path.parent for path in folder.glob(f"*/{run_files.MANIFEST}"))
        hint = f"; what lies in it are runs: resume={runs[0]}" if runs else ""
        what = "it holds no config.yaml and manifest.json" if folder.is_dir() else "there is no such folder"
        raise MerError(
            f"resume={folder}: expected the folder of a run that has begun (outputs/NAME/TIME or hydra.run.dir), but "
            f"{what}{hint}"
        )
    try:
        stored = yaml.safe_load(path.read_text(encoding="utf-8"))
        plugins.load_installed()
        plugins.load_plugins(stored.get("plugins") or [])
        for part in (stored, stored["cotrain"], *stored["stages"].values()):
            part["data"] = _source(part["data"])
        merged = OmegaConf.merge(OmegaConf.structured(Config), OmegaConf.create(stored))
        OmegaConf.set_struct(merged, True)
        merged = OmegaConf.merge(merged, OmegaConf.from_dotlist(list(overrides)))
        assert isinstance(merged, DictConfig)
        return to_config(merged)
    # no YAML, no UTF-8, no mapping, or keys that are not there
    except (OmegaConfBaseException, yaml.YAMLError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise MerError(
            f"resume={folder}: {override_errors.plain(error)}; {path} or what was typed does not fit this version of "
            "mer: take the one which began the run, or start a new one by its command with another hydra.run.dir"
        ) from error


def _source(plain: dict[str, Any] | None) -> DictConfig | None:
    """Return a stored data source with the schema that has its keys."""
    if plain is None:
        return None
    schemas: list[type[DataConfig]] = [DataConfig, *DATA_SCHEMAS.values()]
    known = {one: {field.name for field in fields(one)} for one in schemas}
    schema = min(
        (one for one in known if known[one] >= set(plain)), key=lambda one: len(known[one]), default=DataConfig
    )
    if "parts" in plain:
        plain = {**plain, "parts": {name: _source(part) for name, part in plain["parts"].items()}}
    merged = OmegaConf.merge(OmegaConf.structured(schema), plain)
    assert isinstance(merged, DictConfig)
    return merged


def to_config(composed: DictConfig) -> Config:
    """Return the composed configuration as dataclasses; raise ConfigError for missing values and unknown keys."""
    try:
        missing = sorted(OmegaConf.missing_keys(composed))
        if missing:
            raise ConfigError(f"{key}: a value is needed, e.g. {key}=..." for key in missing)
        config = OmegaConf.to_object(composed)
    except (OmegaConfBaseException, MissingMandatoryValue) as error:
        key, line = getattr(error, "full_key", None), override_errors.plain(error)
        raise ConfigError([f"{key}: {line}" if key else line]) from error
    assert isinstance(config, Config)  # the schema stands first in the defaults list
    plugins.load_plugins(config.plugins)
    unknown = list(_unknown_keys(config, ""))
    if unknown:  # the + of an override lets any key in
        raise ConfigError(override_errors.unknown(key, asdict(Config())) for key in unknown)
    return config


def _unknown_keys(value: Any, key: str) -> Iterator[str]:
    """Yield the keys of a configuration that its dataclasses do not have."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _unknown_keys(part, f"{key}.{name}")
    elif is_dataclass(value):
        known = {field.name for field in fields(value)}
        for name, part in vars(value).items():
            inner = f"{key}.{name}".removeprefix(".")
            if name in known:
                yield from _unknown_keys(part, inner)
            else:
                yield inner
