"""Simulate how strongly probabilities should be corrected for class shares, where the right probabilities are known.

Contract: three classes, normal in the plane at equal distances, so posteriors are exact. A classifier for even shares
is corrected with each strength; its probabilities may be flatter than exact ones, as those of cautious networks are.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import numpy.typing as npt
import pandas as pd

from mer.evaluation import decisions
from mer.evaluation.metrics import confusion_matrix, uf1

#: Class shares: those of SMIC, CASME II and SAMM in the MEGC 2019 list, and even ones.
SHARES = {
    "even": (1 / 3, 1 / 3, 1 / 3),
    "43/31/26": (0.43, 0.31, 0.26),
    "61/22/17": (0.61, 0.22, 0.17),
    "69/20/11": (0.69, 0.20, 0.11),
}
#: Distances between the classes in standard deviations: UF1 of about .55 to .88.
DISTANCES = (1.2, 1.6, 2.2, 3.0)
#: Temperatures of the probabilities: exact, and as flat as those of templates on measured maps.
FLATNESS = (1.0, 1.4)
#: Samples of a set, and sets.
SAMPLES, SETS = 300, 60


def table(strengths: Sequence[float]) -> pd.DataFrame:
    """Return a row per shares, distance and flatness: UF1 uncorrected, and the gain of each strength."""
    rows = []
    for name, distance, flat in product(SHARES, DISTANCES, FLATNESS):
        scores = [_scores(np.array(SHARES[name]), distance, flat, strengths, seed) for seed in range(SETS)]
        none, *found = np.mean(scores, axis=0)
        gains = {f"{strength:g}": score - none for strength, score in zip(strengths, found, strict=True)}
        rows.append({"shares": name, "distance": distance, "flatness": flat, "none": none, **gains})
    return pd.DataFrame(rows)


def _scores(
    shares: npt.NDArray[np.float64], distance: float, flat: float, strengths: Sequence[float], seed: int
) -> list[float]:
    """Return UF1 of one set: uncorrected, then with each strength."""
    rng = np.random.default_rng(seed)
    middles = distance * np.array([[0, 0], [1, 0], [0.5, np.sqrt(0.75)]])
    targets = rng.choice(len(shares), SAMPLES, p=shares)
    places = middles[targets] + rng.standard_normal((SAMPLES, 2))
    likelihoods = np.exp(-0.5 * ((places[:, None] - middles) ** 2).sum(axis=2))
    even = decisions.with_temperature(likelihoods / likelihoods.sum(axis=1, keepdims=True), flat)
    trained = np.full(len(shares), 1 / len(shares))
    decided = [decisions.correct_shares(even, trained, shares, one).argmax(axis=1) for one in (0.0, *strengths)]
    return [float(uf1(confusion_matrix(targets, one, classes=len(shares)))) for one in decided]
