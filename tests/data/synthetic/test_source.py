"""The synthetic corpus as a source of samples, its cache, and its trees in official layouts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mer.config import DataConfig, FolderData, SyntheticData
from mer.data import registry as catalog
from mer.data.synthetic import source as synthetic
from mer.data.synthetic.__main__ import main as synthetic_main
from mer.data.synthetic.clip_rendering import ground_truth
from mer.data.synthetic.profiles import PROFILES
from mer.errors import ConfigError
from tests.helpers.damage import DAMAGES, truncate

SMALL = SyntheticData(name="synthetic", subjects=3, clips=8, size=48)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("drawn")


def test_table_is_marked_synthetic_and_points_to_frames_that_exist(cache: Path) -> None:
    table = synthetic.load(SMALL, cache)
    assert table.synthetic and len(table) == 8 and table.classes == tuple(PROFILES["megc2019"].counts)
    assert set(table.frame["dataset"]) == {"synthetic"} and set(table.frame["apex_source"]) == {"annotated"}
    for row in table.frame.to_dict("records"):
        for key in ("onset", "apex", "offset"):
            assert cv2.imread(row[f"{key}_path"], cv2.IMREAD_UNCHANGED).shape == (48, 48)


def test_second_load_draws_nothing_and_says_the_same(cache: Path) -> None:
    first = synthetic.load(SMALL, cache)
    times = {path: path.stat().st_mtime_ns for path in cache.rglob("*.png")}
    second = synthetic.load(SMALL, cache)
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*.png")} == times
    assert first.content_hash() == second.content_hash()


def test_two_caches_hold_equal_bytes_and_other_settings_stand_beside(cache: Path, tmp_path: Path) -> None:
    here, there = synthetic.load(SMALL, cache), synthetic.load(SMALL, tmp_path)
    assert here.content_hash() == there.content_hash()
    other = synthetic.load(replace(SMALL, seed=1), tmp_path)
    assert other.content_hash() != there.content_hash()
    assert len(list((tmp_path / "synthetic").iterdir())) == 2


def test_whole_clips_have_every_frame_and_the_same_key_frames_and_truth(cache: Path) -> None:
    plain, whole = synthetic.load(SMALL, cache), synthetic.load(replace(SMALL, whole=True), cache)
    assert whole.content_hash() == plain.content_hash()
    for row in whole.frame.to_dict("records"):
        numbers = sorted(int(path.stem.rsplit("_")[-1]) for path in Path(row["folder"]).glob("*.png"))
        assert numbers == list(range(row["onset"], row["offset"] + 1))
    pairs = zip(whole.frame["onset_path"], plain.frame["onset_path"], strict=True)
    for ours, theirs in pairs:
        np.testing.assert_array_equal(synthetic.load_truth(ours).flow, synthetic.load_truth(theirs).flow)


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_picture_is_drawn_again_and_no_other(
    damage: Callable[[Path], None], whole: bool, tmp_path: Path
) -> None:
    data = replace(SMALL, whole=whole)
    table = synthetic.load(data, tmp_path)
    folder = Path(table.frame["onset_path"][3]).parent
    if whole:  # a frame between
        hit = sorted(folder.glob("*.png"))[2]
        others = [path for path in tmp_path.rglob("*") if path.is_file() and path.parent != folder]
    else:
        hit = Path(table.frame["apex_path"][3])
        stem = hit.name.rsplit("_", 1)[0]
        others = [path for path in tmp_path.rglob("*") if path.is_file() and not path.name.startswith(stem)]
    content, times = hit.read_bytes(), {path: path.stat().st_mtime_ns for path in others}
    damage(hit)
    again = synthetic.load(data, tmp_path)
    assert hit.read_bytes() == content and again.content_hash() == table.content_hash()
    assert {path: path.stat().st_mtime_ns for path in others} == times
    assert [path.name for path in (tmp_path / "synthetic").iterdir()] == [hit.relative_to(tmp_path).parts[1]]


def test_a_damaged_truth_is_made_again(tmp_path: Path) -> None:
    table = synthetic.load(SMALL, tmp_path)
    before = synthetic.load_truth(table.frame["onset_path"][0]).flow
    truth = next(path for path in tmp_path.rglob("*.npz") if path.name.startswith(table.frame["clip"][0]))
    truncate(truth)
    synthetic.load(SMALL, tmp_path)
    np.testing.assert_array_equal(synthetic.load_truth(table.frame["onset_path"][0]).flow, before)


def test_interrupted_drawing_leaves_no_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(synthetic, "ground_truth", stop)
    with pytest.raises(KeyboardInterrupt):
        synthetic.load(SMALL, tmp_path)
    assert list((tmp_path / "synthetic").iterdir()) == []


def test_truth_reads_back_beside_the_frames(cache: Path) -> None:
    table = synthetic.load(SMALL, cache)
    for spec, path in zip(synthetic.design_clips(SMALL), table.frame["onset_path"], strict=True):
        stored, known = synthetic.load_truth(path), ground_truth(spec)
        np.testing.assert_allclose(stored.flow, known.flow, atol=4e-3)
        np.testing.assert_allclose(stored.expression, known.expression, atol=2e-3)
        np.testing.assert_array_equal(stored.mask, known.mask)


def test_bad_values_are_all_told_at_once(cache: Path) -> None:
    with pytest.raises(ConfigError) as error:
        synthetic.load(replace(SMALL, subjects=1, size=4), cache)
    assert len(error.value.errors) == 2


@pytest.mark.parametrize("layout", ["samm", "casme2", "smic"])
def test_tree_in_an_official_layout_is_read_back_with_equal_labels(layout: str, tmp_path: Path) -> None:
    options = ["--subjects", "3", "--clips", "12", "--size", "32", "--seed", "0"]
    assert synthetic_main(["--layout", layout, "--out", str(tmp_path / "tree"), *options]) == 0
    folder: DataConfig = FolderData(name=layout, root=str(tmp_path / "tree"), missing_apex="middle")
    table = catalog.load_samples(folder, tmp_path / "cache")
    specs = synthetic.design_clips(SyntheticData(name="synthetic", profile=layout, subjects=3, clips=12, size=32))
    assert table.synthetic and set(table.classes) == set(PROFILES[layout].counts)
    read = sorted(table.frame[["onset", "offset", "label"]].astype(str).agg(" ".join, axis=1))
    assert read == sorted(f"{spec.onset} {spec.offset} {spec.label}" for spec in specs)


def test_command_refuses_a_folder_with_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    assert synthetic_main(["--layout", "samm", "--out", str(tmp_path), "--clips", "12", "--subjects", "3"]) == 2
    assert str(tmp_path) in capsys.readouterr().err
    assert (tmp_path / "mine.txt").read_text() == "keep"
    assert synthetic_main(["--layout", "samm", "--out", str(tmp_path / "new"), "--clips", "3"]) == 2
    assert "data.clips: expected at least 20, got 3" in capsys.readouterr().err
