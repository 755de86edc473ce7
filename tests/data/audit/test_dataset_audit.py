"""The audit of trees without a fault, and of trees with one of each kind planted."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import openpyxl
import pytest
from PIL import Image

from mer.config import FolderData, SyntheticData
from mer.data.audit.dataset_audit import Audit, audit
from mer.data.audit.findings import Finding
from mer.data.loading.dataset_card import SYNTHETIC_MARK
from mer.data.loading.dataset_registry import DATASETS
from mer.data.samples.fingerprints import near_copies
from mer.data.synthetic.__main__ import layout_clips
from mer.data.synthetic.layouts.registry import LAYOUTS, LayoutClip, write_tree
from mer.errors import SampleError
from tests.data.datasets import test_every_dataset
from tests.helpers import trees

NO_APEX = test_every_dataset.NO_APEX


def read(path: Path) -> np.ndarray:
    """An independent strict reader."""
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("L"))
    except OSError as error:
        raise SampleError(f"{path}: {error}") from error


def examined(root: Path, layout: str, **fields: object) -> Audit:
    settings = {"missing_apex": "middle" if layout in NO_APEX else "error", **fields}
    data = FolderData(name=layout, root=str(root), **settings)  # type: ignore[arg-type]
    module = DATASETS[layout]
    return audit(module.read(data, root.parent / "cache"), data, module.card, read=read)


def found(result: Audit, kind: str) -> list[Finding]:
    return [finding for finding in result.findings if finding.kind == kind and not finding.harmless]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("drawn") / "casme2"
    data = SyntheticData(name="synthetic", profile="casme2", subjects=3, clips=12, size=64)
    return write_tree("casme2", layout_clips(data), root)


@pytest.fixture
def spoiled(drawn: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(drawn, tmp_path / "casme2"))


@pytest.mark.parametrize(("layout", "kind"), test_every_dataset.VARIANTS)
def test_every_tree_is_clean(layout: str, kind: str, tmp_path: Path) -> None:
    made = test_every_dataset.clips(layout)
    root = test_every_dataset.write(layout, tmp_path, kind)
    before = trees.state(root)
    result = examined(root, layout, part=test_every_dataset.part(layout, kind))
    assert (result.status, [f for f in result.findings if not f.harmless], result.unusable) == (0, [], "")
    assert sum(result.counts.values()) == len(made) and result.synthetic and result.expected == {}
    assert trees.state(root) == before
    assert result.frames >= len(made)


def test_drawn_clips_are_no_copies_of_one_another(drawn: Path) -> None:
    assert examined(drawn, "casme2").status == 0


def test_nothing_is_harmless_that_is_not_said_to_be(drawn: Path) -> None:
    harmless = [finding for finding in examined(drawn, "casme2").findings if finding.harmless]
    assert {finding.text for finding in harmless} == {".DS_Store, EP01.lnk, Thumbs.db"} and len(harmless) == 12


def frame(folder: Path, which: int) -> Path:
    return sorted(folder.glob("*.jpg"), key=lambda path: int(path.stem.removeprefix("reg_img")))[which]


def clip(root: Path, row: int) -> Path:
    subject, name = trees.rows(root / trees.SHEETS["casme2"])[row - 1][:2]
    return root / "Cropped" / f"sub{int(subject):02d}" / str(name)


FAULTS: dict[str, tuple[Callable[[Path], object], str, str, int]] = {
    "lost frame": (lambda root: frame(clip(root, 3), 5).unlink(), "gap", "1 missing: ", 1),
    "lost apex frame": (lambda root: _apex_file(root, 3).unlink(), "key frame", "apex frame", 2),
    "lost folder": (lambda root: shutil.rmtree(clip(root, 3)), "frames", "no such folder", 2),
    "apex outside": (lambda root: trees.edit(root, "casme2", 3, apexframe=9000), "apex", "apex 9000 outside", 2),
    "no apex": (lambda root: trees.edit(root, "casme2", 3, apexframe="/"), "apex", "none given", 2),
    "apex on the onset": (lambda root: _apex_on_onset(root, 3), "apex", "no motion", 1),
    "onset behind the offset": (lambda root: trees.edit(root, "casme2", 3, offsetframe=0), "span", "offset 0", 2),
    "label in another case": (lambda root: _upper(root, 3), "case", "elsewhere", 1),
    "unknown label": (lambda root: trees.edit(root, "casme2", 3, estimatedemotion="bored"), "label", "'bored'", 2),
    "no number": (lambda root: trees.edit(root, "casme2", 3, onsetframe="soon"), "cell", "column onset", 2),
    "stray file": (lambda root: (clip(root, 3) / "notes.txt").write_text("x"), "stray", "notes.txt", 1),
    "copied file": (lambda root: _copy_file(root, 3), "stray", "(1).jpg", 1),
    "half a frame": (lambda root: _halve(frame(clip(root, 3), 4)), "unreadable", "frame ", 1),
    "half an apex": (lambda root: _halve(_apex_file(root, 3)), "unreadable", "frame ", 2),
    "frame of another size": (lambda root: _grow(frame(clip(root, 3), 4)), "size", "64x64 and", 1),
    "two files for a frame": (lambda root: _twice(root, 3), "frames", "two files for frame", 2),
    "row twice": (lambda root: _row_twice(root, 3, 4), "twice", "more than once", 2),
}


def _apex_file(root: Path, row: int) -> Path:
    return clip(root, row) / f"reg_img{trees.rows(root / trees.SHEETS['casme2'])[row - 1][4]}.jpg"


def _apex_on_onset(root: Path, row: int) -> None:
    trees.edit(root, "casme2", row, apexframe=trees.rows(root / trees.SHEETS["casme2"])[row - 1][3])


def _upper(root: Path, row: int) -> None:
    trees.edit(root, "casme2", row, estimatedemotion=str(trees.rows(root / trees.SHEETS["casme2"])[row - 1][8]).title())


def _copy_file(root: Path, row: int) -> None:
    path = frame(clip(root, row), 2)
    shutil.copy(path, path.with_name(f"{path.stem} (1).jpg"))


def _halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _grow(path: Path) -> None:
    cv2.imwrite(str(path), cv2.resize(cv2.imread(str(path)), (80, 72)))


def _twice(root: Path, row: int) -> None:
    path = frame(clip(root, row), 2)
    shutil.copy(path, path.with_name(path.name.replace("reg_img", "reg_img0")))


def _row_twice(root: Path, row: int, other: int) -> None:
    cells = trees.rows(root / trees.SHEETS["casme2"])[row - 1]
    names = ("subject", "filename", "onsetframe", "apexframe", "offsetframe")
    trees.edit(root, "casme2", other, **dict(zip(names, (*cells[:2], *cells[3:6]), strict=True)))


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_fault_is_reported_with_its_row(fault: str, spoiled: Path) -> None:
    plant, kind, text, status = FAULTS[fault]
    plant(spoiled)
    before = trees.state(spoiled)
    result = examined(spoiled, "casme2")
    hits = [finding for finding in found(result, kind) if finding.where == "row 3"]
    assert len(hits) == 1 and text in hits[0].text, result.findings
    assert result.status == status, result.unusable
    assert trees.state(spoiled) == before


def test_what_is_no_action_unit_is_told_and_harmless(spoiled: Path) -> None:
    trees.edit(spoiled, "casme2", 3, actionunits="4+soft focus")
    result = examined(spoiled, "casme2")
    (finding,) = [finding for finding in result.findings if finding.kind == "units"]
    assert finding.harmless and finding.where == "row 3" and "'soft focus'" in finding.text and result.status == 0


@pytest.mark.parametrize("layout", ["smic", "ck_plus", "oulu_casia", "mug"])
def test_the_audit_goes_on_behind_a_frame_that_stands_twice(layout: str, tmp_path: Path) -> None:
    root = test_every_dataset.write(layout, tmp_path)
    before = examined(root, layout).clips
    images = {}
    for path in sorted(root.rglob("*")):
        if path.suffix in (".bmp", ".png", ".jpg", ".jpeg") and "non_micro" not in path.parts:
            images.setdefault(path.parent, []).append(path)
    first, second = [paths for paths in images.values() if len(paths) > 4][:2]
    for paths in (first, second):
        shutil.copy(paths[2], paths[2].with_name(f"copy of {paths[2].name}"))
    first[3].write_bytes(b"")
    whole = examined(root, layout)
    assert [item.text.count("two files for frame") for item in found(whole, "cell")] == [1, 1], whole.findings
    for paths, item in zip((first, second), found(whole, "cell"), strict=True):
        assert str(paths[0].parent) in item.text
    assert whole.status == 2 and whole.clips == before - 2


#: Sheet, headings, folder of the clip in a row, and the frames in it, of layouts with a sheet.
SHEETED = {
    "samm": ("SAMM_Micro_FACS_Codes_v2.xlsx", "Apex Frame", "Estimated Emotion", "SAMM/{0}/{1}"),
    "mmew": ("MMEW_Micro_Exp.xlsx", "ApexFrame", "Estimated Emotion", "Micro_Expression/*/{1}"),
}


@pytest.mark.parametrize("layout", SHEETED)
def test_faults_planted_in_other_layouts_are_all_found(layout: str, tmp_path: Path) -> None:
    sheet, apex, emotion, where = SHEETED[layout]
    root = write_tree(layout, _moving(layout), tmp_path / layout)
    assert [f for f in examined(root, layout).findings if not f.harmless] == []
    book = openpyxl.load_workbook(root / sheet)
    cells = book.active
    head = next(row for row in range(1, 40) if any(cell.value == apex for cell in cells[row]))
    column = {cell.value: cell.column for cell in cells[head]}

    def frames(row: int) -> list[Path]:
        subject, name = str(cells.cell(row, 1).value), str(cells.cell(row, 2).value)
        (folder,) = root.glob(where.format(f"{int(re.sub(r'[^0-9]', '', subject)):03d}", name))
        return sorted(path for path in folder.iterdir() if path.suffix in (".jpg", ".png"))

    frames(head + 1)[2].unlink()
    cells.cell(head + 2, column[apex]).value = 9999
    for source, target in zip(frames(head + 3), frames(head + 4), strict=True):
        shutil.copy(source, target)
    spelled = str(cells.cell(head + 5, column[emotion]).value)
    cells.cell(head + 5, column[emotion]).value = spelled.swapcase()
    (frames(head + 6)[0].parent / "notes.txt").write_text("x")
    book.save(root / sheet)
    result = examined(root, layout)
    hits = {(item.kind, item.where) for item in result.findings if not item.harmless}
    wanted = (("gap", 1), ("apex", 2), ("key frame", 2), ("copy", 4), ("case", 5), ("stray", 6))
    assert hits == {(kind, f"row {head + place}") for kind, place in wanted}
    assert result.status == 2 and result.clips == len(_moving(layout))


def test_faults_planted_in_smic_are_all_found(tmp_path: Path) -> None:
    root = write_tree("smic", _moving("smic"), tmp_path / "smic")
    folders = sorted(path for path in root.glob("SMIC_all_cropped/HS/*/micro/*/*") if path.is_dir())
    lost, target, source, strayed = (sorted(folder.glob("*.bmp")) for folder in (*folders[:3], folders[5]))
    lost[2].unlink()
    for one, other in zip(source, target, strict=True):
        shutil.copy(one, other)
    (strayed[0].parent / "notes.txt").write_text("x")
    label = folders[3].parent
    label.rename(label.with_name(label.name.swapcase()))  # a folder's case is free
    result = examined(root, "smic")
    hits = {(item.kind, item.where) for item in result.findings if not item.harmless}
    places = {number: f"folder {folders[number].name}" for number in range(len(folders))}
    assert hits == {("gap", places[0]), ("copy", places[2]), ("stray", places[5])}
    assert result.status == 1 and result.clips == len(folders)


def _moving(layout: str) -> list[LayoutClip]:
    """Clips of equal length that are no copies of one another: each with a texture and a movement of its own."""

    def frames(seed: int) -> Callable[[int], np.ndarray]:
        rng = np.random.default_rng(seed)
        still, moves = (cv2.resize(rng.random((6, 6)), (32, 32)) for _ in range(2))
        return lambda number: (200 * still + 5 * (number % 50) * (moves - 0.5) / 2 + 25).clip(0, 255).astype(np.uint8)

    emotions = DATASETS[layout].card.label_sets["usual"].classes
    people = [(subject, emotion) for subject in (3, 4, 5) for emotion in emotions]
    return [LayoutClip(who, what, ("4",), 10, 14, 19, frames(k)) for k, (who, what) in enumerate(people)]


@pytest.mark.parametrize(
    ("layout", "totals", "described"),
    [
        ("casme", (195, 189), 8),
        ("smic_e", (157,), 6),
        ("casme3", (1109, 921, 862, 860, 687), 14),
        ("dfme", (7526,), 14),
        ("fourdme", (267,), 10),
        ("smic", (164,), 6),
    ],
)
def test_the_number_of_clips_stands_beside_the_published_totals(
    layout: str, totals: tuple[int, ...], described: int, tmp_path: Path
) -> None:
    root = test_every_dataset.write(layout, tmp_path)
    assert examined(root, layout).totals == ()
    (root / SYNTHETIC_MARK).unlink()
    result = examined(root, layout)
    assert (result.totals, result.described) == (totals, described)
    (item,) = (item for item in found(result, "counts") if item.where == "in all")
    assert item.text.startswith(f"{described} ") and item.text.endswith(f"published {' or '.join(map(str, totals))}")
    whole = replace(
        DATASETS[layout].card,
        totals={DATASETS[layout].card.part(FolderData(name=layout)): (described,)},
    )
    data = FolderData(name=layout, root=str(root), missing_apex="middle")
    again = audit(DATASETS[layout].read(data, tmp_path), data, whole, read=read)
    assert [item for item in found(again, "counts") if item.where == "in all"] == []


def test_copied_clip_is_reported_exactly_and_when_encoded_anew(spoiled: Path) -> None:
    sheet = trees.rows(spoiled / trees.SHEETS["casme2"])
    source, target = clip(spoiled, 3), clip(spoiled, 5)
    shutil.rmtree(target)
    shutil.copytree(source, target)
    names = ("onsetframe", "apexframe", "offsetframe")
    trees.edit(spoiled, "casme2", 5, **dict(zip(names, sheet[2][3:6], strict=True)))
    result = examined(spoiled, "casme2")
    assert [(item.where, "row 3" in item.text) for item in found(result, "copy")] == [("row 5", True)]
    for path in target.glob("*.jpg"):
        half = cv2.resize(cv2.imread(str(path)), (48, 48), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(path), half, [cv2.IMWRITE_JPEG_QUALITY, 85])
    result = examined(spoiled, "casme2")
    assert found(result, "copy") == []
    assert [(item.where, "row 3" in item.text) for item in found(result, "near copy")] == [("row 5", True)]
    assert result.status == 1


def test_folder_that_no_row_names(spoiled: Path) -> None:
    shutil.copytree(clip(spoiled, 3), clip(spoiled, 3).with_name("EP99_01"))
    assert [finding.where for finding in found(examined(spoiled, "casme2"), "unlisted")] == ["EP99_01"]


def test_counts_stand_beside_the_published_ones_for_recordings(spoiled: Path) -> None:
    (spoiled / SYNTHETIC_MARK).unlink()
    result = examined(spoiled, "casme2")
    assert result.expected == {"others": 99, "disgust": 63, "happiness": 32, "repression": 27, "surprise": 25}
    texts = {finding.where: finding.text for finding in found(result, "counts")}
    assert texts["class repression"] == "2, published 27" and texts["subjects"] == "3, announced 26"
    assert result.status == 1


def test_faults_of_sets_without_a_sheet_name_the_folder(tmp_path: Path) -> None:
    root = test_every_dataset.write("smic", tmp_path)
    odd = root / "SMIC_all_cropped/HS/s03/micro/negative/odd"
    odd.mkdir()
    result = examined(root, "smic")
    assert result.status == 2 and "odd" in found(result, "cell")[0].text
    image = test_every_dataset.write("jaffe", tmp_path)
    (image / "AD.DI1.2.tiff").write_bytes(b"no image")
    assert [item.where for item in found(examined(image, "jaffe"), "unreadable")] == ["file AD.DI1.2.tiff"]


def test_near_copies_against_a_slow_count() -> None:
    rng = np.random.default_rng(0)
    looks = [rng.random((2, 256)) < 0.5 for _ in range(12)]
    changes = [rng.random((2, 256)) < 0.5 for _ in range(12)]
    looks[7], changes[7] = looks[2].copy(), changes[2].copy()
    looks[7][0, :20], changes[7][1, :90] = ~looks[2][0, :20], ~changes[2][1, :90]
    looks[9] = looks[4].copy()  # looks alike, moves otherwise
    given = [*looks, None, None]
    pairs = list(near_copies(given, [*changes, None, None]))
    assert [(a, b) for a, b, _ in pairs] == [(2, 7)] and pairs[0][2] == pytest.approx(20 / 512)
    assert [(a, b) for a, b, _ in near_copies(given, None)] == [(4, 9)]


def test_layouts_and_sets_are_the_same() -> None:
    assert set(LAYOUTS) == set(DATASETS)
