from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mer.evaluation.comparison.groups import RunGroup, config_labels, group_by_config
from mer.evaluation.comparison.learning_curve import curve_lines, learning_curve, training_people
from mer.evaluation.comparison.runs import FinishedRun


def run(config: dict, *, uf1: float, folds: int = 5, name: str = "kfold", subjects: int = 20) -> FinishedRun:
    """A run as far as a learning curve looks at it."""
    results = {
        "experiment": "invented",
        "data_hash": "same",
        "synthetic": True,
        "protocol": {"name": name, "folds": folds},
        "data": {"subjects": subjects},
        "scores": {"all": {"uf1": {"value": uf1}}},
    }
    return FinishedRun(Path(f"{config}"), results, config, None)  # type: ignore[arg-type]


@pytest.fixture
def groups() -> list[RunGroup]:
    """Two configurations at 4 and 8 people and at all others (16 of 20; 19 with a fold a person), two seeds each."""
    runs = []
    for prior, base in ((["prior"], 0.6), ([], 0.5)):
        for people in (4, 8, None):
            for seed in (0, 1):
                config = {"seed": seed, "stage_order": prior, "protocol.train_subjects": people}
                runs.append(run(config, uf1=base + (people or 16) / 100 + seed / 1000))
        config = {"seed": 0, "stage_order": prior, "protocol.train_subjects": None, "protocol.name": "loso"}
        runs.append(run(config, uf1=base + 0.25, folds=20, name="loso"))
    return group_by_config(runs)


def test_people_in_training_are_those_asked_for_or_all_but_the_fold() -> None:
    assert training_people(run({"protocol.train_subjects": 5}, uf1=0.5)) == 5
    assert training_people(run({"protocol.train_subjects": None}, uf1=0.5)) == 16
    assert training_people(run({}, uf1=0.5, name="loso", folds=20)) == 19
    assert training_people(run({"protocol.train_subjects": 18}, uf1=0.5)) == 16  # there are no more than 16
    assert training_people(run({}, uf1=0.5, name="cross_dataset")) is None


def test_a_line_holds_the_runs_that_differ_in_their_split_alone(groups: list[RunGroup]) -> None:
    lines = curve_lines(groups)
    assert set(lines) == {"pretraining=prior", "pretraining=none"}
    for name, base in (("pretraining=prior", 0.6), ("pretraining=none", 0.5)):
        assert [place for place, _ in lines[name]] == [4, 8, 16, 19]
        np.testing.assert_allclose(lines[name][0][1], [base + 0.04, base + 0.041])
        np.testing.assert_allclose(lines[name][3][1], [base + 0.25])


def test_what_learns_and_from_what_names_a_configuration_before_any_other_key() -> None:
    configs = [
        {"augment.mirror": 0.1, "model.backbone": "templates", "stage_order": ["prior"], "optim.lr": 1},
        {"augment.mirror": 0.2, "model.backbone": "preact", "stage_order": [], "cotrain.data.name": "x", "optim.lr": 2},
    ]
    names = config_labels(configs, sorted({*configs[0], *configs[1]}))
    assert names == [
        "pretraining=prior, backbone=templates, beside=None",
        "pretraining=none, backbone=preact, beside=x",
    ]


def test_one_size_makes_no_curve(groups: list[RunGroup]) -> None:
    fixed = [one for one in groups if one.runs[0].config["protocol.train_subjects"] == 4]
    assert len(fixed) == 2 and curve_lines(fixed) == {} and learning_curve(fixed) is None


def test_the_picture_shows_every_line_and_run_and_calls_synthetic_synthetic(groups: list[RunGroup]) -> None:
    figure = learning_curve(groups)
    assert figure is not None
    axes = figure.axes[0]
    assert "synthetic" in axes.get_title(loc="left") and "LEAKY" not in axes.get_title(loc="left")
    drawn = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in axes.lines])
    for one in groups:
        scores = [each.results["scores"]["all"]["uf1"]["value"] for each in one.runs]
        assert np.isclose(drawn[:, None], [*scores, np.mean(scores)]).any(axis=0).all()
    stream = BytesIO()
    figure.savefig(stream, format="png")
    assert np.asarray(Image.open(stream)).std() > 5
