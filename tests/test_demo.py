"""The demo as it is shipped, whole: what the README promises of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mer import run_files
from mer.evaluation.caveats import margin
from tests.helpers.command import process


@pytest.mark.slow
def test_the_demo_beats_every_baseline_by_a_quarter(tmp_path: Path, cache_dir: Path):
    arguments = ("+experiment=synthetic_loso", f"cache_dir={cache_dir}", "hydra.run.dir=demo", "trainer.progress=false")
    done = process("mer.run", *arguments, cwd=tmp_path, timeout=900)
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "demo" / run_files.RESULTS).read_text(encoding="utf-8"))
    assert results["synthetic"] is True
    gained = margin(results)
    assert gained is not None and gained >= 0.25
