"""Build the table of samples of an official data set from its annotated clips: call `build_sample_table`.

Contract: labels, apexes, key frames and counts follow the same rules for every data set. Wrong rows are listed
together. Nothing is imputed, repaired or left out without a note. No file is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from mer.config import FolderData
from mer.data.facs.notation import unread_parts
from mer.data.loading.annotations import ALL, Annotations, ClipAnnotation
from mer.data.loading.corrections import COLUMNS, apply_corrections
from mer.data.loading.dataset_card import SYNTHETIC_MARK, USUAL, DatasetCard, config_errors
from mer.data.samples.label_sets import LabelSet, canonical_emotion, canonical_objective
from mer.data.samples.schema import raise_for_rows
from mer.data.samples.table import SampleTable
from mer.errors import ConfigError, SampleError

#: End of a remedy: the second way to correct a row.
_OR_TABLE = f", or list them in data.repairs_table=FILE.csv ({','.join(COLUMNS)})"
#: Most clips that a note on unread action units lists.
_SHOWN = 5


def build_sample_table(reading: Annotations, data: FolderData, card: DatasetCard) -> SampleTable:
    """Return the samples of an official data set, with labels and missing apexes handled as configured.

    Args:
        reading: all clips as annotated.
        data: configuration with `labels`, `missing_apex`, `repairs` and `root`; a file in the root marks drawn clips.
        card: card of the data set.

    Raises:
        ConfigError: the label set or the handling of missing apexes is unknown.
        SampleError: rows cannot be used; one message lists all of them.
    """
    wrong = config_errors(data, card)
    if wrong:
        raise ConfigError(wrong)
    clips, repaired = apply_corrections(reading.clips, data, card.key)
    idle = [note for note in repaired if " fits no clip: " in note]
    try:
        return _build(reading, clips, repaired, data, card)
    except SampleError as error:
        if not idle:
            raise
        raise SampleError("\n".join([str(error), *idle])) from error


def _build(
    reading: Annotations,
    clips: Sequence[ClipAnnotation],
    repaired: Sequence[str],
    data: FolderData,
    card: DatasetCard,
) -> SampleTable:
    """Return the table of clips after corrections."""
    name = data.labels or USUAL
    labels, origin = card.label_sets[name], reading.origin
    remedy = "Correct them in a copy of the data, as in the official archive."
    raise_for_rows(reading.errors, f"{origin}: cells or files that cannot be used:", remedy, shown=ALL)
    synthetic = is_synthetic(data)
    unread = [f"{clip}: {', '.join(map(repr, rest))}" for clip in clips if (rest := unread_parts(clip.aus))]
    told = [*reading.notes, *repaired]
    if synthetic:
        told.append(f"The clips are drawn, in the layout of {card.title}; no person was recorded.")
    if unread:
        more = f"; and {len(unread) - _SHOWN} more" if len(unread) > _SHOWN else ""
        shown = "; ".join(unread[:_SHOWN]) + more
        told.append(f"Action units: {len(unread)} clips have a part that is not a unit, kept as text: {shown}.")
    chosen = _labelled(clips, labels, told, f"label set {name!r}", origin)
    if labels.note and not synthetic:
        sizes = Counter(item.label for item in chosen)
        told.append(labels.note.format(total=len(chosen), **{label: sizes[label] for label in labels.classes}))
    if not card.still:
        _check_span(chosen, origin)
    chosen = _with_files(chosen, origin)
    chosen = _with_apex(chosen, data.missing_apex, told, origin)
    frame = _frame(chosen, card, origin, described=clips)
    counts = {label: int((frame["label"] == label).sum()) for label in labels.classes}
    release, expected = published(labels, data, card, counts=counts, sheet=origin.name)
    if not synthetic and expected and counts != expected:
        told.append(_difference(counts, expected, card.title, name))
    elif not synthetic and release:
        told.append(f"Counts are those of the release {release} of {card.title}.")
    uncropped = () if card.has_crops(data) else (card.key,)
    return SampleTable(
        frame, labels.classes, name=card.title, notes=tuple(told), synthetic=synthetic, uncropped=uncropped
    )


def is_synthetic(data: FolderData) -> bool:
    """Return whether the root has the file by which `mer.data.synthetic.layouts.registry` marks drawn clips."""
    return (Path(data.root).expanduser() / SYNTHETIC_MARK).is_file()


def published(
    labels: LabelSet, data: FolderData, card: DatasetCard, *, counts: Mapping[str, int], sheet: str
) -> tuple[str, dict[str, int]]:
    """Return the release to compare with, "" for the usual one, and its number of samples per class, {} if unknown.

    The first match decides: a release with the same counts, a release in the sheet's name, the usual release.
    """
    if card.counted and card.part(data) not in card.counted:
        return "", {}
    releases = {"": labels.published, **labels.releases}
    fits = [name for name, expected in releases.items() if expected == counts]
    named = [name for name in labels.releases if name in sheet]
    chosen = [*fits, *named, ""][0]
    return chosen, dict(releases[chosen])


@dataclass(frozen=True)
class _Chosen:
    """Clip with a class of the label set; its frame files and the source of its apex are filled in later."""

    clip: ClipAnnotation
    label: str
    files: Mapping[int, Path] = field(default_factory=dict)
    apex_source: str = ""


def _labelled(
    clips: Sequence[ClipAnnotation], labels: LabelSet, notes: list[str], name: str, origin: Path
) -> list[_Chosen]:
    """Return the clips with a class in the label set; the number of the others is added to `notes`."""
    kept, unknown, left_out = [], [], Counter[str]()
    for clip in clips:
        word = canonical_emotion(clip.emotion) if labels.column == "emotion" else canonical_objective(clip.objective)
        if word in labels.mapping:
            kept.append(_Chosen(clip, labels.mapping[word]))
        elif word in labels.excluded:
            left_out[word or "none given"] += 1
        else:
            unknown.append(f"{clip}: {word!r}")
    words = ", ".join(sorted({*labels.mapping, *labels.excluded} - {""}))
    head = f"{origin}: unknown {labels.column} for {name}; expected one of {words} (case is free), got"
    raise_for_rows(
        unknown, head, f"Correct the cell in a copy of the sheet{_OR_TABLE}, or choose another data.labels.", shown=ALL
    )
    if left_out:
        notes.append(f"Left out by {name}: {', '.join(f'{word} {count}' for word, count in sorted(left_out.items()))}.")
    if not kept:
        raise SampleError(
            f"{origin}: none of {len(clips)} clips belongs to {name} ({labels.source}). Choose another data.labels."
        )
    return kept


def _check_span(chosen: Sequence[_Chosen], origin: Path) -> None:
    bad = [
        f"{item.clip}: onset {item.clip.onset}, offset {item.clip.offset}"
        for item in chosen
        if item.clip.onset is None or item.clip.offset is None or item.clip.onset > item.clip.offset
    ]
    head = f"{origin}: expected an onset and an offset, onset <= offset, got"
    raise_for_rows(bad, head, f"Correct the rows in a copy of the sheet{_OR_TABLE}.", shown=ALL)


def _with_files(chosen: Sequence[_Chosen], origin: Path) -> list[_Chosen]:
    """Return the clips with their frame files; SampleError lists all clips without folder or frames."""
    found, bad = [], []
    for item in chosen:
        there, files = item.clip.folder.is_dir(), item.clip.frames()
        if not files:
            bad.append(f"{item.clip}: {item.clip.folder} ({'no frames inside' if there else 'no such folder'})")
        found.append(replace(item, files=files))
    raise_for_rows(bad, f"{origin}: clips without frames on disk:", "Copy them from the official archive.", shown=ALL)
    return found


def _with_apex(chosen: Sequence[_Chosen], handling: str, notes: list[str], origin: Path) -> list[_Chosen]:
    """Return the clips with a usable apex; a missing one is imputed, dropped or an error, by `handling`."""
    lacking = {item.clip: fault for item in chosen if (fault := apex_fault(item.clip))}
    listed = [f"{clip}: {fault}" for clip, fault in lacking.items()]
    every = len(lacking) == len(chosen)
    if handling == "error" or (handling == "drop" and every):
        head = f"{origin}: {len(listed)} of {len(chosen)} clips without a usable apex (data.missing_apex={handling}):"
        remedy = "Set data.missing_apex=middle (the frame halfway from onset to offset, marked as imputed)"
        more = "" if every else f" or =drop{_OR_TABLE}"
        raise_for_rows(listed, head, f"{remedy}{more}.", shown=ALL)
    if lacking:
        done = {"middle": "replaced by the frame nearest halfway from onset to offset", "drop": "left out"}[handling]
        count = f"all {len(lacking)} clips, {done}" if every else f"{len(lacking)} clips, {done}: {'; '.join(listed)}"
        notes.append(f"No usable apex in {count}.")
    result = []
    for item in chosen:
        if item.clip not in lacking:
            result.append(replace(item, apex_source="annotated"))
        elif handling == "middle":
            result.append(_middle(item))
    still = [str(item.clip) for item in result if item.clip.apex == item.clip.onset]
    if still:
        notes.append(f"The apex is the onset in {len(still)} clips, so that they show no motion: {'; '.join(still)}.")
    return result


def apex_fault(clip: ClipAnnotation) -> str:
    """Return the reason why the annotated apex cannot be used, "" if it can."""
    if clip.apex is None:
        return "none given"
    if clip.onset is not None and clip.offset is not None and not clip.onset <= clip.apex <= clip.offset:
        return f"apex {clip.apex} outside onset {clip.onset} .. offset {clip.offset}"
    return ""


def _middle(item: _Chosen) -> _Chosen:
    """Return the clip with a new apex: the frame on disk nearest to the middle of onset and offset."""
    onset, offset = item.clip.onset or 0, item.clip.offset or 0
    apex = min(
        (number for number in item.files if onset <= number <= offset),
        key=lambda number: abs(2 * number - onset - offset),
        default=(onset + offset) // 2,
    )
    return replace(item, clip=replace(item.clip, apex=apex), apex_source="middle")


def _frame(
    chosen: Sequence[_Chosen], card: DatasetCard, origin: Path, *, described: Sequence[ClipAnnotation]
) -> pd.DataFrame:
    """Return the rows of the table; SampleError lists all key frames that are not on disk and all repeated clips.

    Ids depend on all annotated clips (`described`), so they are the same under every label set.
    """
    shared = Counter((clip.subject, clip.clip) for clip in described)
    rows: list[dict[str, object]] = []
    missing = []
    for item in chosen:
        clip, files = item.clip, item.files
        # Two expressions in one recording share its name, so the onset is added.
        apart = f"_{clip.onset}" if shared[clip.subject, clip.clip] > 1 else ""
        row: dict[str, object] = {
            "sample_id": f"{card.key}/{clip.subject}_{clip.clip}{apart}",
            "dataset": card.key,
            "subject": clip.subject,
            "clip": clip.clip,
            "apex_source": item.apex_source,
            "aus": clip.aus,
            "emotion": canonical_emotion(clip.emotion),
            "label": item.label,
            "folder": str(clip.folder),
        }
        for column, number in (("onset", clip.onset), ("apex", clip.apex), ("offset", clip.offset)):
            path = files.get(number) if number is not None else None
            row |= {column: number, f"{column}_path": str(path or "")}
            if path is None and not (card.still and number is None):
                there = f"it holds {min(files)} .. {max(files)}"
                missing.append(f"{clip}: {column} frame {number} in {clip.folder} ({there})")
        rows.append(row)
    remedy = f"Copy the frames from the official archive, or correct the rows in a copy of the sheet{_OR_TABLE}."
    raise_for_rows(missing, f"{origin}: {len(missing)} frames of its clips are not on disk:", remedy, shown=ALL)
    ids = Counter(row["sample_id"] for row in rows)
    twice = [str(item.clip) for item, row in zip(chosen, rows, strict=True) if ids[row["sample_id"]] > 1]
    raise_for_rows(
        twice, f"{origin}: clips that are listed twice:", "Remove the copies in a copy of the sheet.", shown=ALL
    )
    return pd.DataFrame(rows)


def _difference(counts: Mapping[str, int], published: Mapping[str, int], title: str, name: str) -> str:
    parts = [
        f"{label} {counts[label]} instead of {published[label]}"
        for label in counts
        if counts[label] != published[label]
    ]
    return (
        f"Counts differ from the published ones of {title}, label set {name!r}: {', '.join(parts)} "
        f"(in all {sum(counts.values())} instead of {sum(published.values())})."
    )
