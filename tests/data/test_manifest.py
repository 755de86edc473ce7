from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mer.config import ManifestData
from mer.data import registry as catalog
from mer.data.samples.table import SampleTable
from mer.errors import ConfigError, DatasetNotFoundError, SampleError

HEADER = "sample_id,dataset,subject,label,path"
GOOD = ["a/1,a,007,pos,img/1.png", "a/2,a,NA,neg,img/2.png", "b/1,b,007,neg,img/3.png"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "img").mkdir()
    for name in "123":
        cv2.imwrite(str(tmp_path / "img" / f"{name}.png"), np.full((3, 4), int(name), np.uint8))
    return tmp_path


def load(folder: Path, *lines: str, labels: str | None = None, encoding: str = "utf-8") -> SampleTable:
    path = folder / "manifest.csv"
    path.write_text("\n".join(lines), encoding=encoding)
    return catalog.load_samples(ManifestData(name="manifest", labels=labels, manifest=str(path)), folder / "cache")


def refused(folder: Path, *lines: str, **settings: str) -> str:
    with pytest.raises(SampleError) as caught:
        load(folder, *lines, **settings)
    return str(caught.value)


def test_rows_in_their_order_with_paths_from_the_csvs_folder(folder: Path) -> None:
    table = load(folder, HEADER, *GOOD)
    assert table.frame["sample_id"].tolist() == ["a/1", "a/2", "b/1"]
    assert table.subjects.tolist() == ["a:007", "a:NA", "b:007"]
    assert table.classes == ("neg", "pos")
    assert table.frame["apex_path"].tolist() == [str(folder / "img" / f"{name}.png") for name in "123"]
    assert set(table.frame["onset_path"]) == {""}
    assert table.frame[["onset", "apex", "offset"]].isna().all(axis=None)
    assert not table.synthetic


def test_key_frames_where_they_are_given(folder: Path) -> None:
    lines = [f"{GOOD[0]},img/2.png,img/3.png,", f"{GOOD[1]},,,img/3.png"]
    table = load(folder, f"{HEADER},onset,apex,offset", *lines)
    paths = (
        table.frame[["onset_path", "apex_path", "offset_path"]].map(lambda path: Path(path).stem).to_numpy().tolist()
    )
    assert paths == [["2", "3", ""], ["", "2", "3"]]
    assert table.frame["apex_source"].tolist() == ["annotated", ""]


def test_order_of_columns_spaces_byte_order_mark_and_further_columns_are_free(folder: Path) -> None:
    lines = ["note,path, label ,subject,dataset,sample_id", "x, img/1.png ,pos,s1,a,1", 'y,"img/2.png",neg,s2,a,2']
    table = load(folder, *lines, encoding="utf-8-sig")
    assert table.frame["label"].tolist() == ["pos", "neg"]
    assert Path(table.frame["apex_path"][0]).is_file()


def test_absolute_paths(folder: Path) -> None:
    table = load(folder, HEADER, f"1,a,s,pos,{folder / 'img/1.png'}", GOOD[1])
    assert table.missing_files() == []


def test_classes_may_be_given_in_their_order(folder: Path) -> None:
    assert load(folder, HEADER, *GOOD, labels="pos, neg").classes == ("pos", "neg")
    text = refused(folder, HEADER, *GOOD, labels="pos,sur")
    assert "line 3 (sample_id 'a/2'): 'neg'" in text and "pos, sur (data.labels)" in text
    assert "none of sur" in refused(folder, HEADER, *GOOD, labels="pos,neg,sur")


@pytest.mark.parametrize("labels", ["pos", "pos,pos", "pos,", ""])
def test_class_lists_that_make_no_sense(folder: Path, labels: str) -> None:
    with pytest.raises(ConfigError, match=r"data\.labels"):
        load(folder, HEADER, *GOOD, labels=labels)


def test_missing_columns_list_expected_and_found(folder: Path) -> None:
    text = refused(folder, "sample_id,dataset,person,label,path", "1,a,s,pos,img/1.png")
    assert "missing column(s) subject" in text and HEADER.replace(",", ", ") in text and "person" in text


