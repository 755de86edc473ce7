"""The packaged networks are what their command makes; calibration against independent references."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from mer.config import InputConfig, MotionPriorData
from mer.data.motion_prior import source
from mer.inputs.representations.motion_maps import standardise_channels
from mer.make_prior.calibration import calibrate_classes, calibrate_units, uncertain_below
from mer.make_prior.drawn_clips import MIXTURE, draw_clips
from mer.make_prior.heads import UNITS, Sizes, content_hash, make_prior
from mer.models import checkpoint
from mer.video.answers.recognisers import EMOTIONS_FILE, PRIOR, UNITS_FILE, Recogniser, load_prior


class Fixed(Recogniser):
    """A recogniser with given logits, in place of those of a network."""

    def __init__(self, logits: np.ndarray, *, units: bool) -> None:
        names = [f"AU{k + 1}" if units else f"class{k}" for k in range(logits.shape[-1])]
        network = torch.nn.Module()
        network.card = {"classes": names, **({"task": "action_units"} if units else {})}  # type: ignore[assignment]
        super().__init__(network, InputConfig(), "fixed")  # type: ignore[arg-type]
        object.__setattr__(self, "given", logits)

    def logits(self, inputs: np.ndarray) -> np.ndarray:
        return self.given  # type: ignore[attr-defined, no-any-return]


def test_the_temperature_has_the_least_log_loss() -> None:
    rng = np.random.default_rng(0)
    true = 2 * rng.standard_normal((600, 3))
    targets = np.array([rng.choice(3, p=np.exp(row) / np.exp(row).sum()) for row in true])
    both = np.stack([3 * true, 3 * true])  # three times too sure
    none = np.full(50, -1)
    found = calibrate_classes(
        Fixed(np.concatenate([both, 9 * rng.standard_normal((2, 50, 3))], axis=1), units=False),
        np.empty(0, np.float32),
        np.concatenate([targets, none]),
    )

    def loss(temperature: float) -> float:
        values = 3 * true / temperature
        return float((np.log(np.exp(values).sum(axis=1)) - values[np.arange(600), targets]).mean())

    assert found["temperature"] == pytest.approx(minimize_scalar(loss, bounds=(0.5, 5), method="bounded").x, abs=0.01)
    assert found["temperature"] == pytest.approx(3, abs=0.5)
    assert found["slope"] == pytest.approx([1 / found["temperature"]] * 3, abs=1e-4)


def test_units_get_slope_and_offset_of_a_logistic_regression() -> None:
    rng = np.random.default_rng(1)
    logits = rng.standard_normal((800, 2))
    targets = (rng.random((800, 2)) < 1 / (1 + np.exp(-(2 * logits - 1.5)))).astype(np.int8)
    found = calibrate_units(Fixed(np.stack([logits, logits]), units=True), np.empty(0, np.float32), targets)
    for k in range(2):
        reference = LogisticRegression(C=1e6).fit(logits[:, [k]], targets[:, k])
        assert found["slope"][k] == pytest.approx(reference.coef_[0, 0], abs=0.03)
        assert found["offset"][k] == pytest.approx(reference.intercept_[0], abs=0.03)
        values = reference.predict_proba(logits[:, [k]])[:, 1]
        best = max(f1_score(targets[:, k], values >= one) for one in np.linspace(0.05, 0.95, 181))
        assert f1_score(targets[:, k], values >= found["threshold"][k]) == pytest.approx(best, abs=0.02)


def test_the_fit_of_a_unit_ends_at_its_minimum() -> None:
    """A simplex search ended here at slope 1 and offset -0.02, where it began (and for AU14 of the first networks)."""
    rng = np.random.default_rng(10)
    logits = 1.2 * rng.standard_normal(3000) - 0.3
    shown = rng.random(3000) < 1 / (1 + np.exp(-(2.5 * logits - 4)))
    both = np.stack([logits, logits + 0.2 * rng.standard_normal(3000)])[..., None]
    found = calibrate_units(Fixed(both, units=True), np.empty(0, np.float32), shown[:, None].astype(np.int8))
    assert found["slope"] == pytest.approx([2.5], abs=0.2)
    assert found["offset"] == pytest.approx([-4], abs=0.3)


def test_uncertain_is_what_keeps_wrong_answers_below_their_share() -> None:
    sure = np.linspace(0.34, 1, 500)
    probabilities = np.stack([sure, 1 - sure, np.zeros(500)], axis=1)
    probabilities[:, 1:] = np.sort(probabilities[:, 1:], axis=1)
    targets = np.where(np.arange(500) % 2 == 0, probabilities.argmax(axis=1), -1)  # half of the unsure are right
    targets[sure > 0.6] = probabilities.argmax(axis=1)[sure > 0.6]
    value = uncertain_below(probabilities, targets)
    top = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == targets
    assert right[top >= value].mean() >= 0.85
    assert right[top >= value - 0.02].mean() < 0.85


def test_drawn_clips_have_every_kind_and_other_people_by_another_seed() -> None:
    config = InputConfig(stabilise=True)
    classes = ["negative", "positive", "surprise"]
    one, other = (draw_clips(6, config, classes=classes, units=UNITS, seed=seed) for seed in (0, 1))
    assert sum(share for _, share, _ in MIXTURE) == pytest.approx(1)
    assert not (one.inputs == other.inputs).all(axis=(1, 2, 3)).any()
    assert one.units.shape == (len(one.inputs), len(UNITS))
    assert set(one.classes) == {-1, 0, 1, 2}


@pytest.mark.slow
def test_the_command_makes_networks_whose_cards_fit(tmp_path: Path, cache_dir: Path) -> None:
    sizes = Sizes(maps=200, steps=20, held_out=150, clips=12)
    made = []
    for name in ("first", "second"):
        lines = list(make_prior(tmp_path / name, seed=1, sizes=sizes, cache_dir=str(cache_dir)))
        assert any(EMOTIONS_FILE in line for line in lines)
        made.append([checkpoint.read(tmp_path / name / file) for file in (EMOTIONS_FILE, UNITS_FILE)])
    for first, second in zip(*made, strict=True):
        assert first["card"] == second["card"]
        assert first["card"]["sha256"] == content_hash(first["card"], first["weights"])
        assert all(torch.equal(value, second["weights"][name]) for name, value in first["weights"].items())
        scores = first["card"]["scores"]["held-out drawn maps"]
        assert scores.get("uf1", scores.get("mean_auc")) > 0.5


@pytest.mark.slow
def test_the_packaged_networks_are_made_anew(tmp_path: Path, cache_dir: Path) -> None:
    list(make_prior(tmp_path, cache_dir=str(cache_dir)))
    data = MotionPriorData("motion_prior", maps=200, seed=77)
    maps = np.stack([standardise_channels(one) for one in source.draw_maps(data, 28)])
    for packaged, path in zip(load_prior(), (EMOTIONS_FILE, UNITS_FILE), strict=True):
        network, card = checkpoint.load(tmp_path / path)
        anew = Recogniser(network, packaged.input, path)
        assert card["classes"] == packaged.network.card["classes"]
        # other processors round otherwise, over 300 steps
        assert anew.probabilities(maps) == pytest.approx(packaged.probabilities(maps), abs=0.02)
        assert card["calibration"]["threshold" if anew.units else "uncertain_below"] == pytest.approx(
            packaged.calibration["threshold" if anew.units else "uncertain_below"], abs=0.05
        )


def test_the_package_holds_nothing_else() -> None:
    assert {path.name for path in PRIOR.iterdir()} == {EMOTIONS_FILE, UNITS_FILE}
