from __future__ import annotations

from mer.benchmark import main, paired_seconds


def test_the_steps_take_turns_and_the_warm_up_is_not_counted():
    calls: list[str] = []
    seconds = paired_seconds({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 3)
    assert calls == ["a", "b"] * 5
    assert {name: len(values) for name, values in seconds.items()} == {"a": 3, "b": 3}
    assert all(value >= 0 for values in seconds.values() for value in values)


def test_the_command_prints_every_form_with_its_parameters(capsys):
    main(["model", "--side", "28", "--batch", "4", "--rounds", "2", "--threads", "1"])
    shown = capsys.readouterr().out
    # the published counts are for one channel; two more cost 2 x 7 x 7 x 64 weights of conv1 and 2 x 2 of data_bn
    more = 2 * 7 * 7 * 64 + 4
    for word in ("none", "folded", "released", "ratio", *(f"{n + more:,}" for n in (4_900_359, 4_903_239, 5_944_839))):
        assert word in shown
