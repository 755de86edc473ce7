"""What a run begins with: classes by name, no part left to chance in a zero shot, nothing untrained held still."""

from __future__ import annotations

import io
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from rich.console import Console

from mer import finished_folders, run_files
from mer.config import (
    AttentionConfig,
    Config,
    InitConfig,
    ModelConfig,
    OptimConfig,
    ProtocolConfig,
    StageConfig,
    SyntheticData,
)
from mer.errors import ConfigError, LeakError, MerError
from mer.models import build, checkpoint
from mer.run import run
from mer.train.cross_validation import initial_weights_check, sanity_checks
from mer.train.experiment import trained_on
from mer.train.experiment.config_checks import check_config
from mer.train.experiment.experiment import Experiment, load_experiment
from mer.train.fold import checkpoint_card
from mer.train.fold.initial_weights import InitialWeights, load_initial_weights
from mer.train.leaks import audit as leaks
from tests.conftest import tiny
from tests.helpers.command import command
from tests.test_config import composed

FIVE = ["others", "disgust", "happiness", "repression", "surprise"]
PLAIN = ModelConfig(width=8, attention=AttentionConfig(unit="none"))


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of 15 invented motion maps: three people who show five classes each."""
    folder = tmp_path_factory.mktemp("five")
    lines = ["sample_id,dataset,subject,label,path"]
    for k in range(15):
        cv2.imwrite(str(folder / f"{k}.png"), np.random.default_rng(k).integers(0, 255, (28, 28, 3), dtype=np.uint8))
        lines.append(f"clip{k},set,p{k // 5},{FIVE[k % 5]},{k}.png")
    (folder / "five.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder / "five.csv"


def zero_shot(manifest: Path, cache_dir: Path, *more: str) -> Config:
    """The experiment on five classes, with as little drawn and trained as can be."""
    few = ["stages.prior.data.maps=100", "stages.prior.optim.iterations=2", "members=1"]
    quick = ["trainer.accelerator=cpu", "trainer.parallel_folds=1", "trainer.progress=false", f"cache_dir={cache_dir}"]
    draws = ["evaluation.bootstrap=20", "evaluation.random_draws=20"]
    labels = "stages.prior.data.labels=casme2"
    return composed("+experiment=motion_prior", f"data.manifest={manifest}", labels, *few, *quick, *draws, *more)


def test_five_classes_are_tested_without_training_in_whatever_order(five, cache_dir, tmp_path):
    tables = []
    for name, order in (("sorted", []), ("given", ["surprise", "others", "repression", "happiness", "disgust"])):
        labels = [f"data.labels='{','.join(order)}'"] if order else []
        config = zero_shot(five, cache_dir, *labels)
        results = run(config, tmp_path / name, console=Console(file=io.StringIO()))
        assert results["complete"] and results["classes"] == (order or sorted(FIVE))
        tables.append(pd.read_csv(tmp_path / name / run_files.PREDICTIONS).set_index("sample_id").sort_index())
    one, other = tables
    columns = [f"prob_{name}" for name in FIVE]
    assert len(one) == len(other) == 15 and one["label"].value_counts().eq(3).all()
    assert list(one[columns]) != [column for column in other.columns if column in columns]
    np.testing.assert_allclose(other[columns].to_numpy(), one[columns].to_numpy(), rtol=0, atol=1e-7)
    assert (one["predicted"] == other["predicted"]).all()
    # and the columns are those of the stage's network, which has its own order
    network, told = checkpoint.load(run_files.stage_folder(tmp_path / "sorted", "prior") / run_files.CHECKPOINT)
    assert sorted(told["classes"]) == sorted(FIVE) and told["classes"] != sorted(FIVE)
    experiment = load_experiment(zero_shot(five, cache_dir))
    shown = torch.from_numpy(np.array(experiment.inputs, dtype=np.float32))
    signs = torch.tensor([-1.0, 1.0, 1.0]).view(-1, 1, 1)
    with torch.inference_mode():
        expected = (network(shown).softmax(1) + network(shown.flip(-1) * signs).softmax(1)) / 2
    found = one.loc[experiment.table.frame["sample_id"], [f"prob_{name}" for name in told["classes"]]]
    np.testing.assert_allclose(found.to_numpy(), expected.numpy(), atol=1e-5)
    _, own = checkpoint.load(finished_folders.completed_folds(tmp_path / "sorted")[0] / run_files.CHECKPOINT)
    assert any("drawn motion knows anatomy" in line for line in own["limits"])


def test_other_classes_are_refused_still(five, cache_dir):
    with pytest.raises(MerError, match="expected the classes disgust, happiness, others"):
        load_experiment(zero_shot(five, cache_dir, "stages.prior.data.labels=megc2019"))


@pytest.fixture(scope="module")
def base(cache_dir: Path) -> Config:
    return replace(tiny(cache_dir), model=PLAIN, data=SyntheticData(name="synthetic", subjects=3, clips=12, size=48))


@pytest.fixture(scope="module")
def experiment(base: Config) -> Experiment:
    return load_experiment(base)


@pytest.fixture(scope="module")
def kept(base: Config, experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the plain network for the run's input and classes, of which it says that it saw nobody."""
    torch.manual_seed(3)
    network = build(PLAIN, in_channels=3, classes=3)
    told = {"classes": list(experiment.table.classes), "input": asdict(base.input)}
    told["trained_on"] = trained_on.TrainedOn().as_card()
    path = tmp_path_factory.mktemp("kept") / "model.ckpt"
    checkpoint.save(path, network, model=PLAIN, card=told)
    return path


