"""Stills of people before one background are no copies; a still that was stored anew is one."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mer.config import SyntheticData
from mer.data.samples.fingerprints import is_same_still, near_copies
from mer.data.synthetic.clip_design import design_clips
from mer.data.synthetic.clip_rendering import render_frame
from mer.data.synthetic.scene import paste
from mer.inputs.cache.fingerprints import key_frame_prints
from mer.inputs.frames.image_files import read_image
from mer.inputs.prepared_samples import PreparedSamples
from mer.train.leaks.pairs import near_duplicate_rows
from tests.inputs.conftest import table_of

FRAME, SIDE = (1020, 544), 200
#: Where the faces of six people stand: those of the first two at one place.
CORNERS = ((250, 150), (250, 150), (480, 120), (380, 250), (600, 200), (300, 280))


def stills(folder: Path) -> list[Path]:
    data = SyntheticData(name="synthetic", subjects=6, clips=12, size=128)
    specs = {spec.subject: spec for spec in design_clips(data)}
    paths = []
    for number, corner in enumerate(CORNERS):
        drawing = render_frame(specs[number], specs[number].onset)
        paths.append(folder / f"{number}.png")
        cv2.imwrite(str(paths[-1]), paste(drawing, FRAME, corner, SIDE, 0, number))
    return paths


def pairs(paths: list[Path], cache: Path) -> list[tuple[int, int]]:
    table = table_of([str(path) for path in paths])
    found = near_duplicate_rows(PreparedSamples(table, np.zeros((len(paths), 1, 2, 2), np.float32)), cache)
    return [(pair.a, pair.b) for pair in found]


def test_people_before_one_background_are_no_copies(tmp_path: Path) -> None:
    paths = stills(tmp_path)
    looks = key_frame_prints(table_of([str(path) for path in paths]), tmp_path / "cache").looks
    assert (0, 1) in [(a, b) for a, b, _ in near_copies(looks, None)]  # their prints alone are alike
    assert pairs(paths, tmp_path / "cache") == []


@pytest.mark.parametrize("quality", [90, 40])
def test_a_still_stored_anew_is_found_before_the_same_background(quality: int, tmp_path: Path) -> None:
    paths = stills(tmp_path)
    copy = tmp_path / "copy.jpg"
    small = cv2.resize(read_image(paths[2]), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(copy), np.clip(0.8 * small + 20, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert pairs([*paths, copy], tmp_path / "cache") == [(2, 6)]


def test_a_flat_picture_is_the_copy_of_none() -> None:
    flat = np.full((64, 64), 90, np.uint8)
    assert not is_same_still(flat, flat)
    picture = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    assert is_same_still(picture, picture) and not is_same_still(picture, picture[::-1])
