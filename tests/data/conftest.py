"""Trees of the official layouts with invented clips: written once, copied for tests that spoil them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mer.data.synthetic.layouts.registry import write_tree
from tests.helpers import trees


@pytest.fixture(scope="session")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the trees `samm`, `casme2` and `smic`, to be read only."""
    root = tmp_path_factory.mktemp("trees")
    for layout, emotions in trees.EMOTIONS.items():
        write_tree(layout, trees.clips(emotions), root / layout)
    return root


@pytest.fixture
def tree(originals: Path, tmp_path: Path) -> trees.Tree:
    """Copies the tree of a layout, for the test to spoil, and gives its root."""
    return lambda layout: Path(shutil.copytree(originals / layout, tmp_path / layout))
