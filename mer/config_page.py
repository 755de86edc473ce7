"""Write the page of all options from `mer.config`: `python -m mer.config_page > docs/options.md`.

Contract: the meaning is the `#:` comment above each field; default and range are those of the field. A test compares
the page with the output of this command.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from textwrap import dedent
from typing import Any

import omegaconf

from mer.compose import conf_dir
from mer.config import DATA_SCHEMAS, Config, DataConfig, StageConfig
from mer.config_check import LIMITS, Registries
from mer.data.motion_prior.source import FAMILIES, PARTS
from mer.data.registry import SOURCES
from mer.data.synthetic.profiles import PROFILES
from mer.inputs.apex.spotters import SPOTTERS
from mer.inputs.flow.dense_flow import METHODS
from mer.inputs.representations.registry import REPRESENTATIONS
from mer.models.attention import NONE, UNITS
from mer.models.backbones.registry import BACKBONES
from mer.protocols.registry import PROTOCOLS

#: The names that stand behind the registries of `choice` fields.
KNOWN: Registries = {
    "sources": SOURCES,
    "profiles": PROFILES,
    "motion families": FAMILIES,
    "motion parts": PARTS,
    "protocols": PROTOCOLS,
    "representations": REPRESENTATIONS,
    "flows": METHODS,
    "apexes": ["annotated", *SPOTTERS],
    "units": [*UNITS, NONE],
    "backbones": BACKBONES,
}

#: What a field without limits takes, by its annotation.
KINDS = {
    "bool": "true or false",
    "str": "text",
    "str | None": "text or null",
    "int": "whole number",
    "int | None": "whole number or null",
    "list[str]": "list of texts",
    "list[int]": "list of whole numbers",
    "list[float]": "list of numbers",
    "dict[str, Any]": "keys and values",
    "dict[str, DataConfig]": "sources by name",
    "DataConfig | None": "a source or null",
}

HEAD = """\
# Options

Every option of `mer run`, as `key=value` on the command line or in a YAML file of `conf/`. `group=name` takes a whole
file, e.g. `optim=authors`; single keys go over it. `mer run --help` lists the groups, and
`mer run +experiment=NAME --cfg job` shows all values of an experiment. A key that does not exist, a value out of range
or of the wrong type is refused before anything is read.

This page is written by `python -m mer.config_page > docs/options.md` from `mer/config.py`; change it there.
"""


def page() -> str:
    """Return the whole page as Markdown: a table for each group, an anchor for each key."""
    parts = [HEAD, *_section("The run", Config, "", "")]
    for each in fields(Config):
        schema = each.default_factory
        if is_dataclass(schema) and isinstance(schema, type):
            parts += _group(each.name, schema)
            if schema is DataConfig:
                for kind, special in DATA_SCHEMAS.items():
                    parts += _section(f"data of {kind}", special, "data.", f"data.{kind}.", known=DataConfig)
        if each.name == "stages":
            title, text = "stages", " ".join((StageConfig.__doc__ or "").split())
            parts += [f"## {title}\n", f"{text} Each has `data`, `optim` and `augment` of its own.\n"]
    return "\n".join(parts)


def _group(name: str, schema: type) -> Iterator[str]:
    """A section of a group, and of the groups inside it."""
    yield from _section(name, schema, f"{name}.", f"{name}.", files=True)
    for each in fields(schema):
        inner = each.default_factory
        if is_dataclass(inner) and isinstance(inner, type) and inner is not DataConfig:
            yield from _group(f"{name}.{each.name}", inner)


def _section(
    title: str, schema: type, prefix: str, anchors: str, *, files: bool = False, known: type | None = None
) -> Iterator[str]:
    """Heading, what the group is, the files that choose it, and the table of its keys."""
    before = {each.name for each in fields(known)} if known is not None else set()
    yield f"## {title}\n"
    yield " ".join((schema.__doc__ or "").split()) + "\n"
    found = sorted(path.stem for path in (conf_dir() / title).glob("*.yaml")) if files else []
    if found:
        yield "Files: " + ", ".join(f"`{title}={name}`" for name in found) + ".\n"
    comments = _comments(schema)
    rows = [
        f'| <a id="{anchors}{each.name}"></a>`{prefix}{each.name}` | {_default(each)} | {_allowed(each)} | '
        f"{comments[each.name]} |"
        for each in fields(schema)
        if each.name not in before and not is_dataclass(each.default_factory) and not _holds_groups(each)
    ]
    if rows:
        yield "\n".join(["| key | default | allowed | meaning |", "|---|---|---|---|", *rows]) + "\n"


def _holds_groups(each: Field[Any]) -> bool:
    """Return whether a field holds groups with names that the user chooses; they have their own section."""
    return str(each.type) == "dict[str, StageConfig]"


def _comments(schema: type) -> dict[str, str]:
    """Return the `#:` comment above each field of a dataclass as one line; "" without a comment."""
    found: dict[str, str] = {}
    for each in reversed(schema.__mro__[:-1]):
        lines = dedent(inspect.getsource(each)).splitlines()
        (made,) = ast.parse("\n".join(lines)).body
        assert isinstance(made, ast.ClassDef)
        for node in made.body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                above = []
                for line in reversed(lines[: node.lineno - 1]):
                    if not line.strip().startswith("#:"):
                        break
                    above.append(line.strip().removeprefix("#:").strip())
                found[node.target.id] = _cell(" ".join(reversed(above)))
    return found


def _default(each: Field[Any]) -> str:
    """Return the default as written on the command line."""
    value = each.default_factory() if each.default_factory is not MISSING else each.default
    if value == omegaconf.MISSING:
        return "needed"
    if value is None or isinstance(value, bool):
        return f"`{str(value).lower()}`".replace("none", "null")
    return f"`{_cell(str(value).replace(chr(39), ''))}`"


def _allowed(each: Field[Any]) -> str:
    """Return the range or choices of a field; its type if it has none."""
    limits = each.metadata.get(LIMITS)
    return _cell(limits.text(KNOWN) if limits is not None else KINDS.get(str(each.type), str(each.type)))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    print(page(), end="")
