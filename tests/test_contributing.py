"""The questions of CONTRIBUTING.md: each file is there and defines the name that the table gives."""

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
