"""Find errors in rows, files and counts for `mer.data.audit.dataset_audit`; `KINDS` lists the kinds of findings.

Contract: pure functions of the annotations and files that were read; none of them stops at an error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mer.data.audit.frame_files import ClipFiles
from mer.data.facs.notation import unread_parts
from mer.data.loading.annotations import ClipAnnotation
from mer.data.loading.build_table import apex_fault
from mer.data.loading.dataset_card import DatasetCard
from mer.data.samples.fingerprints import VIEWS, Pairing, near_copies
from mer.data.samples.label_sets import LabelSet

#: Kind of finding -> its meaning, in the order of output.
KINDS = {
    "cell": "a cell or a file of labels that cannot be used",
    "twice": "a clip that stands in the sheet twice",
    "label": "a label that the label set does not know",
    "doubt": "a row whose columns contradict each other",
    "case": "a label in another case than its like",
    "units": "parts of action units that cannot be parsed",
    "span": "no onset or offset, or an onset behind the offset",
    "apex": "no apex, or an apex outside onset..offset or on the onset",
    "frames": "a clip without frames, or with two files for one frame",
    "key frame": "an onset, apex or offset that is not on disk",
    "gap": "frames missing between onset and offset",
    "unreadable": "a frame that cannot be read",
    "size": "frames of several sizes in one clip",
    "stray": "files among the frames that are none",
    "unlisted": "frames on disk that no row names",
    "person": "one person under two ids",
    "copy": "two clips with equal bytes",
    "near copy": "two clips that look and move alike",
    "counts": "counts other than the published ones",
}


@dataclass(frozen=True)
class Finding:
    """One finding of an audit.

    Attributes:
        kind: key of `KINDS`.
        where: row, line, folder or file.
        subject: subject of the clip, "" if the finding concerns no clip.
        clip: name of the clip, "" if the finding concerns no clip.
        text: description of the finding.
        harmless: whether the official release has it too, or a file manager left it; ignored by the exit status.
    """

    kind: str
    where: str
    subject: str
    clip: str
    text: str
    harmless: bool = False


def _found(kind: str, clip: ClipAnnotation, text: str, *, harmless: bool = False) -> Finding:
    return Finding(kind, clip.where, clip.subject, clip.clip, text, harmless)


def of_sheet(
    clips: Sequence[ClipAnnotation], words: Sequence[str], labels: LabelSet, card: DatasetCard, *, drawn: bool
) -> list[Finding]:
    """Return the findings in the rows alone; odd apexes are harmless up to the number in the official release."""
    found = []
    seen = Counter((clip.subject, clip.clip, clip.onset) for clip in clips)
    spellings = Counter(clip.emotion for clip in clips)
    styles = Counter(clip.emotion.istitle() for clip in clips)
    faults = {clip: _apex_text(clip) for clip in clips}
    known = apexes_as_released(clips, card, drawn=drawn)
    apexless = bool(clips) and all(clip.apex is None for clip in clips)
    for clip, word in zip(clips, words, strict=True):
        if seen[clip.subject, clip.clip, clip.onset] > 1:
            found.append(_found("twice", clip, f"onset {clip.onset} stands there more than once"))
        if word not in labels.mapping and word not in labels.excluded:
            found.append(_found("label", clip, f"{labels.column} {word!r}"))
        alike = [spelling for spelling in spellings if spelling.casefold() == clip.emotion.casefold()]
        usual = max(alike, key=lambda spelling: (spellings[spelling], styles[spelling.istitle()]))
        if usual != clip.emotion:
            found.append(_found("case", clip, f"{clip.emotion!r}, elsewhere {usual!r}"))
        if rest := unread_parts(clip.aus):
            text = f"{clip.aus!r}: no action unit in {', '.join(map(repr, rest))}; kept as text"
            found.append(_found("units", clip, text, harmless=True))
        if card.still:
            continue
        if clip.onset is None or clip.offset is None or clip.onset > clip.offset:
            found.append(_found("span", clip, f"onset {clip.onset}, offset {clip.offset}"))
        if faults[clip] and not apexless:
            found.append(_found("apex", clip, faults[clip], harmless=known))
    if apexless:
        text = f"none of {len(clips)} clips has one; data.missing_apex decides how they are used"
        found.append(Finding("apex", "all", "", "", text, harmless=True))
    return found


def apexes_as_released(clips: Sequence[ClipAnnotation], card: DatasetCard, *, drawn: bool) -> bool:
    """Return whether there are no more odd apexes than in the official release."""
    return not drawn and sum(bool(_apex_text(clip)) for clip in clips) <= card.odd_apexes


def _apex_text(clip: ClipAnnotation) -> str:
    return apex_fault(clip) or ("the apex is the onset: no motion" if clip.apex == clip.onset else "")


def of_files(
    clip: ClipAnnotation, files: ClipFiles | str, card: DatasetCard, *, as_released: bool = False
) -> list[Finding]:
    """Return the findings between a row and its files; with `as_released` an odd apex needs no frame on disk."""
    if isinstance(files, str):
        return [_found("frames", clip, files)]
    if not files.frames:
        missing = "no frames inside" if clip.folder.is_dir() else "no such folder or file"
        return [_found("frames", clip, f"{clip.folder}: {missing}")]
    numbers = clip.frames()
    found = [
        _found(
            "key frame",
            clip,
            f"{name} frame {number}; {clip.folder} holds {min(numbers)} .. {max(numbers)}",
            harmless=as_released and name == "apex" and bool(apex_fault(clip)),
        )
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


def copies(clips: Sequence[ClipAnnotation], files: Sequence[ClipFiles | None], *, still: bool) -> list[Finding]:
    """Return the pairs of clips with equal bytes, and the pairs that look and move alike."""
    first: dict[str, ClipAnnotation] = {}
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
    """Return looks and changes of all clips in one view, None for a clip without them."""
    seen = [item.views[number] if item and item.views else (None, None) for item in items]
    return [look for look, _ in seen], [change for _, change in seen]


def of_counts(counts: dict[str, int], expected: dict[str, int], people: int, announced: int | None) -> list[Finding]:
    """Return the classes and people with a number other than the published one."""
    found = [
        Finding("counts", f"class {name}", "", "", f"{counts[name]}, published {number}")
        for name, number in expected.items()
        if counts[name] != number
    ]
    if announced is not None and people != announced:
        found.append(Finding("counts", "subjects", "", "", f"{people}, announced {announced}"))
    return found


def of_total(described: int, totals: tuple[int, ...], card: DatasetCard) -> list[Finding]:
    """Return a finding if no release has this number of clips or recordings."""
    if not totals or described in totals:
        return []
    what = "recordings" if card.recordings else "clips, whatever their label"
    return [Finding("counts", "in all", "", "", f"{described} {what}, published {' or '.join(map(str, totals))}")]
