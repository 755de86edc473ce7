"""Findings of the leak audit: who is tested and was seen in training under any name, one for every two people.

Contract: pure functions of the study, but for the cache of prints. A finding's name depends on its kind and on the two
people (or the person and the source) and on nothing else, so that it can be waived by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mer.data import registry as catalog
from mer.inputs.input_arrays import compute_rows
from mer.train.experiment import null_runs, trained_on
from mer.train.experiment.experiment import Study
from mer.train.experiment.overlap import Samples, person_code, person_codes
from mer.train.leaks.pairs import Pair, equal_rows, equal_to, near_rows, near_to
from mer.utils.hashing import digest

#: Rows of one finding that a message lists; results and report hold all of them.
SHOWN = 12
#: Key of co-training in the configuration.
COTRAIN = "cotrain"
#: Rows of the table whose inputs are computed again from their own files.
RECOMPUTED = 3


@dataclass(frozen=True)
class Leak:
    """One finding.

    Attributes:
        kind: key of `mer.train.experiment.leak_waivers.KINDS`.
        who: the two people, or the person and the source; with `kind` they give the name.
        text: who meets whom, and where; one sentence.
        rows: what meets, in words with sample ids, followed by the files.
    """

    kind: str
    who: tuple[str, ...]
    text: str
    rows: tuple[tuple[str, ...], ...] = ()

    @property
    def name(self) -> str:
        """By which it is waived, e.g. `near_pixels-3fa2c1`."""
        return f"{self.kind}-{digest([self.kind, *self.who])[:6]}"

    def message(self) -> str:
        """The finding with samples and files, as lines."""
        lines = [f"{self.name}: {self.text}"]
        for what, *paths in self.rows[:SHOWN]:
            lines += [f"  {what}", *(f"    {path}" for path in paths if path)]
        rest = len(self.rows) - SHOWN
        return "\n".join([*lines, f"  and {rest} more"] if rest > 0 else lines)


def find(study: Study) -> Iterator[Leak]:
    """All findings, by kind in the order of `mer.train.experiment.leak_waivers.KINDS`."""
    sides = sides_of(study)
    cache = Path(study.config.cache_dir)
    yield from _same_people(study, sides)
    equal = equal_rows(study.samples)
    exact = {(pair.a, pair.b) for pair in equal}
    near = [pair for pair in near_rows(study.samples, cache) if (pair.a, pair.b) not in exact]
    yield from _own_pairs(study, sides, "equal_pixels", equal)
    yield from _own_pairs(study, sides, "near_pixels", near)
    for key, samples in others_of(study).items():
        yield from _other_data(study, sides, key, samples)
    yield from _init(study, sides)
    yield from _inputs(study)


def others_of(study: Study) -> dict[str, Samples]:
    """Samples beside the run's own that train its networks, by their key in the configuration."""
    found = {f"stages.{stage.name}": stage.samples for stage in study.stages}
    return found if study.companions is None else {**found, COTRAIN: study.companions}


def sides_of(study: Study) -> np.ndarray:
    """Where each row stands in each fold: (folds, rows) int8; 0 nowhere, 1 trains, 2 chooses, 3 is tested."""
    place = {sample: row for row, sample in enumerate(study.table.frame["sample_id"])}
    sides = np.zeros((len(study.folds), len(study.table)), dtype=np.int8)
    for number, fold in enumerate(study.folds):
        for side, part in enumerate((fold.train, fold.validation, fold.test), 1):
            sides[number, [place[sample] for sample in part]] = side
    return sides


def _names(study: Study, there: np.ndarray) -> list[str]:
    """Names of the folds where a mask (folds,) is true."""
    return [study.folds[number].name for number in np.flatnonzero(there)]


def _where(folds: Sequence[str]) -> str:
    return f"fold {folds[0]}" + (f" and {len(folds) - 1} more" if len(folds) > 1 else "")


def _clip(samples: Samples, row: int) -> tuple[str, str]:
    """Sample id and image of a row."""
    found = samples.table.frame.iloc[row]
    return str(found["sample_id"]), str(found["apex_path"] or found["onset_path"])


def _same_people(study: Study, sides: np.ndarray) -> Iterator[Leak]:
    codes, subjects = person_codes(study.table), study.table.subjects.to_numpy(dtype=object)
    for code in sorted(set(codes)):
        rows = np.flatnonzero(codes == code)
        parts = sides[:, rows]
        folds = _names(study, parts.max(axis=1) > np.where(parts > 0, parts, 9).min(axis=1))
        if folds:
            names = tuple(sorted(set(subjects[rows])))
            who = f"{' and '.join(names)} are one person," if len(names) > 1 else names[0]
            listed = tuple(_clip(study.samples, row) for row in rows.tolist())
            yield Leak("same_person", names, f"{who} on two sides of {_where(folds)}", listed)


