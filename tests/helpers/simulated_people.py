"""Invented people for simulations: what their confusion matrices are drawn from is known."""

from __future__ import annotations

import numpy as np

#: Shares of the classes, uneven as in MEGC2019.
SHARES = (0.55, 0.25, 0.20)


def drawn_runs(
    generator: np.random.Generator, subjects: int, *, runs: int = 2, skill: float = 0.6, gain: float = 0.0
) -> np.ndarray:
    """Counts (runs, S, 3, 3) of runs on the same people and clips.

    Each person has a difficulty shared by all runs and a luck of its own with each run, so that clips of one person are
    not independent; under `gain` 0 the runs are exchangeable person by person. Run 0 is right more often by `gain`.
    """
    counts = np.zeros((runs, subjects, 3, 3), dtype=np.int64)
    for person in range(subjects):
        truth = generator.choice(3, size=generator.poisson(5) + 1, p=SHARES)
        ease = generator.normal(0, 0.15)
        for run in range(runs):
            right = np.clip(skill + ease + generator.normal(0, 0.15) + (gain if run == 0 else 0), 0.02, 0.98)
            wrong = (truth + generator.integers(1, 3, len(truth))) % 3
            guess = np.where(generator.random(len(truth)) < right, truth, wrong)
            np.add.at(counts[run, person], (truth, guess), 1)
    return counts


def population_score(metric, *, skill: float = 0.6, people: int = 60_000, seed: int = 7) -> float:
    """Score of very many people: what an interval from a few of them should cover."""
    counts = drawn_runs(np.random.default_rng(seed), people, runs=1, skill=skill)[0]
    return float(metric(counts.sum(axis=0)))