@pytest.mark.parametrize("column", ["sample_id", "dataset", "subject"])
def test_empty_cells_name_column_and_line(folder: Path, column: str) -> None:
    cells = dict(zip(HEADER.split(","), GOOD[1].split(","), strict=True)) | {column: " "}
    text = refused(folder, HEADER, GOOD[0], ",".join(cells.values()), GOOD[2])
    assert f"column {column} is empty" in text and "line 3" in text and "line 2" not in text


def test_lines_count_as_in_an_editor_after_blank_ones(folder: Path) -> None:
    assert len(load(folder, HEADER, GOOD[0], "", GOOD[2], "", ",,,,")) == 2
    assert "line 4 " in refused(folder, HEADER, GOOD[0], "", ",a,s,pos,img/1.png")
    assert "line 4 " in refused(folder, f"{HEADER},note", f'{GOOD[0]},"two\nlines"', ",a,s,pos,img/1.png")


def test_all_missing_images_are_listed(folder: Path) -> None:
    lines = ["1,a,s,pos,img/x.png,", "2,a,s,neg,img/2.png,img/y.png", "3,a,s,neg,,", "4,a,s,neg,img,"]
    text = refused(folder, f"{HEADER},onset", *lines)
    wanted = [
        "line 2",
        str(folder / "img/x.png"),
        "line 3",
        "column onset",
        "y.png",
        "line 4",
        "path is empty",
        "line 5",
    ]
    assert [part for part in wanted if part not in text] == []


def test_repeated_ids(folder: Path) -> None:
    assert "line 2 (sample_id 'a/1')\n  line 4" in refused(folder, HEADER, GOOD[0], GOOD[1], GOOD[0])


def test_a_rare_label_that_is_nearly_a_frequent_one_is_taken_for_a_slip(folder: Path) -> None:
    def rows(last: str, frequent: int = 10) -> list[str]:
        many = [f"a/{i},a,{i},{label},img/1.png" for i in range(frequent) for label in ("positive", "negative")]
        return [HEADER, *(line.replace("a/", f"a/{n}-") for n, line in enumerate(many)), f"b/1,b,1,{last},img/2.png"]

    said = refused(folder, *rows("positve"))
    assert "line 22 (sample_id 'b/1'): 'positve', elsewhere 'positive'" in said and "data.labels" in said
    assert load(folder, *rows("positve"), labels="positive,negative,positve").classes[2] == "positve"
    assert load(folder, *rows("positve", frequent=9)).classes[2] == "positve"  # no longer ten times as frequent
    assert "surprise" in load(folder, *rows("surprise")).classes


def test_labels_that_differ_in_case_only(folder: Path) -> None:
    assert "Neg, neg differ in case only" in refused(folder, HEADER, GOOD[0], GOOD[1], GOOD[2].replace("neg", "Neg"))


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "the file is empty"),
        (HEADER.encode(), "found none"),
        (b"\n\n", "the file is empty"),
        (HEADER.encode() + b",path\n", "expected each column once, got path more than once"),
        (HEADER.encode() + b"\n1,a,nan,pos,img/1.png\n", "column subject is empty"),
        (b"# my clips\n" + HEADER.encode() + b"\n1,a,s,pos,img/1.png\n", "missing column(s)"),
        (HEADER.encode() + b"\n1,a,s,pos,img/1.png\n2,a,s,pos,img/1.png,5,6\n", "line 3"),
        (HEADER.encode() + b"\n1,a,s\n", "column label is empty"),
        (HEADER.encode() + b"\n1,a,s,pos,img/1.png,5,6\n", "line 2"),
        (b"\x00\x01\x02", "bytes that are no text"),
    ],
)
def test_files_that_are_no_manifest(folder: Path, content: bytes, part: str) -> None:
    (folder / "manifest.csv").write_bytes(content)
    with pytest.raises(SampleError) as caught:
        catalog.load_samples(ManifestData(name="manifest", manifest=str(folder / "manifest.csv")), folder)
    assert part in str(caught.value)
    assert "manifest.csv" in str(caught.value)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"data\.manifest=.*no\.csv.*synthetic_loso"):
        catalog.load_samples(ManifestData(name="manifest", manifest=str(tmp_path / "no.csv")), tmp_path)