def from_file(base: Config, path: Path, **changes: object) -> Config:
    return replace(base, init=InitConfig("file", str(path)), **changes)


def test_a_classifier_that_is_handed_on_keeps_its_rows_by_name(experiment):
    torch.manual_seed(1)
    source, network = (build(PLAIN, in_channels=3, classes=3).eval() for _ in range(2))
    theirs = tuple(reversed(experiment.table.classes))
    (said,) = load_initial_weights(network, InitialWeights(source.state_dict(), theirs), experiment.table.classes)
    x = torch.randn(2, 3, 28, 28)
    with torch.no_grad():
        assert torch.equal(network(x).flip(1), source(x))
    assert "all weights were handed on" in said
    before = network.fc.weight.clone()
    other = InitialWeights(source.state_dict(), ("a", *theirs[1:]))
    (said,) = load_initial_weights(network, other, experiment.table.classes)
    assert torch.equal(network.fc.weight, before) and "drawn at random" in said


ZERO_SHOT = ProtocolConfig(name="zero_shot")


@pytest.mark.parametrize(
    ("model", "key"),
    [
        ({"attention": AttentionConfig(unit="cbam")}, "model.attention.unit: expected none"),
        ({"attention": AttentionConfig(unit="simam", stages=[4])}, "model.attention.unit: expected none"),
        ({"stem": "small"}, "model.stem: expected imagenet"),
        ({"head": "grid", "stem": "small"}, "model.head: expected pool"),
        ({"release": "megc2019"}, "model.release: expected single"),
    ],
)
def test_a_zero_shot_tests_the_file_s_network_and_no_other(base, kept, model, key):
    changed = from_file(base, kept, model=replace(PLAIN, **model), protocol=ZERO_SHOT)
    with pytest.raises(ConfigError, match=key):
        initial_weights_check.check(load_experiment(changed))
    # the same start is good enough where folds train
    assert initial_weights_check.check(load_experiment(replace(changed, protocol=ProtocolConfig())))


def test_a_zero_shot_with_the_file_s_network_and_input_is_tested(base, kept, tmp_path):
    config = from_file(base, kept, model=replace(PLAIN, dropout=0.5), protocol=ZERO_SHOT)
    assert run(config, tmp_path / "run", console=Console(file=io.StringIO()))["complete"]
    for change in ({"size": 32}, {"representation": "difference"}):
        other = replace(config, input=replace(config.input, **change))
        (key,) = change
        with pytest.raises(ConfigError, match=f"input.{key}: expected"):
            initial_weights_check.check(load_experiment(other))


def test_levels_with_units_that_nobody_trained_are_not_held_still(base, kept):
    for unit in ("cbam", "simam"):
        attended = replace(PLAIN, attention=AttentionConfig(unit=unit, stages=[3]))
        free = from_file(base, kept, model=attended)
        assert any(
            "1 attention unit that" in said and "layer3" in said
            for said in initial_weights_check.check(load_experiment(free))
        )
        held = replace(free, optim=replace(base.optim, freeze=4))
        message = r"optim\.freeze: expected levels that the file fills, got 4: layer3\.0\.attention"
        with pytest.raises(ConfigError, match=message):
            initial_weights_check.check(load_experiment(held))
        # a stage before trains the units too, and the folds may hold them then
        macro = SyntheticData(name="synthetic_macro", posed=True, subjects=3, clips=12, size=48)
        stages = {"macro": StageConfig(data=macro, optim=OptimConfig(epochs=1, batch_size=8))}
        assert initial_weights_check.check(load_experiment(replace(held, stages=stages)))
        below = replace(free, optim=replace(base.optim, freeze=3))
        assert initial_weights_check.check(load_experiment(below)), "the unit stands behind the frozen levels"


