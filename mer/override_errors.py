"""Explain Hydra's errors about wrong overrides with `explain`: expected, got, and the most similar valid option.

Contract: the user sees none of Hydra's own advice (plus signs, search path, documentation).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hydra.errors import MissingConfigException
from omegaconf.errors import OmegaConfBaseException

from mer.overrides import nearest

_KEY = re.compile(
    r"(?:Could not override|Error merging override|Ambiguous value for argument|already at|from config\.) ?'?([^'\n]*)"
)
#: Plain words for the types in OmegaConf's messages.
_TYPES = {"Integer": "a whole number", "Float": "a number", "valid bool": "true or false"}


def culprit(error: Exception, overrides: Sequence[str]) -> str | None:
    """Return the override that caused an error; None if the error does not tell."""
    text = str(error)
    missing = re.search(r"Could not find '([^']*)'", text)
    if missing:
        group, _, choice = missing[1].rpartition("/")
        return _last(overrides, lambda key, value: value == choice and key.split("@")[0] in (group, f"/{group}"))
    found = _KEY.search(text)
    if found:
        name = found[1].rstrip(".").strip()
        return _last(overrides, lambda key, value: name in (key, f"{key}={value}"))
    config_key = re.search(r"full_key: (\S+)", text + str(error.__cause__ or ""))
    return None if config_key is None else _last(overrides, lambda key, value: key == config_key[1])


def explain(error: Exception, override: str | None, whole: Mapping[Any, Any]) -> str:
    """Return one sentence on an error of composition.

    Args:
        error: an error of Hydra or OmegaConf.
        override: the override that caused it.
        whole: the configuration without the wrong overrides, with Hydra's own part under `hydra`.
    """
    if override is None:
        return plain(error)
    key, _, value = override.partition("=")
    bare = key.lstrip("+~")
    if isinstance(error, MissingConfigException):
        options = [str(option) for option in error.options or () if not str(option).startswith("schema")]
        near = nearest(value, options)
        return f"{key}: expected one of {', '.join(options)}, got {value!r}" + (
            f"; did you mean {key}={near}?" if near else ""
        )
    text = str(error)
    if "Ambiguous value" in text:
        return (
            f"{override}: several values; a list stands in brackets, {key}=[{value}]; mer run -m {override} makes one "
            "run of each"
        )
    if "Could not override" in text:
        return unknown(bare, whole, value)
    if "Could not append" in text:
        return f"{bare}: this is there already, so without the plus: {bare}={value}"
    if "Could not delete" in text:
        return unknown(bare, whole, value)
    if "is not a subclass of" in text + str(error.__cause__):
        return (
            f"{bare}: expected options below it ({bare}.NAME=...) or a file of a group (+GROUP@{bare}=CHOICE), "
            f"got {value!r}"
        )
    if isinstance(error.__cause__, OmegaConfBaseException):
        cause = plain(error.__cause__)
        wanted = next((words for name, words in _TYPES.items() if name in cause), None)
        return f"{bare}: expected {wanted}, got {value!r}" if wanted else f"{bare}: {cause}"
    return f"{bare}: {plain(error)}"


def plain(error: Exception) -> str:
    """Return the first line of an error, which says what happened; the other lines are advice for programmers."""
    return str(error).strip().split("\n")[0].rstrip(".")


def unknown(key: str, whole: Mapping[Any, Any], value: str = "...") -> str:
    """Return a sentence on an unknown key: the most similar key, or the keys of its group."""
    if key == "experiment" or "@" in key:  # not in the list of defaults, so it is added
        return f"{key}={value}: this is added to what is there, with a plus: +{key}={value}"
    hydra = key.startswith("hydra.")
    known = [one for one in _keys(whole) if one.startswith("hydra.") == hydra and not key.startswith(f"{one}.")]
    near = nearest(key, known)
    group = key.rpartition(".")[0]
    inside: Any = whole
    for part in group.split(".") if group else ():
        inside = inside.get(part) if isinstance(inside, Mapping) else None
    said = f"{key}: no such option"
    if group == "data":
        said += f" of data={whole['data']['name']}"
    if near:
        return f"{said}; did you mean {near}?"
    if isinstance(inside, Mapping) and inside:
        other = "; data=NAME or +experiment=NAME chooses another data set" if group == "data" else ""
        return f"{said}; {group or 'the top level'} has {', '.join(map(str, inside))}{other}"
    return f"{said}; mer run --help lists the groups, mer/config.py every option"


def _keys(tree: Mapping[Any, Any], prefix: str = "") -> Iterator[str]:
    """Yield every key of a nested configuration, groups before their keys."""
    for name, value in tree.items():
        yield f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from _keys(value, f"{prefix}{name}.")


def _last(overrides: Sequence[str], wanted: Any) -> str | None:
    """Return the last override with a wanted key and value; plus signs before the key do not count."""
    for override in reversed(overrides):
        key, _, value = override.partition("=")
        if wanted(key, value) or wanted(key.lstrip("+~"), value):
            return override
    return None