def _own_pairs(study: Study, sides: np.ndarray, kind: str, pairs: Iterable[Pair]) -> Iterator[Leak]:
    """Findings of pairs of rows of the run's own table."""
    subjects = study.table.subjects.tolist()
    apart = []
    for pair in pairs:
        a, b = sides[:, pair.a], sides[:, pair.b]
        if folds := _names(study, (a != b) & (a > 0) & (b > 0)):
            apart.append((pair, folds))
    for names, met in _by_people(apart, lambda pair: tuple(sorted((subjects[pair.a], subjects[pair.b])))):
        folds = list(dict.fromkeys(name for _, where in met for name in where))
        text = f"{names[0]} and {names[1]}: {_clips(len(met))} meet on two sides of {_where(folds)}"
        yield Leak(kind, names, text, tuple(_row(study.samples, study.samples, pair) for pair, _ in met))


def _other_data(study: Study, sides: np.ndarray, key: str, samples: Samples) -> Iterator[Leak]:
    """Findings between another source and what is tested; whom the training leaves out by itself is none."""
    own, theirs = study.table.subjects.tolist(), samples.table.subjects.tolist()
    ids = samples.table.frame["sample_id"].tolist()
    kept: dict[int, set[str]] = {}
    apart = []
    for pair in (*equal_to(samples, study.samples), *near_to(samples, study.samples, Path(study.config.cache_dir))):
        folds = []
        for number in np.flatnonzero(sides[:, pair.b] > 1).tolist():
            if number not in kept:
                trained = trained_on.joining if key == COTRAIN else trained_on.allowed_in
                kept[number] = set(trained(study, samples, study.folds[number]))
            if ids[pair.a] in kept[number]:
                folds.append(study.folds[number].name)
        if folds:
            apart.append((pair, folds))
    for names, met in _by_people(apart, lambda pair: (key, theirs[pair.a], own[pair.b])):
        folds = list(dict.fromkeys(name for _, where in met for name in where))
        text = f"{names[1]} of {key} and {names[2]}, who is held out in {_where(folds)}: {_clips(len(met))} meet"
        yield Leak("other_data", names, text, tuple(_row(samples, study.samples, pair) for pair, _ in met))


Met = list[tuple[Pair, list[str]]]


def _by_people(pairs: Met, who: Callable[[Pair], tuple[str, ...]]) -> list[tuple[tuple[str, ...], Met]]:
    """Pairs of rows by the people in them, sorted."""
    groups: dict[tuple[str, ...], Met] = {}
    for item in pairs:
        groups.setdefault(who(item[0]), []).append(item)
    return sorted(groups.items(), key=lambda item: item[0])


def _clips(count: int) -> str:
    return "1 pair of clips" if count == 1 else f"{count} pairs of clips"


def _row(left: Samples, right: Samples, pair: Pair) -> tuple[str, str, str]:
    (a, path), (b, other) = _clip(left, pair.a), _clip(right, pair.b)
    return f"{a} = {b} ({pair.how})", path, other


def _init(study: Study, sides: np.ndarray) -> Iterator[Leak]:
    seen, path = trained_on.told_by(study.config.init), str(study.config.init.path)
    if seen is None:
        return
    met: dict[str, list[tuple[int, str]]] = {}
    # an id with more colons than one is a data set's own affair: its name ends at the first
    known_people = {person_code(dataset, name) for dataset, _, name in (one.partition(":") for one in seen.subjects)}
    held_out = np.any(sides > 1, axis=0)
    table, codes = study.table, person_codes(study.table)
    listed = zip(table.subjects, codes, table.frame["sample_id"], study.samples.pictures, strict=True)
    for row, (subject, code, sample, pictures) in enumerate(listed):
        known = not seen.pictures.isdisjoint(picture[: trained_on.DIGITS] for picture in pictures)
        how = "person" if code in known_people else "id" if sample in seen.samples else "picture" if known else ""
        if how and held_out[row]:
            met.setdefault(subject, []).append((row, how))
    for subject, found in met.items():
        folds = _names(study, np.any(sides[:, [row for row, _ in found]] > 1, axis=1))
        text = f"{path} was trained on {subject}, who is held out in {_where(folds)}"
        clips = ((*_clip(study.samples, row), how) for row, how in found)
        yield Leak("init", (subject,), text, tuple((f"{sample} (the same {how})", file) for sample, file, how in clips))


def _inputs(study: Study) -> Iterator[Leak]:
    """Rows, spread over the table, whose input is another than what their own files give."""
    config = study.config
    if catalog.SOURCES[config.data.name].pixels is not None:
        return
    rows = np.unique(np.linspace(0, len(study.table) - 1, RECOMPUTED).astype(int)).tolist()
    alone = compute_rows(null_runs.shown(study.table, config), config.input, rows)
    for row, values in zip(rows, alone, strict=True):
        if not np.array_equal(values, study.pixels[row]):
            sample, path = _clip(study.samples, row)
            text = f"{sample}: its files alone give another input than the kept one; delete cache_dir/pixels"
            yield Leak("input", (sample,), text, ((sample, path),))
