"""Several data sets as one table, on invented trees sized like the originals; official lists of samples."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from mer.config import CompositeData, FolderData, ManifestData, ProtocolConfig
from mer.data import registry as catalog
from mer.data.samples.table import SampleTable
from mer.errors import ConfigError, DatasetNotFoundError, SampleError
from mer.protocols.registry import make_folds, protocol_notes
from tests.helpers import sized_trees


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with CASME II, SAMM and SMIC as large as the originals."""
    root = tmp_path_factory.mktemp("sized")
    for layout in sized_trees.PEOPLE:
        sized_trees.write(layout, root / layout)
    return root


@pytest.fixture(scope="module")
def megc2018(trees: Path) -> SampleTable:
    return catalog.load_samples(sized_trees.composite(trees, labels="objective", layouts=("casme2", "samm")), trees)


@pytest.fixture(scope="module")
def by_label(trees: Path) -> SampleTable:
    return catalog.load_samples(
        sized_trees.composite(trees, labels="megc2019", layouts=("casme2", "samm", "smic")), trees
    )


@pytest.fixture(scope="module")
def official(by_label: SampleTable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list as the organisers give: all but two negative clips of CASME II, in their own spelling."""
    frame = by_label.frame
    left_out = frame.index[(frame["dataset"] == "casme2") & (frame["label"] == "negative")][5:7]
    spelling = {"casme2": "CASME II", "samm": "SAMM", "smic": "SMIC-HS"}
    rows = [
        {
            "dataset": spelling[row["dataset"]],
            "subject": row["subject"].removeprefix("sub").lstrip("0s"),
            "clip": row["clip"].replace("_0", "_") if row["dataset"] == "smic" else row["clip"],
            "label": row["label"].title(),
        }
        for row in frame.drop(left_out).to_dict("records")
    ]
    return sized_trees.write_list(tmp_path_factory.mktemp("list") / "official.csv", rows)


@pytest.fixture(scope="module")
def megc2019(trees: Path, official: Path) -> SampleTable:
    data = sized_trees.composite(trees, labels="megc2019", layouts=("casme2", "samm", "smic"), listed=official)
    return catalog.load_samples(data, trees)


def test_counts_of_megc2018(megc2018: SampleTable) -> None:
    assert megc2018.classes == ("I", "II", "III", "IV", "V")
    assert megc2018.counts().to_dict("list") == {"casme2": [25, 15, 99, 26, 20], "samm": [24, 13, 20, 8, 3]}
    assert megc2018.counts().sum(axis=1).tolist() == [49, 28, 119, 34, 23]
    people = megc2018.subjects.groupby(megc2018.frame["dataset"]).nunique()
    assert people.to_dict() == {"casme2": 26, "samm": 21}
    folds = make_folds(megc2018, ProtocolConfig(name="megc2018_cde"), 0)
    assert (len(megc2018), len(folds)) == (253, 47)
    assert protocol_notes(megc2018, ProtocolConfig(name="megc2018_cde"), folds) == []


def test_both_directions_of_megc2018(megc2018: SampleTable) -> None:
    folds = make_folds(megc2018, ProtocolConfig(name="megc2018_hde"), 0)
    assert {fold.name: (len(fold.train), len(fold.test)) for fold in folds} == {
        "samm-to-casme2": (68, 185),
        "casme2-to-samm": (185, 68),
    }


def test_counts_of_megc2019_by_the_official_list(megc2019: SampleTable) -> None:
    assert megc2019.counts().to_dict("list") == {"casme2": [88, 32, 25], "samm": [92, 26, 15], "smic": [70, 51, 43]}
    assert megc2019.counts().sum(axis=1).tolist() == [250, 109, 83]
    people = megc2019.subjects.groupby(megc2019.frame["dataset"]).nunique()
    assert people.to_dict() == {"casme2": 24, "samm": 28, "smic": 16}
    folds = make_folds(megc2019, ProtocolConfig(name="megc2019"), 0)
    assert (len(megc2019), len(folds)) == (442, 68)
    assert protocol_notes(megc2019, ProtocolConfig(name="megc2019"), folds) == []
    assert any("official.csv: 442 of 444" in note for note in megc2019.notes)


def test_selection_by_label_says_that_counts_differ(by_label: SampleTable) -> None:
    folds = make_folds(by_label, ProtocolConfig(name="megc2019"), 0)
    (note,) = protocol_notes(by_label, ProtocolConfig(name="megc2019"), folds)
    assert "444 samples instead of 442 (casme2 negative 90 instead of 88)" in note
    assert "data.list=FILE" in note
    assert any("by label, not by an official list" in note for note in by_label.notes)


def test_the_listed_label_counts(trees: Path, by_label: SampleTable, tmp_path: Path) -> None:
    keep = by_label.frame.groupby("label").head(2)[["dataset", "subject", "clip", "label"]]
    rows = keep.to_dict("records")
    rows[0]["label"] = "surprise"
    data = sized_trees.composite(
        trees,
        labels="megc2019",
        layouts=("casme2", "samm", "smic"),
        listed=sized_trees.write_list(tmp_path / "l.csv", rows),
    )
    table = catalog.load_samples(data, trees)
    assert table.counts().sum(axis=1).tolist() == [1, 2, 3]
    assert any("1 of them have another label" in note for note in table.notes)


def test_the_hash_covers_every_part(trees: Path, megc2018: SampleTable, tmp_path: Path) -> None:
    parts = ("casme2", "samm")
    again = catalog.load_samples(sized_trees.composite(trees, labels="objective", layouts=parts), trees)
    assert again.content_hash() == megc2018.content_hash()
    for row in (0, 200):
        frame = megc2018.frame.copy()
        changed = tmp_path / f"{row}.jpg"
        changed.write_bytes(Path(frame.loc[row, "apex_path"]).read_bytes() + b"x")
        frame.loc[row, "apex_path"] = str(changed)
        other = SampleTable(frame, megc2018.classes, name="other")
        assert other.content_hash() != megc2018.content_hash()


def test_people_keep_their_data_set(megc2018: SampleTable) -> None:
    assert megc2018.synthetic
    assert megc2018.frame["sample_id"].is_unique
    assert set(megc2018.subjects.str.partition(":")[0]) == {"casme2", "samm"}


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"clip": "EP99_99"}, "line 2: casme2, subject sub01, clip EP99_99: no such sample"),
        ({"label": "others"}, "label 'others', expected one of negative, positive, surprise"),
        ({"subject": ""}, "line 2: column subject"),
        ("twice", "listed twice"),
        ("column", r"missing column\(s\) label"),
    ],
)
def test_a_bad_list_is_refused_with_its_lines(
    trees: Path, by_label: SampleTable, tmp_path: Path, change: object, part: str
) -> None:
    rows = by_label.frame[["dataset", "subject", "clip", "label"]].to_dict("records")
    if isinstance(change, dict):
        rows[0] |= change
    elif change == "twice":
        rows.append(rows[0])
    path = sized_trees.write_list(tmp_path / "bad.csv", rows)
    if change == "column":
        pd.read_csv(path).drop(columns="label").to_csv(path, index=False)
    data = sized_trees.composite(trees, labels="megc2019", layouts=("casme2", "samm", "smic"), listed=path)
    with pytest.raises(SampleError, match=part):
        catalog.load_samples(data, trees)


def test_the_organisers_list_as_it_is_given_out(trees: Path, megc2019: SampleTable, tmp_path: Path) -> None:
    """No header, CRLF, a row of commas between all rows, people as plain numbers, classes 0, 1, 2."""
    code = {"negative": "0", "positive": "1", "surprise": "2"}
    names = {"casme2": "CASME II", "samm": "SAMM", "smic": "SMIC"}
    rows = megc2019.frame[["dataset", "subject", "clip", "label"]].to_numpy().tolist()
    lines = []
    for dataset, subject, clip, label in rows:
        person = subject if dataset == "smic" else str(int(subject.removeprefix("sub")))
        lines += [f"{names[dataset]},{person},{clip},{code[label]}", ",,,"]
    path = tmp_path / "combined_3class_gt.csv"
    path.write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    data = sized_trees.composite(trees, labels="megc2019", layouts=("casme2", "samm", "smic"), listed=path)
    table = catalog.load_samples(data, trees)
    pd.testing.assert_frame_equal(table.frame, megc2019.frame)
    (note,) = [note for note in table.notes if "combined_3class_gt.csv" in note]
    assert (
        "442 of 444" in note and "negative 250, positive 109, surprise 83. This is the whole list of MEGC 2019" in note
    )


def test_a_list_that_is_not_there(trees: Path, tmp_path: Path) -> None:
    data = sized_trees.composite(trees, labels="megc2019", layouts=("samm",), listed=tmp_path / "none.csv")
    with pytest.raises(DatasetNotFoundError, match=r"no such file.*data\.list=null"):
        catalog.load_samples(data, trees)


def test_parts_with_other_classes_are_refused(trees: Path) -> None:
    data = sized_trees.composite(trees, labels="objective", layouts=("samm", "smic"))
    with pytest.raises(
        ConfigError, match=r"samm has I, II, III, IV, V and smic has negative.*data\.parts\.NAME\.labels"
    ):
        catalog.load_samples(data, trees)


def test_errors_name_the_keys_of_the_part(tmp_path: Path) -> None:
    data = sized_trees.composite(tmp_path, labels="objective", layouts=("samm",))
    with pytest.raises(DatasetNotFoundError, match=r"data\.parts\.samm\.root=") as caught:
        catalog.load_samples(data, tmp_path)
    assert " data.root" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (CompositeData(name="composite"), "data.parts: expected one source or more"),
        (CompositeData(name="composite", labels="x", parts={"a": FolderData(name="samm", root="x")}), "data.labels"),
        (CompositeData(name="composite", list="", parts={"a": FolderData(name="samm", root="x")}), "data.list"),
        (CompositeData(name="composite", parts={"a": FolderData(name="samm", root="")}), "set data.parts.a.root=PATH"),
        (CompositeData(name="composite", parts={"a": ManifestData(name="samm", manifest="x")}), "data.parts.a.name"),
    ],
)
def test_problems_of_parts_name_the_part(data: CompositeData, part: str) -> None:
    (problem,) = catalog.config_errors(data)
    assert part in problem
