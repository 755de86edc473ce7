"""`python -m mer.benchmark model`: fair turns, ratios that are ratios, one row for every pair."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from mer.benchmark.__main__ import main
from mer.benchmark.attention_cost import ATTENTION, DEPTHS, networks, paired_seconds, variants
from mer.models.attention import UNITS


def test_the_steps_take_turns_and_the_warm_up_is_not_counted():
    calls: list[str] = []
    seconds = paired_seconds({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 3)
    assert calls == ["a", "b"] * 5
    assert {name: len(values) for name, values in seconds.items()} == {"a": 3, "b": 3}
    assert all(value >= 0 for values in seconds.values() for value in values)


def test_the_default_is_every_network_with_every_unit():
    found = {
        (model.backbone, model.depth): list(variants(model, list(ATTENTION))) for model in networks([*DEPTHS], None)
    }
    assert list(found) == [
        *(("preact", depth) for depth in (10, 18, 34, 50)),
        *(("resnet", depth) for depth in (18, 34, 50)),
        ("lite0", None),
    ]
    every = ["none", "micro", "micro-released", *(unit for unit in UNITS if unit != "micro")]
    assert all(labels == every for (backbone, _), labels in found.items() if backbone != "lite0")
    assert found["lite0", None] == [label for label in every if not label.startswith("micro")]


def test_the_command_prints_and_writes_one_row_a_pair(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "new" / "cost.csv"
    size = ("--side", "28", "--batch", "4", "--rounds", "2", "--threads", "1")
    main(
        [
            "model",
            "--backbone",
            "preact",
            "--depth",
            "10",
            "--units",
            "micro",
            "micro-released",
            *size,
            "--out",
            str(out),
        ]
    )
    shown = capsys.readouterr().out
    assert "4,906,635" in shown
    assert "+0.06%" in shown
    rows = pd.read_csv(out, index_col="attention", keep_default_na=False)
    assert list(rows.index) == ["none", "micro", "micro-released"]
    # the published counts are for one channel; two more cost 2 x 7 x 7 x 64 weights of conv1 and 2 x 2 of data_bn
    more = 2 * 7 * 7 * 64 + 4
    assert list(rows.parameters) == [n + more for n in (4_900_359, 4_903_239, 5_944_839)]
    for key in ("parameters", "multiply_adds", "held_bytes"):
        assert rows[f"{key}_ratio"].to_numpy() == pytest.approx(rows[key] / rows[key]["none"])
    for key in ("forward", "training"):
        assert rows[f"{key}_ratio"]["none"] == 1
        assert (rows[f"{key}_ratio_low"] <= rows[f"{key}_ratio_high"]).all()
        assert (rows[f"{key}_ms"] > 0).all()
    # Done when: the folded form costs at most 0.1% parameters
    assert 1 < rows.parameters_ratio["micro"] <= 1.001


@pytest.mark.parametrize("wrong", [("--depth", "11"), ("--rounds", "1"), ("--side", "10"), ("--units", "x")])
def test_what_cannot_be_measured_ends_with_status_2(wrong: tuple[str, str]):
    with pytest.raises(SystemExit) as ended:
        main(["model", "--backbone", "preact", *wrong])
    assert ended.value.code == 2
