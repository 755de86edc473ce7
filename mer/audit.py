"""Command `mer audit`: check a data set on disk. `mer audit data=casme2 data.root=FOLDER [--json]`.

Takes the overrides of `mer run` for the group `data`; for your own list: data=manifest data.manifest=FILE. Reads every
frame, changes nothing. Exit status: 0 no findings, 1 findings, 2 the data set is missing or cannot be used with these
settings.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from mer.cli import guarded
from mer.compose import load_config
from mer.config import Config, FolderData, ManifestData
from mer.data import registry as catalog
from mer.data.audit.dataset_audit import Audit, audit
from mer.data.audit.findings import KINDS
from mer.data.audit.table_audit import audit_table, refused
from mer.data.loading.dataset_registry import DATASETS
from mer.data.samples.table import SampleTable
from mer.errors import ConfigError, MerError, SampleError
from mer.inputs.faces.quick_look import look_at_faces
from mer.inputs.frames.image_files import read_image
from mer.utils.console import say

#: Most findings of one kind on the screen; `--json` prints all.
SHOWN = 50


def audit_config(config: Config, *, progress: bool = False) -> Audit:
    """Audit the data set of a configuration.

    Raises:
        ConfigError: if the source is not an official data set, or an option is wrong.
        DatasetNotFoundError: if the data set is not in its folder.
        SampleError: if its coding sheet cannot be read.
    """
    data = config.data
    if isinstance(data, ManifestData):
        return _of_manifest(data, config)
    if data.name not in DATASETS or not isinstance(data, FolderData):
        raise ConfigError([f"data: expected one of {', '.join(DATASETS)}, got {data.name!r}; try data=casme2"])
    wrong = catalog.config_errors(data)
    if wrong:
        raise ConfigError(wrong)
    dataset = DATASETS[data.name]
    reading = dataset.read(data, Path(config.cache_dir), **data.options)
    bar = lambda results: track(  # noqa: E731
        results,
        f"reading {dataset.card.title}",
        total=len(reading.clips),
        console=Console(stderr=True),
        disable=not progress,
        transient=True,
    )
    found = audit(reading, data, dataset.card, read=read_image, threads=os.cpu_count() or 1, progress=bar)
    with suppress(MerError):  # no table under these labels: the audit says why
        return _looked_at(found, catalog.load_samples(data, Path(config.cache_dir)), config)
    return found


def _of_manifest(data: ManifestData, config: Config) -> Audit:
    """Audit a manifest; if it cannot be loaded, return an audit that says why."""
    origin, labels = Path(data.manifest).expanduser(), data.labels or "of the file"
    try:
        table = catalog.load_samples(data, Path(config.cache_dir))
    except SampleError as error:
        return refused(origin.name, origin, labels=labels, reason=str(error))
    found = audit_table(table, origin, labels=labels, read=read_image, threads=os.cpu_count() or 1)
    return _looked_at(found, table, config)


def _looked_at(found: Audit, table: SampleTable, config: Config) -> Audit:
    """Return the audit with a note for each data set in whose frames the face is too small."""
    if config.input.representation == "motion_map":
        return found
    return replace(found, notes=(*found.notes, *look_at_faces(table, config.face)))


def as_json(found: Audit) -> dict[str, Any]:
    """Return the audit as plain values, findings as a list of dicts."""
    return {**asdict(found), "origin": str(found.origin), "status": found.status}


def show(found: Audit, console: Console) -> None:
    """Print the counts, the findings by kind, and the verdict."""
    part = f", part {found.part}" if found.part else ""
    say(console, f"{found.title}{part}: {found.clips} clips of {len(found.people)} subjects, {found.frames} frames")
    say(console, f"read from {found.origin}")
    for note in found.notes:
        say(console, f"note: {note}")
    table = Table(title=Text(f"label set {found.labels}{' (drawn clips)' if found.synthetic else ''}"))
    for heading in ("class", "clips", "published"):
        table.add_column(heading, justify="left" if heading == "class" else "right")
    for name, count in found.counts.items():
        table.add_row(Text(name), str(count), str(found.expected.get(name, "?")))
    table.add_row("in all", str(sum(found.counts.values())), str(sum(found.expected.values()) or "?"))
    table.add_row("subjects", str(len(found.people)), str(found.expected_people or "?"))
    table.add_row("described, whatever the label", str(found.described), " or ".join(map(str, found.totals)) or "?")
    console.print(table)
    for word, count in found.excluded.items():
        say(console, f"left out by the label set: {word} {count}")
    for kind, meaning in KINDS.items():
        mine = [item for item in found.findings if item.kind == kind]
        if mine:
            say(console, f"\n{kind} ({len(mine)}): {meaning}")
        for item in mine[:SHOWN]:
            clip = f" (subject {item.subject}, clip {item.clip})" if item.clip else ""
            say(console, f"  {item.where}{clip}: {item.text}{' [harmless]' if item.harmless else ''}")
        if len(mine) > SHOWN:
            say(console, f"  and {len(mine) - SHOWN} more; --json gives all")
    count = sum(not item.harmless for item in found.findings)
    say(console, "")
    if found.unusable:
        say(console, f"Cannot be used with these settings: {found.unusable}")
    else:
        say(console, f"Can be used; {count or 'no'} finding{'' if count == 1 else 's'} to look at.")


@guarded
def main(arguments: list[str] | None = None) -> int:
    """Audit one data set; return the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    if {"-h", "--help"} & set(given) or not given:
        print(__doc__)
        return 0 if given else 2
    overrides = [argument for argument in given if argument != "--json"]
    found = audit_config(load_config(overrides), progress="--json" not in given)
    if "--json" in given:
        print(json.dumps(as_json(found), indent=1))
    else:
        show(found, Console())
    return found.status


if __name__ == "__main__":
    sys.exit(main())
