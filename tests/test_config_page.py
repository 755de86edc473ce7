"""The page of options says what the schema says, of every option, and is the one that the command prints now."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from mer import config as schema
from mer.config import DATA_SCHEMAS, Config, DataConfig
from tests.helpers.command import process

PAGE = Path(__file__).resolve().parent.parent / "docs" / "options.md"


def table() -> dict[str, tuple[str, str, str, str]]:
    """Key, default, range and meaning of every row, by its anchor."""
    found = re.findall(
        r'^\| <a id="([\w.]+)"></a>`([\w.]+)` \| (.*?) \| (.*?) \| (.*) \|$', PAGE.read_text(), flags=re.M
    )
    assert len({anchor for anchor, *_ in found}) == len(found)
    return {anchor: (key, default, allowed, meaning) for anchor, key, default, allowed, meaning in found}


def leaves(tree: DictConfig, key: str = "") -> set[str]:
    """Dotted keys of the values of a composed configuration."""
    found = set()
    for name in tree:
        value = OmegaConf.to_container(tree)[name] if OmegaConf.is_missing(tree, name) else tree[name]
        inside = isinstance(value, DictConfig) and len(value)
        found |= leaves(value, f"{key}{name}.") if inside else {f"{key}{name}"}
    return found


def test_the_page_is_what_the_command_prints() -> None:
    done = process("mer.config_page", cwd=PAGE.parent)
    assert done.returncode == 0, done.stderr
    assert done.stdout == PAGE.read_text(encoding="utf-8"), "write it anew: python -m mer.config_page > docs/options.md"


def test_every_option_has_a_row_with_its_meaning() -> None:
    rows = table()
    expected = leaves(OmegaConf.structured(Config)) - {"stages", "cotrain.data"}
    for kind, special in DATA_SCHEMAS.items():
        own = {each.name for each in fields(special)} - {each.name for each in fields(DataConfig)}
        expected |= {f"data.{kind}.{name}" for name in own}
    assert {*rows} - {"cotrain.data"} == expected
    assert [anchor for anchor, (_, _, _, meaning) in rows.items() if len(meaning) < 10] == []


def test_rows_say_default_and_limits() -> None:
    rows = table()
    assert rows["optim.lr"][:3] == ("optim.lr", "`0.001`", "above 0")
    assert rows["augment.mirror"][1:3] == ("`0.5`", "0 to 1")
    assert rows["optim.name"][1:3] == ("`adamw`", "one of adamw, sgd")
    assert rows["model.attention.stages"][1:3] == ("`[1, 2, 3, 4]`", "some of 1, 2, 3, 4")
    assert rows["data.folder.root"][:3] == ("data.root", "needed", "text")
    assert rows["optim.iterations"][1:3] == ("`null`", "null or 1 to 10000000")
    assert "simam" in rows["model.attention.unit"][2] and "none" in rows["model.attention.unit"][2]


def test_keys_that_meanings_name_exist() -> None:
    """A comment of the schema that names `group.key` names one that is there."""
    keys = {key for key, *_ in table().values()} | {"cotrain.data"}
    groups = {each.name for each in fields(Config) if is_dataclass(each.default_factory)}
    named = re.findall(r"[`+ ](\w+\.\w+(?:\.\w+)*)[`=:]", PAGE.read_text(encoding="utf-8"))
    found = {name for name in named if name.split(".")[0] in groups and not name.startswith("data.parts")}
    assert found and found - keys == set()
    assert schema.PRECISIONS[0] in PAGE.read_text(encoding="utf-8")
