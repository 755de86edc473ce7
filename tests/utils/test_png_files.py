"""Whole PNG files against Pillow's own check, damaged ones by every kind of damage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mer.utils.png_files import is_whole_png
from tests.helpers.damage import DAMAGES


@pytest.fixture(params=["L", "RGB", "P", "1"])
def picture(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    path = tmp_path / "a.png"
    Image.fromarray(pixels).convert(request.param).save(path)
    return path


def test_a_whole_file_is_whole(picture: Path) -> None:
    with Image.open(picture) as image:
        image.verify()
    assert is_whole_png(picture)


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_damage_is_seen(picture: Path, damage: Callable[[Path], None]) -> None:
    damage(picture)
    assert not is_whole_png(picture)


def test_other_files_are_none(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("L", (8, 8)).save(path, format="JPEG")
    assert not is_whole_png(path)
    assert not is_whole_png(tmp_path)
