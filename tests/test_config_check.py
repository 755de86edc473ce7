"""Ranges and choices beside the options: every default is inside, every value outside is refused by name."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mer import config as schema
from mer.config import Config, TrainerConfig
from mer.config_check import LIMITS, Limits, choice, limit_errors, nearest, option
from mer.errors import ConfigError
from mer.train.experiment.config_checks import check_config, device_errors
from tests.test_config import EXPERIMENTS, composed

PARTS = [one for one in vars(schema).values() if is_dataclass(one) and isinstance(one, type)]
LIMITED = [
    (part, each.name, each.metadata[LIMITS]) for part in PARTS for each in fields(part) if LIMITS in each.metadata
]


def parts_of(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Return every dataclass inside a configuration, with its key."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from parts_of(inner, f"{key}.{name}")
    elif is_dataclass(value):
        yield key, value
        for each in fields(value):
            yield from parts_of(getattr(value, each.name), f"{key}.{each.name}".removeprefix("."))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_what_experiments_set_is_inside_the_limits(name: str) -> None:
    needs = ["data.manifest=x.csv"] if name.startswith("manifest_") or name == "motion_prior" else []
    parts = dict(parts_of(composed(f"+experiment={name}", *needs)))
    assert {"", "optim", "model.attention", "trainer"} <= {*parts}
    assert [line for key, part in parts.items() for line in limit_errors(part, key)] == []


@pytest.mark.parametrize(("part", "name", "limits"), LIMITED, ids=lambda one: getattr(one, "__name__", None))
def test_a_value_beside_the_limits_is_refused(part: type, name: str, limits: Limits) -> None:
    if isinstance(limits.choices, str):
        return  # the test of registries below
    if limits.choices is not None:
        outside: list[Any] = ["nonsense", True, math.nan]
    else:
        outside = [math.nan, math.inf, -math.inf, True, "many"]
        outside += [bound - 1e-6 for bound in [limits.at_least] if bound is not None]
        outside += [bound + 1e-6 for bound in [limits.at_most] if bound is not None and bound < 1e9]
        outside += [bound for bound in (limits.above, limits.below) if bound is not None]
    for value in outside:
        (line,) = limit_errors(replace(part(), **{name: [value] if limits.several else value}), "here")
        assert line.startswith(f"here.{name}: expected {limits.text()}, got {value!r}")
    refused = limit_errors(replace(part(), **{name: None}), "here") if not limits.several else []
    assert bool(refused) is not (limits.optional or limits.several)


@given(st.floats(allow_nan=True), *[st.one_of(st.none(), st.floats(-5, 5)) for _ in range(4)])
def test_bounds_are_those_of_arithmetic(
    value: float, at_least: float | None, above: float | None, at_most: float | None, below: float | None
) -> None:
    inside = (
        math.isfinite(value)
        and not (at_least is not None and value < at_least)
        and not (above is not None and value <= above)
        and not (at_most is not None and value > at_most)
        and not (below is not None and value >= below)
    )
    assert Limits(at_least, above, at_most, below).allow(value) == inside


def test_limits_in_words() -> None:
    assert Limits(at_least=0, at_most=1).text() == "0 to 1"
    assert Limits(at_least=0, below=1).text() == "at least 0 and below 1"
    assert Limits(above=0, optional=True).text() == "null or above 0"
    assert Limits(choices=("a", "b")).text() == "one of a, b"
    assert Limits(choices=(1, 2), several=True).text() == "some of 1, 2"
    assert Limits(choices="units").text({"units": ["se"]}) == "one of se"
    assert nearest("adamv", ("adamw", "sgd")) == "did you mean 'adamw'?" and nearest("x", ("adamw",)) == ""


def test_all_options_are_looked_at_and_lists_are_not_shared() -> None:
    @dataclass
    class Part:
        rate: float = option(0.5, at_least=0, at_most=1, why="a share")
        kind: str = choice("a", ("alpha", "a"))
        some: list[str] = choice(["a"], ("a", "b"))

    assert limit_errors(Part(), "p") == []
    assert limit_errors(Part(2, "alpa", ["b", "c", "d"]), "p") == [
        "p.rate: expected 0 to 1, got 2: a share",
        "p.kind: expected one of alpha, a, got 'alpa': did you mean 'alpha'?",
        "p.some: expected some of a, b, got 'c', 'd'",
    ]
    Part().some.append("b")
    assert Part().some == ["a"]


#: An override, and part of the sentence that refuses it.
REFUSED = [
    ("data.name=nowhere", "data.name: expected one of"),
    ("data.profile=emo", "data.profile: expected one of"),
    ("data.subjects=100000", "data.subjects: expected 2 to 10000, got 100000"),
    ("data.clips=100000000", "data.clips: expected 2 to 100000"),
    ("protocol.name=lofo", "protocol.name: expected one of"),
    ("protocol.inner=1000", "protocol.inner: expected 2 to 100, got 1000"),
    ("protocol.folds=100000", "protocol.folds: expected 2 to 1000"),
    ("protocol.validation=1", "protocol.validation: expected at least 0 and below 1"),
    ("input.representation=flwo", "got 'flwo': did you mean 'flow'?"),
    ("input.flow=dsi", "input.flow: expected one of"),
    ("input.apex=guess", "input.apex: expected one of annotated"),
    ("input.apex_for=some", "input.apex_for: expected one of missing, all"),
    ("input.size=100000", "input.size: expected 28 to 1024, got 100000"),
    ("input.magnify_wavelength=0", "input.magnify_wavelength: expected above 0 and at most 1024"),
    ("face.detector=mtcn", "did you mean 'mtcnn'?"),
    ("augment.mirror=nan", "augment.mirror: expected 0 to 1, got nan"),
    ("model.backbone=resnot", "did you mean 'resnet'?"),
    ("model.width=100000", "model.width: expected 1 to 256"),
    ("model.attention.unit=cbma", "did you mean 'cbam'?"),
    ("model.attention.stages=[1,5]", "model.attention.stages: expected some of 1, 2, 3, 4, got 5"),
    ("optim.name=adam", "did you mean 'adamw'?"),
    ("optim.batch_size=1", "optim.batch_size: expected 2 to 65536, got 1: batch normalisation needs two samples"),
    ("optim.epochs=1000000000", "optim.epochs: expected null or 1 to 100000"),
    ("init.name=fiel", "did you mean 'file'?"),
    ("trainer.threads=100000", "trainer.threads: expected 1 to 256, got 100000"),
    ("trainer.workers=100000", "trainer.workers: expected 0 to 64"),
    ("trainer.parallel_folds=100000", "trainer.parallel_folds: expected 0 to 256"),
    ("trainer.strategy=foo", "trainer.strategy: expected one of auto, ddp, got 'foo'"),
    ("evaluation.bootstrap=100000000", "evaluation.bootstrap: expected 1 to 100000, got 100000000"),
    ("evaluation.random_draws=100000000", "evaluation.random_draws: expected 1 to 100000"),
    ("logger.mode=offlin", "did you mean 'offline'?"),
    ("members=100000", "members: expected 1 to 100, got 100000"),
    ("seed=-1", "seed: expected 0 to"),
    ("null=permuted_lables", "did you mean 'permuted_labels'?"),
    ("cotrain.share=1", "cotrain.share: expected above 0 and below 1, got 1.0: for none: cotrain.data=null"),
]


@pytest.mark.parametrize(("override", "part"), REFUSED, ids=[override for override, _ in REFUSED])
def test_a_run_is_refused_in_one_sentence(override: str, part: str) -> None:
    config = composed("+experiment=synthetic_loso", override)
    with pytest.raises(ConfigError) as caught:
        check_config(config)
    (line,) = caught.value.errors
    assert part in line


def test_options_of_stages_are_looked_at_too() -> None:
    config = composed("+experiment=synthetic_loso", "transfer=macro", "stages.macro.optim.lr=-1", "members=0")
    with pytest.raises(ConfigError) as caught:
        check_config(config)
    assert [line.partition(":")[0] for line in caught.value.errors] == ["stages.macro.optim.lr", "members"]


def machine(monkeypatch: pytest.MonkeyPatch, *, gpus: int = 0, mps: bool = False, bf16: bool = True) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: bf16)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("here", "options", "part"),
    [
        ({}, {"accelerator": "gpu"}, "trainer.accelerator: expected one of auto, cpu on this machine, got 'gpu'"),
        ({}, {"accelerator": "mps"}, "trainer.accelerator: expected one of auto, cpu on"),
        ({"gpus": 1}, {"accelerator": "mps"}, "trainer.accelerator: expected one of auto, cpu, cuda, gpu on"),
        ({}, {"precision": "16-mixed"}, "trainer.precision: expected one of 32-true, bf16-mixed, bf16-true, 64-true"),
        ({"gpus": 1, "bf16": False}, {"precision": "bf16-mixed"}, "expected one of 32-true, 16-mixed, 64-true on"),
        ({"mps": True}, {"precision": "64-true"}, "trainer.precision: expected one of 32-true, 16-mixed, bf16-mixed"),
        ({"gpus": 2}, {"devices": 4}, "trainer.devices: expected 1 to 2, the GPUs of this machine, got 4"),
        ({}, {"devices": 1000}, "the CPU cores of this machine, got 1000"),
        ({"gpus": 2}, {"devices": 2, "parallel_folds": 2}, "trainer.parallel_folds: expected 1"),
    ],
)
def test_what_the_machine_lacks_is_refused(
    monkeypatch: pytest.MonkeyPatch, here: dict[str, Any], options: dict[str, Any], part: str
) -> None:
    machine(monkeypatch, **here)
    (line,) = device_errors(TrainerConfig(**options))
    assert part in line


@pytest.mark.parametrize(
    ("here", "options"),
    [
        ({}, {}),
        ({}, {"devices": 2, "strategy": "ddp", "precision": "bf16-mixed"}),
        ({"gpus": 1}, {"accelerator": "gpu", "precision": "16-mixed"}),
        ({"gpus": 1}, {"accelerator": "cpu", "precision": "64-true"}),
        ({"mps": True}, {"accelerator": "gpu"}),
    ],
)
def test_what_the_machine_has_is_taken(
    monkeypatch: pytest.MonkeyPatch, here: dict[str, Any], options: dict[str, Any]
) -> None:
    machine(monkeypatch, **here)
    assert device_errors(TrainerConfig(**options)) == []


def test_every_default_of_the_schema_is_allowed() -> None:
    assert [line for key, part in parts_of(Config()) for line in limit_errors(part, key)] == []