def test_a_first_layer_that_stayed_as_drawn_is_not_held_still(base, kept):
    other = from_file(base, kept, model=replace(PLAIN, stem="small"), optim=replace(base.optim, freeze=1))
    with pytest.raises(ConfigError, match=r"optim\.freeze: expected levels that the file fills, got 1: conv1"):
        initial_weights_check.check(load_experiment(other))


@pytest.mark.parametrize("dry", [True, False])
def test_a_file_of_another_network_ends_the_run_before_anything_is_written(base, kept, dry, tmp_path):
    wrong = from_file(base, kept, model=replace(PLAIN, depth=18), dry_run=dry)
    with pytest.raises(MerError, match="is of another network"):
        run(wrong, tmp_path / "run", console=Console(file=io.StringIO()))
    assert not (tmp_path / "run").exists()


def test_a_recipe_of_a_search_whose_network_the_file_does_not_fit_is_refused_at_once(base, kept):
    search = ProtocolConfig(candidates=["optim.lr=0.01", "model.depth=18"], inner=2)
    with pytest.raises(MerError, match="is of another network"):
        initial_weights_check.check(load_experiment(from_file(base, kept, protocol=search)))


def test_a_dry_run_tells_what_becomes_of_every_tensor(base, kept, tmp_path):
    shown = io.StringIO()
    attended = replace(PLAIN, attention=AttentionConfig(unit="eca", stages=[4]))
    run(from_file(base, kept, model=attended, dry_run=True), tmp_path, console=Console(file=shown, width=300))
    text = " ".join(shown.getvalue().split())
    assert "checkpoint of this package" in text and "taken as they are: " in text
    assert "left as drawn: 1 tensor: layer4.0.attention (not in the file)" in text


def test_frozen_levels_are_counted_for_every_stage_and_recipe(base, kept):
    stages = {"macro": StageConfig(data=SyntheticData(name="synthetic_macro", posed=True), optim=OptimConfig(freeze=9))}
    search = ProtocolConfig(candidates=["optim.freeze=7"])
    model = replace(PLAIN, dropout=2.0)
    with pytest.raises(ConfigError) as caught:
        check_config(
            from_file(base, kept, model=model, stages=stages, protocol=search, optim=replace(base.optim, freeze=6))
        )
    text = str(caught.value)
    for key in (
        "stages.macro.optim.freeze: expected 0..5 of the levels stem",
        "'optim.freeze=7': optim.freeze: expected 0..5",
        " optim.freeze: expected 0..5",
        "model.dropout: expected",
    ):
        assert key in text, text


def test_home_in_the_path_hides_no_leak(base, experiment, kept, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    content = checkpoint.read(kept)
    saw = trained_on.of_samples(experiment.samples, experiment.table.frame["sample_id"])
    network, told = checkpoint.load(kept)
    checkpoint.save(tmp_path / "a.ckpt", network, model=PLAIN, card={**told, "trained_on": saw.as_card()})
    config = replace(base, init=InitConfig("file", "~/a.ckpt"))
    with pytest.raises(LeakError, match="was trained on"):
        leaks.audit_leaks(load_experiment(config))
    waived = replace(config, protocol=ProtocolConfig(name="zero_shot", waive=["init"]))
    leaky = load_experiment(waived)
    assert "learned from 12 of these 12 clips" in sanity_checks.describe_initial_weights(leaky)
    limits = checkpoint_card.limits(leaky, leaky.folds[0], trained_on.of_fold(leaky, leaky.folds[0]))
    assert any("were among those that trained it" in line for line in limits)
    with pytest.raises(MerError, match="no checkpoint at"):
        trained_on.read_trained_on(InitConfig("file", "~/gone.ckpt"))
    torch.save(content["weights"], tmp_path / "x.pth")
    assert trained_on.read_trained_on(InitConfig("file", "~/x.pth")) is None
    unknown = replace(experiment, config=replace(base, init=InitConfig("file", "~/x.pth")))
    assert "does not say" in sanity_checks.describe_initial_weights(unknown)


def test_a_path_that_hydra_cannot_read_is_read_all_the_same(tmp_path):
    done = command("mer.run", "init=file", "init.path=~/gone.ckpt", cwd=tmp_path)
    assert done.returncode == 2 and "Lexer" not in done.stderr
    assert "gone.ckpt" in done.stderr and "Traceback" not in done.stderr
