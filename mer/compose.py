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
from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from mer.config import DATA_SCHEMAS, Config
from mer.errors import ConfigError


def conf_dir() -> Path:
    """Absolute folder of the configuration files: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent
    return package / "conf" if (package / "conf").is_dir() else package.parent / "conf"


def register_schema() -> None:
    """Give Hydra the dataclasses of `mer.config`, so that a typo or a wrong type dies at composition."""
    store = ConfigStore.instance()
    store.store(name="schema", node=Config)
    for name, node in DATA_SCHEMAS.items():
        store.store(group="data", name=f"schema_{name}", node=node)


def load_config(overrides: Sequence[str]) -> Config:
    """The configuration of these overrides, as on the command line of `mer.run`; ConfigError where they make none."""
    register_schema()
    try:
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
