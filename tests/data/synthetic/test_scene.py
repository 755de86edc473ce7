"""Drawn faces in large frames: one place a person, one background, noise of its own a frame; the command's option."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mer.config import SyntheticData
from mer.data.synthetic.__main__ import layout_clips, main
from mer.data.synthetic.scene import NOISE, in_scene
from mer.inputs.frames.image_files import read_image

FRAME = (320, 240)


def test_the_face_stands_still_and_only_noise_changes_behind_it() -> None:
    drawn = layout_clips(SyntheticData(name="synthetic", subjects=2, clips=6, size=64))
    clips = [in_scene(clip, FRAME, 0) for clip in drawn]
    first = {clip.subject: clip for clip in clips}
    a, b = (clip.frames(clip.onset).astype(float) for clip in first.values())
    assert a.shape == b.shape == (240, 320)
    behind = np.abs(a - b) < 6 * NOISE
    assert 0.5 < behind.mean() < 0.97  # the background is common, the faces are elsewhere
    clip = clips[0]
    one, other = (clip.frames(number).astype(float) for number in (clip.onset, clip.onset + 1))
    assert 0.5 * NOISE < np.std((one - other)[:20]) < 3 * NOISE  # above every face
    np.testing.assert_array_equal(one, clip.frames(clip.onset))


def test_the_command_writes_frames_of_that_size(tmp_path: Path) -> None:
    few = ("--subjects", "2", "--clips", "6", "--size", "64", "--scene", "200", "150")
    assert (
        main(["--layout", "smic", "--variant", "hs_raw", "--out", str(tmp_path / "t"), *few, "--scene", "200", "150"])
        == 0
    )
    files = sorted((tmp_path / "t").rglob("image*.bmp"))
    assert files and read_image(files[0]).shape[:2] == (150, 200)


@pytest.mark.parametrize("size", [("100", "100"), ("200", "300"), ("9000", "400")])
def test_a_size_that_makes_no_sense_ends_with_status_2(size: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--layout", "smic", "--out", str(tmp_path / "t"), "--scene", *size])
    assert ended.value.code == 2
