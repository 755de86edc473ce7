"""Everything that does not fit between what a data set's sheet says and what lies on disk, row by row; changes nothing.

Contract: `audit` never stops at a fault. Whether the set can be used is decided by the loader itself, so that the audit
and a run cannot disagree. A finding is harmless where the official release is known to be so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mer.config import FolderData
from mer.data.audit.findings import KINDS, Finding, apexes_as_released, copies, of_counts, of_files, of_sheet, of_total
from mer.data.audit.frame_files import ClipFiles, examine
from mer.data.loading.annotations import Annotations, ClipAnnotation
from mer.data.loading.build_table import build_sample_table, is_synthetic, published
from mer.data.loading.corrections import apply_corrections
from mer.data.loading.dataset_card import USUAL, DatasetCard
from mer.data.samples.label_sets import LabelSet, canonical_emotion, canonical_objective
from mer.errors import MerError, SampleError


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        title: of the data set.
        part: of the data set, "" where it has one only.
        labels: name of the label set.
        origin: sheet or folder that was read.
        clips: number of clips described.
        frames: number of frames from onset to offset of these clips.
        people: subject -> number of clips.
        counts: class -> number of clips.
        expected: class -> published number, empty where unknown or where the clips are drawn.
        expected_people: announced number of subjects, None where unknown.
        described: number of clips, or of recordings where the published totals count those.
        totals: published numbers of these, several where several releases circulate; empty as `expected`.
        left_out: annotation that the label set leaves out -> number of clips.
        findings: in the order of `KINDS`.
        notes: what the loader said, repairs included.
        unusable: why the loader refuses the set under these settings, "" where it does not.
        synthetic: whether the clips are drawn.
    """

    title: str
    part: str
    labels: str
    origin: Path
    clips: int
    frames: int
    people: dict[str, int]
    counts: dict[str, int]
    expected: dict[str, int]
    expected_people: int | None
    described: int
    totals: tuple[int, ...]
    excluded: dict[str, int]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    unusable: str
    synthetic: bool

    @property
    def status(self) -> int:
        """Exit status: 2 where the set cannot be used, 1 where something does not fit, 0 else."""
        if self.unusable:
            return 2
        return 1 if any(not finding.harmless for finding in self.findings) else 0


def audit(
    reading: Annotations,
    data: FolderData,
    card: DatasetCard,
    *,
    read: Callable[[Path], np.ndarray],
    threads: int = 2,
    progress: Callable[[Iterable[ClipFiles | str]], Iterable[ClipFiles | str]] = iter,
) -> Audit:
    """All that does not fit in a data set.

    Args:
        reading: what its loader read.
        data: settings that the samples would be loaded with.
        card: of the data set.
        read: pixels (H, W) or (H, W, 3) of an image file; SampleError where it cannot be read.
        threads: that read files.
        progress: wraps the results while clips are read, e.g. `rich.progress.track`.

    Raises:
        MerError: the table of repairs cannot be used.
    """
    clips, repaired = apply_corrections(reading.clips, data, card.key)
    labels = card.label_sets[data.labels or USUAL]

    def one(clip: ClipAnnotation) -> ClipFiles | str:
        try:
            return examine(clip, read)
        except SampleError as error:
            return str(error)

    with ThreadPoolExecutor(threads) as pool:
        files = list(progress(pool.map(one, clips)))
    whole = [item if isinstance(item, ClipFiles) else None for item in files]
    drawn = is_synthetic(data)
    words = [_word(clip, labels) for clip in clips]
    counts = {name: sum(labels.mapping.get(word) == name for word in words) for name in labels.classes}
    release, expected = published(labels, data, card, counts=counts, sheet=reading.origin.name)
    expected = {} if drawn else expected
    people = Counter(clip.subject for clip in clips)
    announced = None if drawn else card.people_in(card.part(data))
    described = len({(clip.subject, clip.clip) for clip in clips}) if card.recordings else len(clips)
    totals = () if drawn else tuple(card.totals.get(card.part(data), ()))
    known = apexes_as_released(clips, card, drawn=drawn)
    findings = [
        *(Finding("cell", fault.split(":")[0].split(",")[0], "", "", fault) for fault in reading.errors),
        *(Finding("doubt", doubt.split(",")[0], "", "", doubt) for doubt in reading.inconsistencies),
        *of_sheet(clips, words, labels, card, drawn=drawn),
        *(
            found
            for clip, item in zip(clips, files, strict=True)
            for found in of_files(clip, item, card, as_released=known)
        ),
        *(Finding("unlisted", path.name, "", "", f"{path}: no row names it") for path in reading.unlisted),
        *copies(clips, whole, still=card.still),
        *of_counts(counts, expected, len(people), announced),
        *of_total(described, totals, card),
    ]
    return Audit(
        title=card.title,
        part=card.part(data),
        labels=data.labels or USUAL,
        origin=reading.origin,
        clips=len(clips),
        frames=sum(item.read for item in whole if item),
        people=dict(sorted(people.items())),
        counts=counts,
        expected=expected,
        expected_people=announced,
        described=described,
        totals=totals,
        excluded=dict(Counter(word or "none given" for word in words if word in labels.excluded)),
        findings=tuple(sorted(findings, key=lambda found: list(KINDS).index(found.kind))),
        notes=(*reading.notes, *repaired, *([f"Counts are compared with the release {release}."] if release else [])),
        unusable=_refusal(reading, data, card),
        synthetic=drawn,
    )


def _refusal(reading: Annotations, data: FolderData, card: DatasetCard) -> str:
    try:
        build_sample_table(reading, data, card)
    except MerError as error:
        return str(error)
    return ""


def _word(clip: ClipAnnotation, labels: LabelSet) -> str:
    return canonical_emotion(clip.emotion) if labels.column == "emotion" else canonical_objective(clip.objective)
