from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import LabelEncoder

from mer.data.samples.schema import COLUMNS
from mer.data.samples.table import SampleTable
from mer.errors import SampleError


def row(sample: str, **changes: Any) -> dict[str, Any]:
    plain = {"sample_id": sample, "dataset": "samm", "subject": "006", "clip": sample, "label": "a", "emotion": "x"}
    numbers = {"onset": 3, "apex": 5, "offset": 9, "apex_source": "annotated"}
    return {column: "" for column in COLUMNS} | plain | numbers | changes


def table(*rows: dict[str, Any], classes: tuple[str, ...] = ("a", "b")) -> SampleTable:
    return SampleTable(pd.DataFrame(list(rows)), classes, name="test")


def three(**changes: Any) -> SampleTable:
    """Three good rows, of which the second is changed."""
    return table(row("s0"), row("s1", label="b") | changes, row("s2", subject="007"))


def test_frame_has_the_promised_columns_and_types() -> None:
    frame = three(onset=None, apex=pd.NA, offset=np.nan).frame
    assert list(frame.columns) == list(COLUMNS)
    assert {str(frame[column].dtype) for column in ("onset", "apex", "offset")} == {"Int64"}
    assert frame.loc[1, ["onset", "apex", "offset"]].isna().all()
    assert frame["apex"].tolist()[::2] == [5, 5]
    assert all(isinstance(value, str) for column in ("subject", "label", "folder") for value in frame[column])
    assert list(frame.index) == [0, 1, 2]


def test_later_changes_of_the_source_do_not_reach_the_table() -> None:
    source = pd.DataFrame([row("s0"), row("s1", label="b")])
    made = SampleTable(source, ("a", "b"), name="test")
    source.loc[0, "label"] = "nonsense"
    assert made.frame["label"].tolist() == ["a", "b"]
    with pytest.raises(AttributeError):
        made.name = "other"  # type: ignore[misc]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from(["x", "y", "z"]), min_size=3).filter(lambda labels: len(set(labels)) == 3))
def test_targets_equal_sklearns_encoder(labels: list[str]) -> None:
    made = table(*(row(f"s{i}", label=label) for i, label in enumerate(labels)), classes=("x", "y", "z"))
    assert made.targets.tolist() == LabelEncoder().fit_transform(labels).tolist()
    assert made.targets.dtype == np.int64
    assert made.counts()["samm"].tolist() == [labels.count(label) for label in ("x", "y", "z")]


def test_targets_follow_the_order_of_classes() -> None:
    assert table(row("s0", label="z"), row("s1", label="y"), classes=("z", "y")).targets.tolist() == [0, 1]


def test_subjects_are_global() -> None:
    assert three(dataset="casme2").subjects.tolist() == ["samm:006", "casme2:006", "samm:007"]


def test_counts_keep_the_order_of_classes_and_fill_with_zero() -> None:
    counts = three(dataset="casme2").counts()
    assert counts.to_dict() == {"casme2": {"a": 0, "b": 1}, "samm": {"a": 2, "b": 0}}


def test_select_keeps_rows_and_refuses_to_lose_a_class() -> None:
    made = three()
    assert made.select(np.array([True, True, False])).frame["sample_id"].tolist() == ["s0", "s1"]
    with pytest.raises(SampleError, match="none of b"):
        made.select(made.frame["label"] == "a")


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"sample_id": "s0"}, ["sample_id", "once", "row 0", "row 1"]),
        ({"subject": ""}, ["subject", "not empty", "row 1 (sample_id 's1')", "''"]),
        ({"subject": 6}, ["subject", "text", "row 1", "6", "padding"]),
        ({"clip": "  "}, ["clip", "row 1"]),
        ({"label": None}, ["label", "text", "row 1"]),
        ({"label": "c"}, ["label", "one of a, b", "row 1", "'c'", "data.labels"]),
        ({"apex": 2}, ["onset <= apex <= offset", "row 1", "onset 3, apex 2, offset 9"]),
        ({"apex": pd.NA, "offset": 1}, ["onset <= apex <= offset", "row 1"]),
        ({"onset": -1}, ["onset", "integer >= 0", "row 1", "-1"]),
        ({"apex": 5.5}, ["apex", "row 1", "5.5"]),
        ({"offset": "9"}, ["offset", "row 1", "'9'"]),
        ({"onset": True}, ["onset", "row 1", "True"]),
        ({"apex_path": "here/x.png"}, ["apex_path", "absolute", "row 1", "here/x.png"]),
        ({"dataset": "a:b"}, ["dataset", "':'", "row 1"]),
        ({"apex_source": "guess"}, ["apex_source", "annotated", "row 1", "guess"]),
    ],
)
def test_wrong_rows_are_named(changes: dict[str, Any], parts: list[str]) -> None:
    with pytest.raises(SampleError) as caught:
        three(**changes)
    assert [part for part in parts if part not in str(caught.value)] == []


