"""Compare the sheet of a data set with the files on disk: call `audit`.

Contract: `audit` never stops at an error and changes nothing. The loader itself decides whether the set can be used, so
an audit and a run always agree. A finding is harmless if the official release is known to have it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
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
    """Result of an audit.

    Attributes:
        title: name of the data set.
        part: part of the data set, "" if it has only one.
        labels: name of the label set.
        origin: sheet or folder that was read.
        clips: number of annotated clips.
        frames: number of frames from onset to offset of these clips.
        people: subject -> number of clips.
        counts: class -> number of clips.
        expected: class -> published number; empty if unknown or if the clips are drawn.
        expected_people: published number of subjects, None if unknown.
        described: number of annotated clips, or of recordings if the published totals count recordings.
        totals: published numbers of these, one per release; empty as `expected`.
        excluded: annotation that the label set leaves out -> number of clips.
        findings: findings in the order of `KINDS`.
        notes: notes of the loader, repairs included.
        unusable: message of the loader if it refuses the set under these settings, else "".
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
        """Return the exit status: 2 if the set cannot be used, 1 if there are findings that matter, else 0."""
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
    """Audit a data set.

    Args:
        reading: clips as annotated, from its loader.
        data: configuration as for a run.
        card: card of the data set.
        read: function from an image file to pixels (H, W) or (H, W, 3); raises SampleError if it cannot be read.
        threads: number of threads to read files.
        progress: wrapper of the results while clips are read, e.g. `rich.progress.track`.

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
    used = [item for item, word in zip(whole, words, strict=True) if item and word in labels.mapping]
    lost = [text for item in used for text in item.lost]
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
        unusable=_refusal(reading, data, card) or lost_frames(lost),
        synthetic=drawn,
    )


def lost_frames(lost: Sequence[str]) -> str:
    """Return why clips with unreadable key frames cannot be used, "" if there are none."""
    if not lost:
        return ""
    return f"{len(lost)} key frames cannot be read, so that every run refuses them: {'; '.join(lost[:3])}"


def _refusal(reading: Annotations, data: FolderData, card: DatasetCard) -> str:
    try:
        build_sample_table(reading, data, card)
    except MerError as error:
        return str(error)
    return ""


def _word(clip: ClipAnnotation, labels: LabelSet) -> str:
    return canonical_emotion(clip.emotion) if labels.column == "emotion" else canonical_objective(clip.objective)
