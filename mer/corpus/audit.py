"""Everything that does not fit between what a data set's sheet says and what lies on disk, row by row; changes nothing.

Contract: `audit` never stops at a fault. Whether the set can be used is decided by the loader itself, so that the audit
and a run cannot disagree. A finding is harmless where the official release is known to be so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mer.config import FolderData
from mer.corpus.assemble import apex_fault, is_synthetic, published, table_of
from mer.corpus.audit_frames import ClipFiles, examine
from mer.corpus.aus import parse_aus
from mer.corpus.coded import CodedClip, Reading
from mer.corpus.labels import LabelSet, canonical_emotion, canonical_objective
from mer.corpus.official import USUAL, Official
from mer.corpus.prints import VIEWS, Pairing, near_copies
from mer.corpus.repairs import repair
from mer.errors import MerError, SampleError

#: Kind of finding -> what it means, in the order in which they are shown.
KINDS = {
    "cell": "a cell or a file of labels that cannot be used",
    "twice": "a clip that stands in the sheet twice",
    "label": "a label that the label set does not know",
    "doubt": "a row whose columns contradict each other",
    "case": "a label in another case than its like",
    "units": "action units that cannot be parsed",
    "span": "no onset or offset, or an onset behind the offset",
    "apex": "no apex, or an apex outside onset..offset or on the onset",
    "frames": "a clip without frames, or with two files for one frame",
    "key frame": "an onset, apex or offset that is not on disk",
    "gap": "frames missing between onset and offset",
    "unreadable": "a frame that cannot be read",
    "size": "frames of several sizes in one clip",
    "stray": "files among the frames that are none",
    "unlisted": "frames on disk that no row names",
    "copy": "two clips with equal bytes",
    "near copy": "two clips that look and move alike",
    "counts": "counts other than the published ones",
}


@dataclass(frozen=True)
class Finding:
    """One thing that does not fit.

    Attributes:
        kind: key of `KINDS`.
        where: row, line, folder or file.
        subject: "" where it is of no clip.
        clip: "" where it is of no clip.
        text: what was found.
        harmless: whether it is as in the official release, or a file manager's; does not count for the exit status.
    """

    kind: str
    where: str
    subject: str
    clip: str
    text: str
    harmless: bool = False


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
    left_out: dict[str, int]
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
    reading: Reading,
    data: FolderData,
    card: Official,
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
    clips, repaired = repair(reading.clips, data, card.key)
    labels = card.label_sets[data.labels or USUAL]

    def one(clip: CodedClip) -> ClipFiles | str:
        try:
            return examine(clip, read)
        except SampleError as error:
            return str(error)

    with ThreadPoolExecutor(threads) as pool:
        files = list(progress(pool.map(one, clips)))
    whole = [item if isinstance(item, ClipFiles) else None for item in files]
    drawn = is_synthetic(data)
    words = [_word(clip, labels) for clip in clips]
    counts = {name: sum(labels.of.get(word) == name for word in words) for name in labels.classes}
    expected = {} if drawn else published(labels, data, card)
    people = Counter(clip.subject for clip in clips)
    announced = None if drawn or (card.counted and card.part(data) not in card.counted) else card.people
    described = len({(clip.subject, clip.clip) for clip in clips}) if card.recordings else len(clips)
    totals = () if drawn else tuple(card.totals.get(card.part(data), ()))
    findings = [
        *(Finding("cell", fault.split(":")[0].split(",")[0], "", "", fault) for fault in reading.faults),
        *(Finding("doubt", doubt.split(",")[0], "", "", doubt) for doubt in reading.doubts),
        *_of_sheet(clips, words, labels, card),
        *(found for clip, item in zip(clips, files, strict=True) for found in _of_files(clip, item, card)),
        *(Finding("unlisted", path.name, "", "", f"{path}: no row names it") for path in reading.unlisted),
        *_copies(clips, whole, still=card.still),
        *_of_counts(counts, expected, len(people), announced),
        *_of_total(described, totals, card),
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
        left_out=dict(Counter(word or "none given" for word in words if word in labels.left_out)),
        findings=tuple(sorted(findings, key=lambda found: list(KINDS).index(found.kind))),
        notes=(*reading.notes, *repaired),
        unusable=_refusal(reading, data, card),
        synthetic=drawn,
    )


def _refusal(reading: Reading, data: FolderData, card: Official) -> str:
    try:
        table_of(reading, data, card)
    except MerError as error:
        return str(error)
    return ""


def _word(clip: CodedClip, labels: LabelSet) -> str:
    return canonical_emotion(clip.emotion) if labels.column == "emotion" else canonical_objective(clip.objective)


def _found(kind: str, clip: CodedClip, text: str, *, harmless: bool = False) -> Finding:
    return Finding(kind, clip.where, clip.subject, clip.clip, text, harmless)


def _of_sheet(clips: Sequence[CodedClip], words: Sequence[str], labels: LabelSet, card: Official) -> list[Finding]:
    """What is wrong in the rows by themselves."""
    found = []
    seen = Counter((clip.subject, clip.clip, clip.onset) for clip in clips)
    spellings = Counter(clip.emotion for clip in clips)
    styles = Counter(clip.emotion.istitle() for clip in clips)
    apexless = bool(clips) and all(clip.apex is None for clip in clips)
    for clip, word in zip(clips, words, strict=True):
        if seen[clip.subject, clip.clip, clip.onset] > 1:
            found.append(_found("twice", clip, f"onset {clip.onset} stands there more than once"))
        if word not in labels.of and word not in labels.left_out:
            found.append(_found("label", clip, f"{labels.column} {word!r}"))
        alike = [spelling for spelling in spellings if spelling.casefold() == clip.emotion.casefold()]
        usual = max(alike, key=lambda spelling: (spellings[spelling], styles[spelling.istitle()]))
        if usual != clip.emotion:
            found.append(_found("case", clip, f"{clip.emotion!r}, elsewhere {usual!r}"))
        try:
            parse_aus(clip.aus)
        except ValueError as error:
            found.append(_found("units", clip, f"{clip.aus!r}: {error}"))
        if card.still:
            continue
        if clip.onset is None or clip.offset is None or clip.onset > clip.offset:
            found.append(_found("span", clip, f"onset {clip.onset}, offset {clip.offset}"))
        fault = apex_fault(clip) or ("the apex is the onset: no motion" if clip.apex == clip.onset else "")
        if fault and not apexless:
            found.append(_found("apex", clip, fault))
    if apexless:
        text = f"none of {len(clips)} clips has one; data.missing_apex decides what stands in"
        found.append(Finding("apex", "all", "", "", text, harmless=True))
    return found


def _of_files(clip: CodedClip, files: ClipFiles | str, card: Official) -> list[Finding]:
    """What is wrong between a row and its files."""
    if isinstance(files, str):
        return [_found("frames", clip, files)]
    if not files.frames:
        missing = "no frames inside" if clip.folder.is_dir() else "no such folder or file"
        return [_found("frames", clip, f"{clip.folder}: {missing}")]
    numbers = clip.frames()
    found = [
        _found("key frame", clip, f"{name} frame {number}; {clip.folder} holds {min(numbers)} .. {max(numbers)}")
        for name, number in (("onset", clip.onset), ("apex", clip.apex), ("offset", clip.offset))
        if number is not None and number not in numbers
    ]
    if files.gaps:
        listed = ", ".join(map(str, files.gaps[:8])) + (", ..." if len(files.gaps) > 8 else "")
        found.append(_found("gap", clip, f"{len(files.gaps)} missing: {listed}", harmless=card.gaps))
    found += [_found("unreadable", clip, text) for text in files.unreadable]
    if len(files.sizes) > 1:
        found.append(_found("size", clip, " and ".join(f"{width}x{height}" for width, height in files.sizes)))
    if files.stray:
        found.append(_found("stray", clip, ", ".join(files.stray)))
    if files.system:
        found.append(_found("stray", clip, ", ".join(files.system), harmless=True))
    return found


def _copies(clips: Sequence[CodedClip], files: Sequence[ClipFiles | None], *, still: bool) -> list[Finding]:
    """Pairs of clips with equal bytes, and of clips that look and move alike."""
    first: dict[str, CodedClip] = {}
    found, exact = [], set()
    for place, (clip, item) in enumerate(zip(clips, files, strict=True)):
        other = first.setdefault(item.exact, clip) if item and item.exact else clip
        if other is not clip:
            exact.add(place)
            found.append(_found("copy", clip, f"its frames equal those of {other}, byte by byte"))
    kept = [place for place in range(len(clips)) if place not in exact]
    items = [files[place] for place in kept]
    looks = [item.look if item else None for item in items]
    changes = None if still else [item.change if item else None for item in items]
    views = [] if still else [_view(items, number) for number in range(len(VIEWS))]
    pairs = near_copies(looks, changes, views=views)
    for a, b, distance in pairs:
        text = f"looks and moves like {clips[kept[a]]} ({distance:.1%} of the bits differ)"
        found.append(_found("near copy", clips[kept[b]], text))
    return found


def _view(items: Sequence[ClipFiles | None], number: int) -> Pairing:
    """Looks and changes of all clips in one view, None where a clip has none."""
    seen = [item.views[number] if item and item.views else (None, None) for item in items]
    return [look for look, _ in seen], [change for _, change in seen]


def _of_counts(counts: dict[str, int], expected: dict[str, int], people: int, announced: int | None) -> list[Finding]:
    found = [
        Finding("counts", f"class {name}", "", "", f"{counts[name]}, published {number}")
        for name, number in expected.items()
        if counts[name] != number
    ]
    if announced is not None and people != announced:
        found.append(Finding("counts", "subjects", "", "", f"{people}, announced {announced}"))
    return found


def _of_total(described: int, totals: tuple[int, ...], card: Official) -> list[Finding]:
    if not totals or described in totals:
        return []
    what = "recordings" if card.recordings else "clips, whatever their label"
    return [Finding("counts", "in all", "", "", f"{described} {what}, published {' or '.join(map(str, totals))}")]
