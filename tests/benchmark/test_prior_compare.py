"""Statistics of motion maps against maps whose statistics are known; the command against an invented manifest."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mer.benchmark import prior_compare
from mer.benchmark.__main__ import main


@pytest.fixture
def maps() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(5, 3, 28, 28))


def test_moments_are_those_of_scipy(maps: np.ndarray) -> None:
    found = prior_compare.statistics(maps)
    for k, name in enumerate(prior_compare.CHANNELS):
        flat = maps[:, k].reshape(5, -1)
        np.testing.assert_allclose(found[f"{name} kurtosis"], stats.kurtosis(flat, axis=1, fisher=False))
        np.testing.assert_allclose(found[f"{name} skewness"], stats.skew(flat, axis=1), atol=1e-12)


def test_nothing_depends_on_zero_and_scale_of_a_channel(maps: np.ndarray) -> None:
    changed = 3 + 7 * maps
    first, second = prior_compare.statistics(maps), prior_compare.statistics(changed)
    for name in first:
        np.testing.assert_allclose(first[name], second[name], atol=1e-9, err_msg=name)


def test_one_wave_has_its_power_in_one_place_and_symmetry_is_seen() -> None:
    x = np.arange(28) + 0.5
    wave = np.broadcast_to(np.cos(2 * np.pi * 7 * x / 28), (28, 28))
    even = np.broadcast_to(np.abs(x - 14), (28, 28))
    odd = np.broadcast_to(x - 14, (28, 28))
    found = prior_compare.statistics(np.stack([np.stack([odd, even, wave])]))
    # half of a real wave's power lies at the negative frequency
    assert found["strain power at 1/4"][0] == pytest.approx(np.log10(0.5), abs=1e-6)
    assert found["strain power at 1/8"][0] < -6
    assert (found["u mirror"][0], found["v mirror"][0]) == (pytest.approx(-1), pytest.approx(1))


def test_bands_share_out_the_energy(maps: np.ndarray) -> None:
    maps[:, :, 6:9] *= 40  # between 6/28 and 9/28: the eyes
    found = prior_compare.statistics(maps)
    total = sum(found[f"v energy at the {band}"] for band in prior_compare.BANDS)
    np.testing.assert_allclose(total, 1)
    assert (found["v energy at the eyes"] > 0.9).all()


def test_the_command_writes_a_table_and_pictures_and_no_single_map(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows = []
    for index, label in enumerate(["negative", "positive", "surprise"] * 2):
        cv2.imwrite(str(tmp_path / f"{index}.png"), rng.integers(0, 256, (28, 28, 3), dtype=np.uint8))
        rows.append((f"s{index}", "own", f"p{index}", label, f"{index}.png"))
    sheet = tmp_path / "maps.csv"
    pd.DataFrame(rows, columns=["sample_id", "dataset", "subject", "label", "path"]).to_csv(sheet, index=False)
    assert main(["prior", str(sheet), "--out", str(tmp_path / "out"), "--maps", "60"]) == 0
    names = {"statistics.csv", "measured.png", "drawn_smooth.png", "drawn_variational.png"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    table = pd.read_csv(tmp_path / "out" / "statistics.csv", header=[0, 1], index_col=0)
    assert table.loc["u kurtosis", ("measured", "50%")] == pytest.approx(1.8, abs=0.1)  # of a uniform distribution


def test_maps_of_two_sizes_are_refused_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for index, side in enumerate((28, 30)):
        cv2.imwrite(str(tmp_path / f"{index}.png"), np.full((side, side, 3), index, dtype=np.uint8))
    sheet = tmp_path / "maps.csv"
    sheet.write_text("sample_id,dataset,subject,label,path\na,own,1,x,0.png\nb,own,2,y,1.png\n")
    assert main(["prior", str(sheet), "--out", str(tmp_path / "out")]) == 2
    assert "1.png" in capsys.readouterr().err.replace("\n", "")
