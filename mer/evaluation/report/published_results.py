"""Published numbers to stand beside a run's own, each with what is known of how its epoch was chosen.

Contract: data with sources, each looked up by title, authors and venue; shown only where protocol, data sets and class
set are the same and the data are real. Numbers are the authors' own unless `note` says otherwise; nothing here enters a
computation. "Selected on the test subject" means that the epoch (or the best run) was chosen on held-out samples, which
alone can carry a guesser to UF1 .83 (Varanka et al., arXiv:2211.11425, on how common such leaks are).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Published:
    """One line of a table.

    Attributes:
        method: its name.
        scores: by the keys of `caveats.HEADINGS`.
        selected: whether the epoch was chosen on the held-out subject; None = not known.
        source: where the number stands.
        note: what else is known, e.g. of a rerun.
    """

    method: str
    scores: Mapping[str, float]
    selected: bool | None
    source: str
    note: str = ""


@dataclass(frozen=True)
class Table:
    """Published numbers of one protocol on one choice of samples.

    Attributes:
        title: for people.
        protocols: values of `protocol.name` that ask for the same folds.
        datasets, classes: what the samples are.
        samples: how many the published numbers are over.
        rows: the numbers, lowest first.
        note: of all rows.
    """

    title: str
    protocols: frozenset[str]
    datasets: frozenset[str]
    classes: frozenset[str]
    samples: int
    rows: tuple[Published, ...]
    note: str = ""


def _two(uf1: float, uar: float) -> dict[str, float]:
    return {"uf1": uf1, "uar": uar}


_SEE = "See et al., MEGC 2019, FG 2019"

MEGC2019 = Table(
    title="MEGC 2019 composite, leave one subject out",
    protocols=frozenset({"loso", "megc2019"}),
    datasets=frozenset({"casme2", "samm", "smic"}),
    classes=frozenset({"negative", "positive", "surprise"}),
    samples=442,
    rows=(
        Published("always negative", _two(0.241, 0.333), False, "the counts of the list themselves"),
        Published("LBP-TOP, the challenge's baseline", _two(0.588, 0.579), False, _SEE),
        Published("Bi-WOOF", _two(0.630, 0.623), False, f"Liong et al. 2018, arXiv:1606.01721, as given in {_SEE}"),
        Published("CapsuleNet", _two(0.652, 0.651), True, "Van Quang et al., FG 2019", "apex frame only"),
        Published(
            "OFF-ApexNet",
            _two(0.720, 0.710),
            None,
            "Gan et al., Signal Processing: Image Communication 2019, arXiv:1805.08699",
        ),
        Published("Dual-Inception", _two(0.732, 0.728), None, "Zhou et al., FG 2019"),
        Published(
            "STSTNet",
            _two(0.735, 0.761),
            None,
            "Liong et al., FG 2019, arXiv:1902.03634",
            "UF1 .721, UAR .725 in the authors' rerun with a fixed epoch",
        ),
        Published("RCN", _two(0.743, 0.719), False, "Xia et al., TIP 2020, arXiv:2006.09674", "no selection seen"),
        Published("EMR, the challenge's winner", _two(0.789, 0.782), True, "Liu et al., FG 2019", "about .59 without"),
        Published("SLSTT", _two(0.816, 0.790), None, "Zhang et al., TAFFC 2022, arXiv:2112.05851"),
        Published(
            "HTNet",
            _two(0.860, 0.848),
            True,
            "Wang et al., arXiv:2307.14637",
            "rerun with 100 epochs: UF1 .681 at the last epoch, .875 at the best one per test subject",
        ),
        Published("CausalNet", _two(0.898, 0.902), True, "Zhang et al., ICCV 2025, arXiv:2508.06640"),
    ),
    note="UF1 and UAR over pooled predictions, three classes.",
)

_PENG = "Peng et al., From macro to micro expression recognition, FG 2018"
_YAP = "Yap et al., MEGC 2018, FG 2018"
_OBJECTIVE = frozenset({"I", "II", "III", "IV", "V"})

MEGC2018_CDE = Table(
    title="MEGC 2018 composite (CDE), leave one subject out",
    protocols=frozenset({"loso", "megc2018_cde"}),
    datasets=frozenset({"casme2", "samm"}),
    classes=_OBJECTIVE,
    samples=253,
    rows=(
        Published("HOG3D", {"uf1": 0.27, "weighted_f1": 0.44}, None, _YAP),
        Published("LBP-TOP", {"uf1": 0.40, "weighted_f1": 0.52}, None, _YAP),
        Published("HOOF", {"uf1": 0.40, "weighted_f1": 0.53}, None, _YAP),
        Published("macro to micro (ResNet-10)", {"uf1": 0.64, "weighted_f1": 0.73}, None, _PENG),
    ),
    note="Macro F1 stands under UF1.",
)

MEGC2018_HDE = Table(
    title="MEGC 2018 holdout (HDE), CASME II to SAMM and back",
    protocols=frozenset({"megc2018_hde"}),
    datasets=frozenset({"casme2", "samm"}),
    classes=_OBJECTIVE,
    samples=253,
    rows=(Published("macro to micro (ResNet-10)", {"uar": 0.389, "accuracy": 0.561}, None, _PENG),),
    note="WAR, here under accuracy, and UAR were averaged over the two directions, not pooled.",
)

TABLES = (MEGC2019, MEGC2018_CDE, MEGC2018_HDE)


def comparison_key(results: Mapping[str, Any]) -> dict[str, Any]:
    """Return from a run's results what decides which published numbers it may be compared with."""
    counts = results["data"]["counts"]
    return {
        "protocol": results["protocol"]["name"],
        "classes": list(results["classes"]),
        "datasets": sorted({dataset for row in counts.values() for dataset in row}),
        "samples": results["data"]["samples"],
        "real": not results["synthetic"] and results.get("null", "none") == "none",
    }


def matching_table(key: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the published table of the same test as plain values, or None if there is none.

    A differing number of samples is said in `note`, for official lists and labels differ by a few.
    """
    if not key["real"]:
        return None
    sets = {re.sub(r"[^a-z0-9]", "", name.casefold()) for name in key["datasets"]}
    labels = set(key["classes"])
    for table in TABLES:
        if key["protocol"] in table.protocols and sets == table.datasets and labels == table.classes:
            notes = [table.note]
            if key["samples"] != table.samples:
                notes.append(f"Published over {table.samples} samples, here {key['samples']}: not quite the same test.")
            rows = [asdict(row) for row in table.rows]
            return {"title": table.title, "rows": rows, "note": " ".join(notes)}
    return None
