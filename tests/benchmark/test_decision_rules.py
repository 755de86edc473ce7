"""Sets with known class shares: the simulation is right, drawn sets have the shares and the mixture asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

from mer.benchmark import decision_rules, share_simulation
from mer.inputs.frames.image_files import read_image


def test_simulated_gains_are_those_of_bayes_rule_on_the_same_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share_simulation, "SETS", 2)
    found = share_simulation.table([1.0])
    row = found[(found["shares"] == "69/20/11") & (found["distance"] == 2.2) & (found["flatness"] == 1.0)].iloc[0]
    scores = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        shares, middles = np.array([0.69, 0.20, 0.11]), 2.2 * np.array([[0, 0], [1, 0], [0.5, np.sqrt(3) / 2]])
        targets = rng.choice(3, share_simulation.SAMPLES, p=shares)
        places = middles[targets] + rng.standard_normal((share_simulation.SAMPLES, 2))
        logs = [[-((place - middle) ** 2).sum() / 2 for middle in middles] for place in places]
        decided = (np.array(logs) + np.log(shares)).argmax(axis=1)
        scores.append(f1_score(targets, decided, average="macro"))
    assert row["none"] + row["1"] == pytest.approx(np.mean(scores))


def test_even_shares_are_not_corrected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share_simulation, "SETS", 1)
    found = share_simulation.table([0.3, 1.0])
    assert (found.loc[found["shares"] == "even", ["0.3", "1"]] == 0).all(axis=None)
    assert (found.loc[found["shares"] != "even", "1"] != 0).any()


def test_labels_have_the_shares_of_their_set() -> None:
    drawn = [decision_rules.labels_of_people((0.7, 0.2, 0.1), np.random.default_rng(seed)) for seed in range(20)]
    counts = np.bincount(np.concatenate([np.concatenate(people) for people in drawn]), minlength=3)
    np.testing.assert_allclose(counts / counts.sum(), (0.7, 0.2, 0.1), atol=0.05)


def test_a_mixed_map_holds_so_much_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decision_rules, "PEOPLE", 6)
    monkeypatch.setattr(decision_rules, "CLIPS", 2)
    folders = {
        mixed: decision_rules.write_sets(tmp_path / str(mixed), ("even",), 0, mixed).parent for mixed in (0.0, 0.4)
    }
    plain, blended = (
        np.stack([read_image(path) for path in sorted(folder.glob("*.png"))]).astype(float)
        for folder in folders.values()
    )
    others = (blended - 0.6 * plain) / 0.4
    for one in others:  # what was mixed in is one of the plain maps, to the rounding of both
        assert np.abs(plain - one).max(axis=(1, 2, 3)).min() <= 0.5 / 0.4 + 1e-9
