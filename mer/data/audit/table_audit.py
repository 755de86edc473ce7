"""Audit a table of samples without a data card, such as a manifest: call `audit_table`.

Contract: reads only and does not stop at an error. If the table cannot be made, `refused` returns the audit.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mer.data.audit.dataset_audit import Audit, lost_frames
from mer.data.audit.findings import KINDS, Finding
from mer.data.samples.fingerprints import VIEWS, clip_prints, near_copies
from mer.data.samples.identity import people_of, person_key
from mer.data.samples.schema import IMAGE_COLUMNS
from mer.data.samples.table import SampleTable
from mer.errors import SampleError


@dataclass(frozen=True)
class _Clip:
    """Properties of a row's images: errors, sizes, a hash of their bytes, and prints in all views."""

    unreadable: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]
    exact: str
    prints: tuple[tuple[np.ndarray | None, np.ndarray | None], ...]


def audit_table(
    table: SampleTable, origin: Path, *, labels: str, read: Callable[[Path], np.ndarray], threads: int = 2
) -> Audit:
    """Audit the images of a table.

    Args:
        table: samples to audit.
        origin: file that lists them.
        labels: name of the classes in the audit.
        read: function from an image file to pixels (H, W) or (H, W, 3); raises SampleError if it cannot be read.
        threads: number of threads to read files.
    """
    rows: list[dict[str, Any]] = table.frame.to_dict("records")  # type: ignore[assignment]
    with ThreadPoolExecutor(threads) as pool:
        clips = list(pool.map(lambda row: _examine(row, read), rows))
    findings = []
    for row, clip in zip(rows, clips, strict=True):
        findings += [_found("unreadable", row, text) for text in clip.unreadable]
        if len(clip.sizes) > 1:
            findings.append(_found("size", row, " and ".join(f"{width}x{height}" for width, height in clip.sizes)))
        if row["onset_path"] and Path(row["onset_path"]).resolve() == Path(row["apex_path"]).resolve():
            findings.append(_found("apex", row, "the apex is the onset: no motion"))
    findings += [*_one_person(table), *_copies(rows, clips)]
    frame = table.frame
    return Audit(
        title=table.name,
        part="",
        labels=labels,
        origin=origin,
        clips=len(table),
        frames=sum(bool(row[column]) for row in rows for column in IMAGE_COLUMNS),
        people=dict(sorted(Counter(table.subjects).items())),
        counts={label: int((frame["label"] == label).sum()) for label in table.classes},
        expected={},
        expected_people=None,
        described=len(table),
        totals=(),
        excluded={},
        findings=tuple(sorted(findings, key=lambda found: list(KINDS).index(found.kind))),
        notes=table.notes,
        unusable=lost_frames([text for clip in clips for text in clip.unreadable]),
        synthetic=table.synthetic,
    )


def refused(name: str, origin: Path, *, labels: str, reason: str) -> Audit:
    """Return the audit of a table that cannot be made, with the reason."""
    nothing = dict(clips=0, frames=0, people={}, counts={}, expected={}, expected_people=None, described=0, totals=())
    return Audit(
        title=name,
        part="",
        labels=labels,
        origin=origin,
        **nothing,  # type: ignore[arg-type]
        excluded={},
        findings=(),
        notes=(),
        unusable=reason,
        synthetic=False,
    )


def _found(kind: str, row: Mapping[str, Any], text: str) -> Finding:
    return Finding(kind, str(row["sample_id"]), f"{row['dataset']}:{row['subject']}", str(row["clip"]), text)


def _examine(row: Mapping[str, Any], read: Callable[[Path], np.ndarray]) -> _Clip:
    unreadable: list[str] = []
    sizes: dict[tuple[int, int], None] = {}
    pictures: dict[str, np.ndarray] = {}
    total = hashlib.sha256()
    for path in dict.fromkeys(row[column] for column in IMAGE_COLUMNS if row[column]):
        try:
            total.update(hashlib.sha256(Path(path).read_bytes()).digest())
            pixels = pictures[path] = read(Path(path))
            sizes[pixels.shape[1], pixels.shape[0]] = None
        except (SampleError, OSError) as error:
            unreadable.append(str(error))
    onset, apex = (pictures.get(row[column]) for column in ("onset_path", "apex_path"))
    moves = (
        onset is not None and apex is not None and onset.shape == apex.shape and row["onset_path"] != row["apex_path"]
    )
    return _Clip(tuple(unreadable), tuple(sizes), total.hexdigest(), tuple(clip_prints(onset if moves else None, apex)))


def _one_person(table: SampleTable) -> list[Finding]:
    """Return the people under two ids, whom every run with both refuses: `s1` and `S01`, `1` and `1.0`."""
    ids: dict[str, dict[str, None]] = {}
    for dataset, subject, shown in zip(table.frame["dataset"], table.frame["subject"], table.subjects, strict=True):
        ids.setdefault(f"{people_of(dataset)}:{person_key(subject)}", {})[shown] = None
    return [
        Finding("person", ", ".join(names), "", "", "spellings of one id; give one person one id")
        for names in ids.values()
        if len(names) > 1
    ]


def _copies(rows: Sequence[Mapping[str, Any]], clips: list[_Clip]) -> list[Finding]:
    """Return the clips with equal bytes, and the clips that look and move alike."""
    first: dict[str, int] = {}
    found, kept = [], []
    for place, clip in enumerate(clips):
        other = first.setdefault(clip.exact, place)
        if other == place:
            kept.append(place)
        else:
            found.append(_found("copy", rows[place], f"its images equal those of {rows[other]['sample_id']}"))
    looks = [clips[place].prints[0][0] for place in kept]
    changes = [clips[place].prints[0][1] for place in kept]
    if any(change is not None for change in changes):
        views = [
            tuple(
                [prints[view + 1][side] if len(prints := clips[place].prints) > 1 else None for place in kept]
                for side in (0, 1)
            )
            for view in range(len(VIEWS))
        ]
        pairs = near_copies(looks, changes, views=views)  # type: ignore[arg-type]
    else:
        pairs = near_copies(looks, None)
    for a, b, distance in pairs:
        text = f"looks and moves like {rows[kept[a]]['sample_id']} ({distance:.1%} of the bits differ)"
        found.append(_found("near copy", rows[kept[b]], text))
    return found
