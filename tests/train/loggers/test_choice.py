"""Which loggers a run has, and what is said of those that cannot be."""

from __future__ import annotations

import importlib.util

import pytest

from mer.config import LoggerConfig
from mer.train.loggers.choice import chosen, config_errors


@pytest.mark.parametrize(
    ("logger", "kinds"),
    [
        (LoggerConfig(), ("csv",)),
        (LoggerConfig(name="many"), ("csv", "wandb")),
        (LoggerConfig(name="many", many=["mlflow", "csv", "mlflow"]), ("csv", "mlflow")),
        (LoggerConfig(name="wandb", mode="disabled"), ()),
        (LoggerConfig(name="many", mode="disabled"), ("csv",)),
    ],
)
def test_each_kind_is_used_once(logger: LoggerConfig, kinds: tuple):
    assert chosen(logger) == kinds


@pytest.mark.parametrize("kind", ["tensorboard", "mlflow"])
def test_an_absent_package_is_named_with_its_extra(kind: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("mer.train.loggers.choice.find_spec", lambda name: None)
    (said,) = config_errors(LoggerConfig(name="many", many=["csv", kind]))
    assert kind in said and f"pip install 'mer[{kind}]'" in said
    assert config_errors(LoggerConfig(name="wandb")) == []


def test_what_cannot_be_is_said_before_any_training():
    assert importlib.util.find_spec("wandb")  # no extra
    wrong = LoggerConfig(name="many", many=[], mode="on", artifacts="some", tags=["", "x" * 65, "fine"])
    said = "\n".join(config_errors(wrong))
    assert len(said.splitlines()) == 5
    for part in ("logger.many", "logger.mode", "logger.artifacts", "logger.tags: expected 1 to 64 characters"):
        assert part in said
