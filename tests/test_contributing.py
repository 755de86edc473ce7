"""The questions and walks of CONTRIBUTING.md: each file is there and defines the name that the page gives."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROWS = re.findall(
    r"^\| ([^|]+\?) \| `(mer/[\w/]+\.py)` \| `(\w+)` \|$", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.M
)


def test_there_are_twenty_questions_about_different_places() -> None:
    assert len({question for question, _, _ in ROWS}) == 20 == len({path for _, path, _ in ROWS})


@pytest.mark.parametrize(("question", "path", "name"), ROWS)
def test_file_of_the_answer_defines_its_name(question: str, path: str, name: str) -> None:
    defined = set()
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            defined.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            defined |= {target.id for target in targets if isinstance(target, ast.Name)}
    assert name in defined, f"{question} {path} defines {sorted(defined)}"


#: The stops of the two walks, each below the folder that its walk names.
WALKS = re.findall(
    r"^\d+\. `([\w.]+)", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Two walks")[2], re.M
)
STOPS = [stop if stop.startswith("mer.") else f"mer.inputs.{stop}" for stop in WALKS[:9]]
STOPS += [stop if stop.startswith("mer.") else f"mer.train.{stop}" for stop in WALKS[9:]]


def test_walks_have_at_most_nine_and_fourteen_stops() -> None:
    assert [stop.rpartition(".")[2] for stop in (STOPS[0], STOPS[8], STOPS[9], STOPS[-1])] == [
        "load_samples",
        "FoldDataModule",
        "train_folds",
        "ResultFiles",
    ]
    assert len(STOPS) == 9 + 14


@pytest.mark.parametrize("stop", STOPS)
def test_stop_of_a_walk_is_defined_in_its_file(stop: str) -> None:
    path, _, name = stop.rpartition(".")
    code = (ROOT / f"{path.replace('.', '/')}.py").read_text(encoding="utf-8")
    assert re.search(rf"^(def|class) {name}\b|^{name}\b", code, re.M)


def test_drawing_shows_every_room_and_no_other() -> None:
    drawing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("```\n")[2].partition("```")[0]
    drawn = {word.rstrip("/").removeprefix("mer/") for word in re.findall(r"[\w/]+/(?!\w)", drawing)}
    rooms = [path.parent.relative_to(ROOT / "mer") for path in (ROOT / "mer").rglob("__init__.py")]
    nested = {"layouts"}  # inside synthetic/
    assert drawn == {room.name for room in rooms if room.name} - nested