@pytest.mark.parametrize("empty", ["", " ", "nan", "NaN", "N/A", "NA", "?", "null"])
def test_rows_without_a_label_are_left_out_and_told(folder: Path, empty: str) -> None:
    table = load(folder, HEADER, *GOOD, f"b/4,b,008,{empty},img/1.png")
    assert table.frame["sample_id"].tolist() == ["a/1", "a/2", "b/1"] and table.classes == ("neg", "pos")
    assert table.notes == ("Left out 1 clips without a label: line 5 (sample_id 'b/4').",)
    if empty.strip():
        named = load(folder, HEADER, *GOOD, f"b/4,b,008,{empty},img/1.png", labels=f"neg,pos,{empty}")
        assert len(named) == 4
    assert "column label is empty in all 1 rows" in refused(folder, HEADER, f"b/4,b,008,{empty},img/1.png")


def test_numbers_as_labels_are_one_class_in_every_spelling(folder: Path) -> None:
    rows = [f"{k},a,s{k},{label},img/1.png" for k, label in enumerate(("0", "0.0", "1", "01", "1.0", "0."))]
    table = load(folder, HEADER, *rows)
    assert table.classes == ("0", "1") and table.frame["label"].tolist() == ["0", "0", "1", "1", "1", "0"]
    assert load(folder, HEADER, *rows, labels="1.0,0.0").frame["label"].tolist()[:3] == ["0.0", "0.0", "1.0"]
    assert load(folder, HEADER, *[row.replace(",0,", ",0.0,") for row in (rows[1], rows[4])]).classes == ("0.0", "1.0")


def test_labels_in_two_normal_forms_are_refused(folder: Path) -> None:
    rows = ["1,a,s,caf\u00e9,img/1.png", "2,a,t,cafe\u0301,img/2.png", "3,a,t,b,img/2.png"]
    assert "would be different classes" in refused(folder, HEADER, *rows)


def test_an_apex_that_is_the_onset_is_told(folder: Path) -> None:
    table = load(folder, f"{HEADER},onset,apex", f"{GOOD[0]},img/2.png,img/./2.png", f"{GOOD[1]},img/1.png,img/2.png")
    assert table.notes == ("The apex is the onset in 1 clips, so that they show no motion: line 2 (sample_id 'a/1').",)


def test_units_emotions_and_folders_are_read(folder: Path) -> None:
    table = load(folder, f"{HEADER},aus,emotion,folder", f"{GOOD[0]},R14 or 17,Happy,img", f"{GOOD[1]},4+glare,,")
    assert table.frame["aus"].tolist() == ["R14 or 17", "4+glare"]
    assert table.frame["emotion"].tolist() == ["happy", ""]
    assert table.frame["folder"].tolist() == [str((folder / "img").resolve()), ""]
    assert len(table.notes) == 1 and "'glare'" in table.notes[0]
    assert "no such folder" in refused(folder, f"{HEADER},folder", f"{GOOD[0]},none", GOOD[1])


def test_paths_that_windows_wrote(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    for name in ("0.png", "1.png"):
        cv2.imwrite(str(tmp_path / "clips" / name), np.full((8, 8), 9, np.uint8))
    listed = tmp_path / "mine.csv"
    listed.write_text(
        "sample_id,dataset,subject,label,path,folder\nc0,m,p,a,clips\\0.png,clips\\\nc1,m,q,b,clips/1.png,clips\n"
    )
    frame = catalog.load_samples(ManifestData(name="manifest", manifest=str(listed)), tmp_path).frame
    assert frame["apex_path"].tolist() == [str(tmp_path / "clips" / name) for name in ("0.png", "1.png")]
    assert {Path(folder) for folder in frame["folder"]} == {tmp_path / "clips"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "gb18030"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_lists_as_every_spreadsheet_program_saves_them(folder: Path, encoding: str, separator: str) -> None:
    lines = [f"{HEADER},aus", *(f"{line},4+12" for line in GOOD)]
    lines = [line.replace(",", separator).replace("NA", "\u5f20\u4e09") for line in lines]
    if separator != ",":
        lines = [line.replace("4+12", "4,12") for line in lines]
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    table = load(folder, mark + lines[0], *lines[1:], encoding=encoding)
    assert list(table.frame["subject"]) == ["007", "\u5f20\u4e09", "007"]
    assert set(table.frame["aus"]) == {"4+12" if separator == "," else "4,12"}


def test_lines_count_below_a_line_that_names_the_separator(folder: Path) -> None:
    assert "line 3 (sample_id '1')" in refused(folder, "sep=;", HEADER.replace(",", ";"), "1;a;;pos;img/1.png")
