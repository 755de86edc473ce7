from __future__ import annotations

from pathlib import Path

import pytest

from mer.errors import SampleError
from tests.helpers import trees


def test_smic_padding_does_not_matter(originals: Path, tree: trees.Tree) -> None:
    root = tree("smic")
    people = root / "SMIC_all_cropped/HS"
    assert {path.name for path in people.iterdir()} == {"s03", "s06", "s11"}
    (people / "s03").rename(people / "s3")
    (people / "s06/micro/negative/s6_ne_01").rename(people / "s06/micro/negative/s06_ne_1")
    expected = trees.load(originals / "smic", "smic")
    assert trees.load(root, "smic").frame["sample_id"].tolist() == expected.frame["sample_id"].tolist()
    assert expected.frame["sample_id"].tolist()[0] == "smic/s03_s03_ne_01"


def test_smic_has_no_apex_and_the_middle_stands_in(originals: Path) -> None:
    table = trees.load(originals / "smic", "smic")
    assert set(table.frame["apex"]) == {102}
    assert set(table.frame["apex_source"]) == {"middle"}
    assert any("all 9 clips" in note for note in table.notes)
    for handling in ("error", "drop"):
        with pytest.raises(SampleError, match=r"(?s)9 of 9 clips without a usable apex.*missing_apex=middle") as caught:
            trees.load(originals / "smic", "smic", missing_apex=handling)
        assert "=drop." not in str(caught.value)


def test_smic_folders_that_contradict_their_names_are_all_listed(tree: trees.Tree) -> None:
    micro = tree("smic") / "SMIC_all_cropped/HS/s03/micro"
    (micro / "negative/s3_ne_01").rename(micro / "positive/s3_ne_01")
    (micro / "surprise/s3_sur_01").rename(micro / "surprise/s4_sur_01")
    (micro / "negative/odd").mkdir()
    (micro / "negative/s3_ne_07").mkdir()
    with pytest.raises(SampleError) as caught:
        trees.load(micro.parents[3], "smic")
    assert [
        part
        for part in ("positive/s3_ne_01", "s4_sur_01", "odd", "s3_ne_07: no frames")
        if part not in str(caught.value)
    ] == []
