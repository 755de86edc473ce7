"""Write notes on the limits of a comparison between runs.

Contract: pure functions of the groups, rows and pairs of `comparison.compare`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from mer.evaluation import caveats
from mer.evaluation.comparison.groups import RunGroup
from mer.evaluation.predictions import global_subjects

#: Pairs whose p cannot come out at this level or below are named.
REACH = 0.05


def no_result(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say which configurations have scores that are no result, or in doubt."""
    told = {
        "LEAKY, their epochs chosen on the tested samples": [row for row in rows if row["selection"] == "leaky"],
        "NULL runs, in which there is nothing to find": [row for row in rows if row["null"] != "none"],
        "with waived findings of the leak audit": [row for row in rows if row["waived"]],
    }
    return [
        f"No result, or in doubt: {len(found)} of {len(rows)} configurations {what}: "
        f"{'; '.join(row['name'] for row in found)}."
        for what, found in told.items()
        if found
    ]


def notes(groups: Sequence[RunGroup], pairs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the sentences to read before a difference is believed."""
    told = {one.name: {line for run in one.runs for line in caveats.warnings(run.results)} for one in groups}
    common = set.intersection(*told.values())
    found = sorted(common) + [f"{name}: {line}" for name, lines in told.items() for line in sorted(lines - common)]
    if len({run.results["data_hash"] for one in groups for run in one.runs}) > 1:
        found.append("The runs read the same samples with the same labels, but other frames, images or annotations.")
    protocols = sorted({json.dumps(run.results["protocol"], sort_keys=True) for one in groups for run in one.runs})
    if len(protocols) > 1:
        found.append("The runs split the samples in different ways; a difference may come from that.")
    if any(len(one.runs) == 1 for one in groups):
        found.append(
            "A configuration with one seed: a difference to it includes the luck of that seed, which no test over "
            "subjects sees. Run several seeds of each."
        )
    for smallest, blunt in _pairs_by_least_p(pairs).items():
        found.append(
            f"Too few subjects on whom the runs differ: no p below {smallest:.2f} can come out, whatever the "
            f"difference, for {'; '.join(blunt)}."
        )
    sizes = [pair["uf1"]["detectable"] for pair in pairs if pair["uf1"]["detectable"] is not None]
    if sizes:
        subjects = int(global_subjects(groups[0].runs[0].predictions).nunique())
        least, most = f"{min(sizes):.3f}", f"{max(sizes):.3f}"
        span = least if least == most else f"{least} to {most}, by pair,"
        found.append(
            f"Power: with these {subjects} subjects a true UF1 difference of {span} would be found in four of five "
            "studies (two-sided 5%, one comparison); smaller ones would mostly be missed, so no difference found is "
            "not equality shown."
        )
    return found


def _pairs_by_least_p(pairs: Sequence[Mapping[str, Any]]) -> dict[float, list[str]]:
    """Return the pairs whose exact test cannot reach `REACH`, by the least p that can come out, largest first."""
    found: dict[float, list[str]] = {}
    for pair in pairs:
        test = pair["uf1"]
        if test["exact"] and 1 / test["swaps"] > REACH:
            found.setdefault(1 / test["swaps"], []).append(f"{pair['first']} against {pair['second']}")
    return dict(sorted(found.items(), reverse=True))
