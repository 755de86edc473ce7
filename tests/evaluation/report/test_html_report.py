from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from mer import run_files
from mer.data.samples.table import SampleTable
from mer.evaluation.report.html_report import write_report
from tests.evaluation.conftest import make_run, make_table

#: Elements without an end tag.
VOID = {"meta", "link", "img", "br", "line", "circle"}


#: A waived finding of the leak audit.
LEAK = {"name": "init-123456", "kind": "init", "text": "weights saw alpha:001", "rows": []}


class Page(HTMLParser):
    """A page's elements and text; a tag that is not closed where it should be is an error."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, names)
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def page(run: Path) -> Page:
    return Page(write_report(run, inputs=True).read_text(encoding="utf-8"))


@pytest.fixture
def run(table: SampleTable, tmp_path: Path) -> Path:
    """A finished run of two data sets."""
    make_run(tmp_path, table)
    return tmp_path


def test_the_same_folder_gives_the_same_bytes(run: Path) -> None:
    path = write_report(run, inputs=True)
    assert path == run / run_files.REPORT
    first = path.read_bytes()
    assert write_report(run, inputs=True).read_bytes() == first
    moved = run.parent / "moved"
    shutil.copytree(run, moved)
    assert write_report(moved, inputs=True).read_bytes() == first


def test_nothing_is_loaded_and_nothing_runs(run: Path) -> None:
    shown = page(run)
    tags = {tag for tag, _ in shown.elements}
    assert not tags & {"script", "iframe", "object", "embed", "base", "form", "video", "audio"}
    for tag, attributes in shown.elements:
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("src", "href", "srcset", "action", "data", "xlink:href"):
            assert attributes.get(name, "#").startswith(("data:", "#")), (tag, attributes[name][:60])
    raw = (run / run_files.REPORT).read_text(encoding="utf-8")
    assert not re.search(r"https?://|url\(|@import|//[a-z]", re.sub(r"data:[^\"]+", "", raw))


def test_links_labels_and_alternatives(run: Path) -> None:
    shown = page(run)
    ids = [attributes["id"] for _, attributes in shown.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = [link["href"][1:] for link in shown.all("a")]
    assert len(targets) >= 8
    assert set(targets) <= set(ids)
    for _, attributes in shown.elements:
        assert attributes.get("aria-labelledby", ids[0]) in ids
    assert len(shown.all("img")) == 1 + 5 * 5
    assert all(image["alt"].strip() for image in shown.all("img"))
    alternatives = [image["alt"] for image in shown.all("img")]
    assert len(alternatives) == len(set(alternatives))
    for figure in shown.all("svg"):
        assert figure.get("aria-hidden") == "true" or (figure["role"] == "img" and figure["aria-label"].strip())
    # what scrolls can be reached and scrolled by keyboard
    for attributes in [element for element in shown.all("div") if element.get("class") == "scroll"] + shown.all("pre"):
        assert attributes["tabindex"] == "0"
    assert shown.all("html")[0]["lang"] == "en"
    assert len(shown.all("h1")) == 1
    assert all("scope" in heading for heading in shown.all("th"))


def test_both_colour_schemes_and_narrow_screens_are_served(run: Path) -> None:
    raw = write_report(run, inputs=True).read_text(encoding="utf-8")
    assert "prefers-color-scheme: dark" in raw
    assert '<meta name="color-scheme" content="light dark">' in raw
    assert 'name="viewport" content="width=device-width, initial-scale=1"' in raw


def test_scores_say_what_they_are(run: Path) -> None:
    text = page(run).text
    results = json.loads((run / run_files.RESULTS).read_text())
    uf1 = results["scores"]["all"]["uf1"]
    assert f"UF1 {uf1['value']:.3f}".replace("0.", ".") in text
    assert f"95% interval {uf1['low']:.2f} to {uf1['high']:.2f}".replace("0.", ".") in text
    assert "Predictions of all folds are pooled, 60 samples" in text
    assert "bootstrap over subjects" in text
    assert "draws of 10 subjects" in text
    for part in [results["scores"]["all"], *results["scores"]["by_dataset"].values(), *results["baselines"].values()]:
        for metric in ("uf1", "uar", "accuracy", "weighted_f1"):
            assert f"{part[metric]['value']:.3f}".removeprefix("0") in text
    for words in ("constant guess", "stratified guess", "uniform guess", "36 samples, 6 subjects", "4 903 239"):
        assert words in text.replace("\u202f", " ")


def test_counts_of_the_confusion_matrix_and_of_each_subject(run: Path) -> None:
    text = page(run).text
    results = json.loads((run / run_files.RESULTS).read_text())
    matrix = text[text.index("Confusion matrix") : text.index("Each class against")]
    cells = [int(cell) for cell in re.findall(r"(\d+) \d+%", matrix)]
    assert cells == [count for row in results["scores"]["all"]["confusion"] for count in row]
    subjects = text[text.index("One bar a person") : text.index("Training Training loss")]
    ratios = [(int(a), int(b)) for a, b in re.findall(r"(\d+) /(\d+)", subjects)]
    assert len(ratios) == 10
    assert sum(right for right, _ in ratios) == sum(results["scores"]["all"]["confusion"][k][k] for k in range(3))
    assert {clips for _, clips in ratios} == {6}


def test_notes_and_provenance_are_shown(run: Path) -> None:
    text = page(run).text
    for words in (
        "The middle frame stands for the apex of 3 clips.",
        "89abcdef01234567",
        "0123456789abcdef0123456789abcdef01234567, with uncommitted changes",
        "2.13.0",
        "2 CPU cores",
        "data: name: <invented>",
    ):
        assert words in text


def test_a_complete_run_on_real_data_carries_no_warning(run: Path) -> None:
    shown = page(run)
    assert not [tag for tag, attributes in shown.elements if attributes.get("class") == "warning"]
    assert "synthetic" not in shown.text.lower()


SEEN = "by a network that never saw its subject, and scored"
OTHERS = "Each person was tested by a network trained on others."


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"selection": "leaky"}, "stopped at the epoch that was best on this very person"),
        ({"leaks": {"findings": [LEAK], "checked": [], "unused": []}}, "that may have seen its subject"),
        ({"leaks": {"findings": [], "checked": [], "unused": [], "weights": "unknown"}}, "had seen is not known"),
    ],
    ids=["leaky", "waived", "history unknown"],
)
def test_captions_claim_no_more_than_holds(run: Path, change: dict, words: str) -> None:
    assert SEEN in page(run).text and OTHERS in page(run).text
    results = json.loads((run / run_files.RESULTS).read_text(encoding="utf-8"))
    (run / run_files.RESULTS).write_text(json.dumps(results | change), encoding="utf-8")
    text = page(run).text
    assert SEEN not in text and OTHERS not in text and words in text


def test_synthetic_data_and_failed_folds_are_said_first(table: SampleTable, tmp_path: Path) -> None:
    drawn = SampleTable(table.frame, table.classes, name="drawn faces", synthetic=True)
    make_run(tmp_path, drawn, failed=["alpha-002", "beta-010"])
    shown = page(tmp_path)
    before = shown.text[: shown.text.rindex("invented_loso", 0, shown.text.index("drawn faces:"))]
    assert "Synthetic data: these scores say nothing about real micro-expressions." in before
    assert "Incomplete: 2 of 10 folds have no result; scores are over 48 of 60 samples." in before
    assert "invented_loso (synthetic data)" in shown.text
    assert "alpha-002 failed: RuntimeError: the <loss> & its gradient are nan" in shown.text
    assert 'File "fold.py", line 1, in fit' in shown.text


def page_of(table: SampleTable, run: Path) -> Page:
    make_run(run, table)
    return page(run)


def test_without_attention_the_reason_is_given(table: SampleTable, tmp_path: Path) -> None:
    make_run(tmp_path, table, stages=())
    shown = page(tmp_path)
    assert "The network has no attention units (model.attention.stages is empty)." in shown.text
    assert shown.all("img") == []
    manifest = json.loads((tmp_path / run_files.MANIFEST).read_text())
    manifest["config"] = {"model.attention.stages": [1], "evaluation.attention_samples": 0}
    (tmp_path / run_files.MANIFEST).write_text(json.dumps(manifest))
    assert "evaluation.attention_samples is 0" in page(tmp_path).text
    manifest["config"] = {"model.attention.stages": [1], "model.attention.unit": "none"}
    (tmp_path / run_files.MANIFEST).write_text(json.dumps(manifest))
    assert "model.attention.unit is none" in page(tmp_path).text
    manifest["config"] = {"model.backbone": "templates", "model.attention.unit": "none"}
    (tmp_path / run_files.MANIFEST).write_text(json.dumps(manifest))
    assert "python -m mer.weights picture" in page(tmp_path).text


def test_clips_with_codes_are_counted_by_action_unit(table: SampleTable, tmp_path: Path) -> None:
    assert "Action units" not in page_of(table, tmp_path / "without").text
    aus = {"negative": "4+7", "positive": "R12A", "surprise": "1+2"}
    coded = SampleTable(table.frame.assign(aus=table.frame["label"].map(aus)), table.classes, name=table.name)
    shown = page_of(coded, tmp_path / "with")
    assert "60 clips with codes" in shown.text
    rows = json.loads((tmp_path / "with" / run_files.RESULTS).read_text())["action_units"]["rows"]
    assert {row["unit"]: row["clips"] for row in rows} == {4: 30, 7: 30, 12: 20, 1: 10, 2: 10}
    for row in rows:
        share = f"{row['right'] / row['clips']:.3f}".replace("0.", ".", 1)
        counts = " ".join(str(row["predicted"][name]) for name in table.classes)
        assert f"{row['unit']} {row['name']} {row['clips']} {share} {counts}" in shown.text


def test_grey_inputs_have_no_colour_wheel(table: SampleTable, tmp_path: Path) -> None:
    make_run(tmp_path, table, channels=1)
    shown = page(tmp_path)
    assert len(shown.all("img")) == 5 * 5
    assert "wheel" not in shown.text
    assert "stage 1 0.500–0.520" in shown.text


def test_an_inner_split_adds_its_curves(table: SampleTable, tmp_path: Path) -> None:
    make_run(tmp_path, table, validation=True)
    labels = [
        figure["aria-label"] for figure in page(tmp_path).all("svg") if " by epoch" in figure.get("aria-label", "")
    ]
    assert [label.split(" by ")[0] for label in labels] == [
        "Training loss",
        "Training accuracy",
        "Loss on the inner split",
        "UF1 on the inner split",
    ]


def test_what_is_missing_from_the_folder_is_said(run: Path) -> None:
    for name in (run_files.MANIFEST, run_files.CONFIG, run_files.FOLDS):
        (run / name).unlink()
    shutil.rmtree(run / run_files.FOLDS_FOLDER)
    text = page(run).text
    assert "No fold left training curves." in text
    assert "No attention maps to show. None were kept by the folds that finished." in text
    assert "The folder holds no configuration file." in text


def test_a_run_without_any_prediction_is_reported(table: SampleTable, tmp_path: Path) -> None:
    make_run(tmp_path, table, failed=[f"{'alpha' if k <= 6 else 'beta'}-{k:03d}" for k in range(1, 11)])
    text = page(tmp_path).text
    assert "UF1 is not defined." in text
    assert "scores are over 0 of 60 samples" in text
    assert "No sample was scored." in text


def test_one_data_set_is_not_shown_twice(tmp_path: Path) -> None:
    table = make_table(
        ["negative", "positive", "surprise"] * 4, [str(k // 3) for k in range(12)], datasets=["only"] * 12
    )
    make_run(tmp_path, table)
    shown = page(tmp_path)
    assert "12 samples, 4 subjects" not in shown.text
    assert shown.all("h3") == []


def test_names_are_escaped_everywhere(tmp_path: Path) -> None:
    evil = "<script>alert('1')</script>&\"x"
    classes = (f"a{evil}", f"b{evil}")
    subjects = [f"{evil}{k // 4}" for k in range(16)]
    datasets = [f"d{evil}" if k < 8 else "e" for k in range(16)]
    make_run(
        tmp_path, make_table(list(classes) * 8, subjects, datasets=datasets, classes=classes, notes=(f"note {evil}",))
    )
    shown = page(tmp_path)
    assert shown.all("script") == []
    for words in (f"a{evil}", f"d{evil}", f"note {evil}"):
        assert words in shown.text
    assert [image["alt"] for image in shown.all("img") if f"Input of d{evil}" in image["alt"]]


def test_no_input_is_in_the_file_unless_asked_for(run: Path) -> None:
    """Pictures do not depend on the inputs at all: a report of blank inputs has the same bytes."""
    path = write_report(run)
    hidden = path.read_bytes()
    assert "evaluation.pictures=true" in Page(hidden.decode("utf-8")).text
    for kept in run.glob(f"folds/*/{run_files.ATTENTION}"):
        with np.load(kept) as found:
            arrays = dict(found)
        np.savez(kept, **{**arrays, "images": np.ones_like(arrays["images"])})
    assert write_report(run).read_bytes() == hidden
    assert write_report(run, inputs=True).read_bytes() != hidden


def test_maps_without_inputs_have_no_detail_of_a_face(run: Path) -> None:
    """Detail below 14 cells a side, of which early stages have much, is in no picture unless inputs are asked for."""
    coarse = np.kron(np.random.default_rng(0).integers(0, 8, (14, 14)), np.ones((4, 4)))
    detail = np.indices((56, 56)).sum(axis=0) % 2 - 0.5
    pictures: dict[bool, list[list[str]]] = {False: [], True: []}
    for values in (coarse, coarse + detail):
        for kept in run.glob(f"folds/*/{run_files.ATTENTION}"):
            with np.load(kept) as found:
                arrays = dict(found)
            arrays |= {name: np.stack([values] * len(array)) for name, array in arrays.items() if "map_" in name}
            np.savez(kept, **arrays)
        for inputs, told in pictures.items():
            text = write_report(run, inputs=inputs).read_text(encoding="utf-8")
            told.append(re.findall(r"data:image/png;base64,[^\"]+", text))
    assert pictures[False][0] == pictures[False][1]
    assert pictures[True][0] != pictures[True][1]
