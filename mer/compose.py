"""From the files in `conf/` and overrides to the dataclasses of `mer.config`, for every command that takes them.

Contract: whatever is wrong is a ConfigError or an error of Hydra, before anything is read. No torch, so that commands
that compute nothing begin at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from mer.config import DATA_SCHEMAS, Config
from mer.errors import ConfigError
from mer.utils import plugins


def conf_dir() -> Path:
    """Absolute folder of the configuration files: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent
    return package / "conf" if (package / "conf").is_dir() else package.parent / "conf"


class _PluginFolders(SearchPathPlugin):
    """Adds the folders `conf` of loaded plugins to Hydra's search path, behind our own."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Called by Hydra for every composition."""
        for folder in plugins.conf_folders():
            search_path.append("mer plugin", str(folder))


def begin_composition(overrides: Sequence[str]) -> None:
    """Make ready for a composition: load the plugins that the overrides name, and register the schema."""
    plugins.load_installed()
    plugins.load_plugins(named_plugins(overrides))
    register_schema()


def register_schema() -> None:
    """Give Hydra the dataclasses of `mer.config`, so that a typo or a wrong type dies at composition."""
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
    """The configuration of these overrides, as on the command line of `mer.run`; ConfigError where they make none."""
    try:
        begin_composition(overrides)
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            return to_config(compose("config", list(overrides)))
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError([str(error)]) from error


def to_config(composed: DictConfig) -> Config:
    """The composed configuration as plain dataclasses; a value still missing is a ConfigError that names its key."""
    try:
        missing = sorted(OmegaConf.missing_keys(composed))
        if missing:
            raise ConfigError(f"{key}: a value is needed, e.g. {key}=..." for key in missing)
        config = OmegaConf.to_object(composed)
    except (OmegaConfBaseException, MissingMandatoryValue) as error:
        raise ConfigError([str(error)]) from error
    assert isinstance(config, Config)  # the schema stands first in the defaults list
    plugins.load_plugins(config.plugins)
    unknown = list(_unknown_keys(config, ""))
    if unknown:  # the + of an override lets any key in
        raise ConfigError(f"{key}: no such option; mer/config.py lists them" for key in unknown)
    return config


def _unknown_keys(value: Any, key: str) -> Iterator[str]:
    """Keys inside a configuration that its dataclasses do not have."""
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
