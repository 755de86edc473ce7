"""Audit for leaks before training: nothing tested may have been seen under any name. Findings stop the run.

Contract: `audit` reads samples, folds, key frames, other sources and the card of the initial weights; trains nothing.
`protocol.waive` waives a finding by its name, or all findings of a kind. `leaks.json` and the results list them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mer import run_files
from mer.config import InitConfig
from mer.data.samples.fingerprints import LIMITATIONS
from mer.errors import LeakError
from mer.protocols.registry import selection_mode
from mer.train.experiment import trained_on
from mer.train.experiment.experiment import Experiment
from mer.train.experiment.leak_waivers import is_waived
from mer.train.leaks.findings import RECOMPUTED, find_leaks, other_sources
from mer.train.leaks.leak import Leak
from mer.utils.atomic_files import read_json


def audit_leaks(experiment: Experiment) -> dict[str, Any]:
    """Return what was checked and found, as plain values.

    `selection` (what chooses the epoch), `weights` (what training begins with: random, packaged, or a file whose
    history is known or unknown), `checked` (sentences), `findings` (all waived), `unused` waivers.

    Raises:
        LeakError: lists all findings that are not waived.
    """
    found, protocol = list(find_leaks(experiment)), experiment.config.protocol
    stopping = [leak for leak in found if not is_waived(leak.kind, leak.name, protocol)]
    if stopping:
        raise LeakError({leak.name: leak.message() for leak in stopping}, advice=_tree_advice(stopping, experiment))
    used = {word for leak in found for word in (leak.kind, leak.name)}
    return {
        "selection": selection_mode(protocol, experiment.config.decision),
        "weights": weights(experiment.config.init),
        "checked": describe_checks(experiment),
        "findings": [
            {"name": leak.name, "kind": leak.kind, "text": leak.text, "rows": [list(row) for row in leak.rows]}
            for leak in found
        ],
        "unused": [name for name in protocol.waive if name not in used],
    }


def _tree_advice(found: Sequence[Leak], experiment: Experiment) -> str:
    """Say how drawn trees get people of their own, where the findings join people of several drawn data sets."""
    sets = {who.partition(":")[0] for leak in found for who in leak.who if ":" in who}
    if not experiment.table.synthetic or len(sets) < 2:
        return ""
    return (
        f"\nThe samples are drawn, and trees written with one seed hold the same people under other ids: write "
        f"{', '.join(sorted(sets))} again with a --seed each (mer synthetic --layout NAME --out FOLDER --seed 1)."
    )


def weights(init: InitConfig) -> str:
    """Return the initial weights' origin: `random`, `packaged`, or a file whose history is `known` or `unknown`."""
    if init.name != "file":
        return init.name
    return "unknown" if trained_on.read_trained_on(init) is None else "known"


def read(run: Path) -> dict[str, Any] | None:
    """Read the audit's record from a run's folder; None if there is none."""
    path = run / run_files.LEAKS
    return read_json(path) if path.is_file() else None


def describe_checks(experiment: Experiment) -> list[str]:
    """Return what the audit checked and what it could not see, one sentence each."""
    config, count = experiment.config, len(experiment.table)
    with_files = sum(bool(pictures) for pictures in experiment.samples.pictures)
    beside = "".join(f", and with the samples of {key}" for key in other_sources(experiment))
    found = [
        f"Ids of people and clips, files, inputs and prints of key frames of {count} clips were compared across the "
        f"sides of {len(experiment.folds)} folds{beside}."
    ]
    if with_files:
        found.append(LIMITATIONS)
        found.append(
            "Clips that look like those of most other people (a shared background) were compared by bytes only."
        )
    if with_files < count:
        found.append(f"{count - with_files} clips have no image files; of these only ids and inputs were compared.")
    again = f"; those of {min(RECOMPUTED, count)} clips, computed again alone, were the same" if with_files else ""
    found.append(f"Inputs ({config.input.representation}) are computed clip by clip, nothing is fitted{again}.")
    found.append(f"Balancing ({config.optim.balance}) counts the classes of a fold's training part only.")
    if selection_mode(config.protocol) == "leaky":
        found.append("LEAKY, as asked for: the tested samples choose the epoch, which no comparison of samples shows.")
    begun = weights(config.init)
    if begun == "packaged":
        found.append("The weights begin as ImageNet's, which is no data set of micro-expressions; not compared.")
    elif begun == "unknown":
        found.append(f"What {config.init.path} was trained on is NOT known, for the file does not say it.")
    elif begun == "known":
        found.append(
            f"People (in any spelling), clips and pictures (byte by byte) that {config.init.path} was trained on were "
            "compared. A picture stored anew, as another format or size, under a new name is not known again: prints "
            "of faces would tell of the people, so a weight file holds none."
        )
    return found