def test_many_wrong_rows_are_listed_up_to_ten_and_counted() -> None:
    with pytest.raises(SampleError, match=r"row 9 .*\n  and 15 more"):
        table(*(row(f"s{i}", subject="") for i in range(25)))


def test_missing_columns_are_named() -> None:
    with pytest.raises(SampleError, match=r"lacks the column\(s\) subject, aus"):
        SampleTable(pd.DataFrame([row("s0")]).drop(columns=["aus", "subject"]), ("a", "b"), name="test")


def test_no_rows() -> None:
    with pytest.raises(SampleError, match="no rows"):
        SampleTable(pd.DataFrame(columns=list(COLUMNS)), ("a", "b"), name="test")


def test_class_without_sample_names_the_class_and_the_counts() -> None:
    with pytest.raises(SampleError, match=r"none of c \(found a 2, b 1, c 0\).*data.labels"):
        table(row("s0"), row("s1", label="b"), row("s2"), classes=("a", "b", "c"))


@pytest.mark.parametrize("classes", [("a",), ("a", "a")])
def test_classes_must_be_two_and_different(classes: tuple[str, ...]) -> None:
    with pytest.raises(SampleError, match="two or more different classes"):
        table(row("s0"), classes=classes)


def on_disk(folder: Path) -> SampleTable:
    folder.mkdir()
    for name in ("0.png", "1.png"):
        (folder / name).write_bytes(name.encode())
    return three(apex_path=str(folder / "0.png"), onset_path=str(folder / "1.png"), folder=str(folder))


def test_hash_does_not_depend_on_where_the_files_lie(tmp_path: Path) -> None:
    assert on_disk(tmp_path / "here").content_hash() == on_disk(tmp_path / "there").content_hash()


def test_hash_changes_with_bytes_labels_order_and_classes(tmp_path: Path) -> None:
    made = on_disk(tmp_path / "here")
    hashes = {made.content_hash()}
    hashes.add(SampleTable(made.frame.iloc[::-1], made.classes, name="test").content_hash())
    hashes.add(SampleTable(made.frame, made.classes[::-1], name="test").content_hash())
    hashes.add(SampleTable(made.frame.assign(label=["a", "b", "b"]), made.classes, name="test").content_hash())
    hashes.add(SampleTable(made.frame.assign(apex_path="", onset_path=""), made.classes, name="test").content_hash())
    (tmp_path / "here" / "0.png").write_bytes(b"another picture")
    hashes.add(made.content_hash())
    assert len(hashes) == 6


def test_missing_files_are_listed_and_stop_the_hash(tmp_path: Path) -> None:
    made = on_disk(tmp_path / "here")
    assert made.missing_files() == []
    (tmp_path / "here" / "0.png").unlink()
    assert made.missing_files() == [("s1", str(tmp_path / "here" / "0.png"))]
    with pytest.raises(SampleError, match=r"s1: .*0\.png"):
        made.content_hash()


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"subject": "a\nb"}, r"column subject.*\n.*s1.*'a\\nb'"),
        ({"dataset": "a\x00"}, "column dataset"),
        ({"subject": "p\udcff"}, "column subject"),
        ({"folder": "/data/p\udcff"}, "column folder: expected a path in UTF-8"),
    ],
)
def test_ids_and_paths_that_no_file_can_hold_are_refused_early(change: dict[str, str], part: str) -> None:
    with pytest.raises(SampleError, match=part):
        three(**change)
