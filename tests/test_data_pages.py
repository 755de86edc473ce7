"""Every data set has a page that names its files, parts, label sets, counts and commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from mer.data.loading.dataset_registry import DATASETS
from mer.data.synthetic.layouts.registry import LAYOUTS

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs" / "data"


def test_there_is_a_page_a_set_and_the_index_links_all() -> None:
    pages = {path.stem for path in PAGES.glob("*.md")}
    assert pages == {*DATASETS, "README", "your-own"}
    linked = set(re.findall(r"\]\(([\w-]+)\.md\)", (PAGES / "README.md").read_text(encoding="utf-8")))
    assert linked == pages - {"README"}


@pytest.mark.parametrize("name", DATASETS)
def test_page_names_what_the_loader_knows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    card = DATASETS[name].card
    monkeypatch.setenv("MER_DATA", "$MER_DATA")
    root = OmegaConf.load(ROOT / "conf" / "data" / f"{name}.yaml").root
    wanted = [*card.expected_files, card.how_to_get[1:], f"data={name}", f"--layout {name}", f"`{root}`", card.title]
    wanted += [f"`{part}`" for part in (*card.parts, *card.label_sets, *filter(None, LAYOUTS[name].variants))]
    for labels in card.label_sets.values():
        wanted.append(", ".join(f"{c} {labels.published[c]}" if labels.published else c for c in labels.classes))
        wanted.append(labels.source)
    whole = not card.crops or any(part not in card.crops for part in card.parts)
    wanted.append("`face=auto`" if whole else "crops of faces already")
    (command,) = (line for line in page.splitlines() if line.startswith("mer run "))
    assert (" face=auto " in command) == whole, f"{name}: {command}"
    if card.people:
        wanted.append(f"subjects: {card.people}.")
    assert [part for part in wanted if part not in page] == []
    assert [
        heading
        for heading in ("How to get it", "Where to put it", "What is read", "Known faults")
        if heading not in page
    ] == []


def test_files_that_pages_name_exist() -> None:
    for page in PAGES.glob("*.md"):
        for name in re.findall(r"`((?:mer|conf)/[\w/.<>]+)`", page.read_text(encoding="utf-8")):
            assert "<" in name or (ROOT / name).exists(), (page.name, name)


def test_readme_and_pages_say_what_licences_ask() -> None:
    for page in (ROOT / "README.md", PAGES / "README.md"):
        text = page.read_text(encoding="utf-8")
        assert "licence" in text and "evaluation.pictures=true" in text and "logger.media=true" in text, page
    for name, dataset in DATASETS.items():
        if "licence" in dataset.card.how_to_get:
            assert "licence" in (PAGES / f"{name}.md").read_text(encoding="utf-8"), name
