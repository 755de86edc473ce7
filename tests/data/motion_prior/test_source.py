"""The motion prior: what is dealt follows the rules and shares, what is drawn depends on nothing but its index."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mer.config import MotionPriorData
from mer.data import facs
from mer.data import registry as catalog
from mer.data.motion_prior import smooth_maps, total_variation_maps
from mer.data.motion_prior import source as prior
from mer.data.synthetic.profiles import PROFILES
from mer.utils.optical_strain import strain as motion_strain

SMALL = MotionPriorData(name="motion_prior", maps=60)
SMILE = (facs.Activation(12, 1.0, 1.0),)


def drawn(family: str, units: tuple[facs.Activation, ...], count: int, size: int = 28) -> np.ndarray:
    return np.stack([prior.FAMILIES[family](units, size, np.random.default_rng(seed)) for seed in range(count)])


@pytest.mark.parametrize("labels", [None, "casme2", "samm", "basic_neutral"])
def test_classes_have_their_shares_in_every_prefix(labels: str | None) -> None:
    data = MotionPriorData(name="motion_prior", maps=600, labels=labels, evenness=0.0)
    table = prior.load(data)
    counts = PROFILES[labels or "megc2019"].counts
    assert table.classes == tuple(counts) and table.synthetic
    shares = np.array(list(counts.values())) / sum(counts.values())
    for length in (200, 600):
        found = [(table.frame["label"][:length] == name).mean() for name in counts]
        np.testing.assert_allclose(found, shares, atol=0.02)


def test_evenness_makes_the_classes_alike() -> None:
    spread = [
        np.ptp(np.bincount(prior.load(replace(SMALL, maps=900, evenness=evenness)).targets))
        for evenness in (0.0, 0.5, 1.0)
    ]
    assert spread[0] > spread[1] > spread[2] and spread[2] <= 9


def test_action_units_of_a_row_hold_a_core_of_its_emotion() -> None:
    for row in prior.load(replace(SMALL, maps=200)).frame.to_dict("records"):
        units = {int(word.strip("LR")) for word in row["aus"].split("+")}
        assert any(set(core) <= units for _, core in facs.EMOTIONS[row["emotion"]].cores)
        assert row["emotion"] in PROFILES["megc2019"].emotions[row["label"]]


@pytest.mark.parametrize("size", [28, 56, 112])
def test_a_map_depends_on_its_index_alone(size: int) -> None:
    alone = prior.draw_maps(SMALL, size, indices=[7])
    many = prior.draw_maps(replace(SMALL, maps=90), size, indices=[3, 7, 20])
    assert many.shape == (3, 3, size, size) and many.dtype == np.float32
    np.testing.assert_array_equal(alone[0], many[1])
    assert not np.array_equal(alone, prior.draw_maps(replace(SMALL, seed=1), size, indices=[7]))


def test_another_drawing_has_another_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    data = MotionPriorData(name="motion_prior", maps=60)
    before = prior.load(data).content_hash()
    assert prior.load(data).content_hash() == before
    monkeypatch.setattr(prior, "DRAWING", prior.DRAWING + 1)
    assert prior.load(data).content_hash() != before


@pytest.mark.parametrize("part", prior.PARTS)
def test_a_part_left_out_changes_maps_and_no_label(part: str) -> None:
    less = replace(SMALL, without=[part])
    whole, table = prior.load(SMALL), prior.load(less)
    assert table.frame["label"].tolist() == whole.frame["label"].tolist()
    same_units = table.frame["aus"].tolist() == whole.frame["aus"].tolist()
    assert same_units == (part != "irrelevant")
    assert not np.array_equal(prior.draw_maps(less, 28), prior.draw_maps(SMALL, 28))


def test_parts_are_all_that_stands_between_a_map_and_the_bare_field() -> None:
    names = {
        field.name
        for kind in (smooth_maps.SmoothNoise, total_variation_maps.MeasurementNoise)
        for field in fields(kind)
    }
    assert names - {name for part in prior.PARTS.values() for name in part} == {"spread", "wavelengths"}
    rng = np.random.default_rng
    bare = [prior.FAMILIES["smooth"](SMILE, 28, rng(seed), list(prior.PARTS)) for seed in range(2)]
    np.testing.assert_array_equal(bare[0], bare[1])
    field = facs.displacement(SMILE, smooth_maps.CROP.grid(28), facs.random_shape(rng(0), 0.0))
    np.testing.assert_allclose(bare[0][0], field[0] * 28 / smooth_maps.CROP.width, atol=1e-6)


def test_processes_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prior, "CHUNK", 10)
    np.testing.assert_array_equal(
        prior.draw_maps(SMALL, 28, indices=list(range(20)), processes=2),
        prior.draw_maps(SMALL, 28, indices=list(range(20)), processes=1),
    )


def test_a_script_without_a_guard_draws_in_processes_and_runs_once(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from mer.config import MotionPriorData\nfrom mer.data.motion_prior import source\n"
        "print('script runs', flush=True)\nsource.CHUNK = 2\n"
        "maps = source.draw_maps(MotionPriorData(name='motion_prior', maps=60), 28, indices=[0, 1, 2], processes=2)\n"
        "print(maps.shape)\n"
    )
    checkout = Path(__file__).resolve().parents[3]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    done = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["script runs", "(3, 3, 28, 28)"]


def test_the_catalog_draws_the_rows_of_a_table_as_stretched_grey_levels(tmp_path: Path) -> None:
    table = catalog.load_samples(SMALL, tmp_path)
    part = table.select(np.arange(len(table)) % 3 == 0)
    source = catalog.SOURCES["motion_prior"]
    assert source.pixels is not None
    maps = source.pixels(SMALL, part, 28)
    assert len(maps) == len(part) == 20
    np.testing.assert_array_equal(maps, np.rint(maps))
    np.testing.assert_array_equal(maps.min((2, 3)), 0)
    np.testing.assert_array_equal(maps.max((2, 3)), 255)
    np.testing.assert_array_equal(maps[1], prior.draw_maps(SMALL, 28, indices=[3])[0])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"maps": 10}, "data.maps"),
        ({"labels": "four"}, "data.labels"),
        ({"families": ["smooth", "odd"]}, "data.families"),
        ({"families": []}, "data.families"),
        ({"evenness": 1.5}, "data.evenness"),
        ({"without": ["errors", "noses"]}, "data.without"),
    ],
)
def test_values_that_make_no_sense_are_named(change: dict[str, object], words: str) -> None:
    found = catalog.config_errors(replace(SMALL, **change))
    assert len(found) == 1 and found[0].startswith(words)


def test_crops_of_laboratories_show_more_of_the_head_and_pupils_lower() -> None:
    views = [prior.laboratory_view(np.random.default_rng(k)) for k in range(300)]
    pupils = np.array([view.pixels(np.zeros(2), 100)[1] + 0.5 for view in views])
    cheeks = np.array([np.ptp(view.pixels(np.array([[-1.05, 1.05], [0.4, 0.4]]), 100)[0]) for view in views])
    assert 25 <= pupils.min() < 26 and 44 < pupils.max() <= 45
    assert 60 <= cheeks.min() < 62 and 98 < cheeks.max() <= 100


def test_another_crop_keeps_labels_and_units_and_changes_the_maps() -> None:
    other = replace(SMALL, crops="laboratories")
    pd.testing.assert_frame_equal(prior.load(SMALL).frame, prior.load(other).frame)
    usual, wide = (prior.draw_maps(one, 28, indices=[0, 1], processes=1) for one in (SMALL, other))
    assert (usual != wide).any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize("family", prior.FAMILIES)
def test_mean_of_many_smiles_is_corners_up_and_out(family: str) -> None:
    maps = drawn(family, SMILE, 60)
    flow = (maps[:, :2] - np.median(maps[:, :2], axis=(2, 3), keepdims=True)).mean(0)
    columns, rows = np.array([-0.41, 0.41]), 1.03
    across = np.rint(((columns - smooth_maps.CROP.x) / smooth_maps.CROP.width + 0.5) * 28 - 0.5).astype(int)
    down = round(((rows - smooth_maps.CROP.y) / smooth_maps.CROP.height + 0.5) * 28 - 0.5)
    (left, right), up = flow[0, down, across], flow[1, down, across]
    assert left < 0 < right and (up < 0).all()
    assert np.abs(flow[:, down, across]).min() > 3 * np.abs(flow[:, 12:14, 13:15]).mean()


def test_variation_flow_has_sharper_edges_and_thinner_strain_than_smooth_flow() -> None:
    units = [prior._label_and_units(SMALL, index)[2] for index in range(60)]
    tails = {}
    for family in prior.FAMILIES:
        maps = np.stack([prior.FAMILIES[family](u, 28, np.random.default_rng([9, k])) for k, u in enumerate(units)])
        tails[family] = np.median(stats.kurtosis(maps[:, 2].reshape(60, -1), axis=1, fisher=False))
    assert tails["variational"] > 1.5 * tails["smooth"]


def test_a_measurement_without_disturbance_is_the_bare_field() -> None:
    off = total_variation_maps.MeasurementNoise(
        **dict.fromkeys(
            ("variety", "anatomy", "crop", "turn", "warp", "flat", "fade", "affine", "parallax", "noise", "patches",
             "spots", "dead", "terrace", "grain", "spread"), 0.0),
        hair=(0, 0), background=(0, 0),
    )  # fmt: skip
    bare = total_variation_maps.variational_map(SMILE, 84, np.random.default_rng(0), how=off)
    field = facs.displacement(SMILE, total_variation_maps.CROP.grid(84))
    field -= np.median(field, axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(bare[0], field[0] * 84 / total_variation_maps.CROP.width, atol=0.02)
    np.testing.assert_allclose(bare[1], field[1] * 84 / total_variation_maps.CROP.height, atol=0.02)
    np.testing.assert_allclose(bare[2], motion_strain(bare[:2]), atol=1e-5)
