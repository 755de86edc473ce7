"""Find leaks with `find_leaks`: tested people or clips that training may have seen under any name.

Contract: depends on the experiment only; fingerprints are cached. The name of a finding depends only on its kind and
the two people (or the person and the source), so it can be waived by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from mer.data import registry as catalog
from mer.inputs.input_arrays import compute_rows
from mer.inputs.prepared_samples import PreparedSamples
from mer.train.experiment import null_runs, trained_on
from mer.train.experiment.experiment import Experiment
from mer.train.experiment.overlap import codes_of, person_codes
from mer.train.leaks.leak import Leak
from mer.train.leaks.pairs import Pair, identical_across, identical_pairs, near_duplicate_rows, near_duplicates_across

#: Key of co-training in the configuration.
COTRAIN = "cotrain"
#: Rows of the table whose inputs are computed again from their own files.
RECOMPUTED = 3


def find_leaks(experiment: Experiment) -> Iterator[Leak]:
    """Yield all findings, by kind in the order of `mer.train.experiment.leak_waivers.KINDS`."""
    sides = split_roles(experiment)
    cache = Path(experiment.config.cache_dir)
    yield from _same_people(experiment, sides)
    equal = identical_pairs(experiment.samples)
    exact = {(pair.a, pair.b) for pair in equal}
    near = [pair for pair in near_duplicate_rows(experiment.samples, cache) if (pair.a, pair.b) not in exact]
    yield from _own_pairs(experiment, sides, "equal_pixels", equal)
    yield from _own_pairs(experiment, sides, "near_pixels", near)
    for key, samples in other_sources(experiment).items():
        yield from _other_data(experiment, sides, key, samples)
    yield from _init(experiment, sides)
    yield from _inputs(experiment)


def other_sources(experiment: Experiment) -> dict[str, PreparedSamples]:
    """Return the samples of stages and co-training, by their key in the configuration."""
    found = {f"stages.{stage.name}": stage.samples for stage in experiment.stages}
    return found if experiment.cotraining is None else {**found, COTRAIN: experiment.cotraining}


def split_roles(experiment: Experiment) -> np.ndarray:
    """Return the role of each row in each fold, (folds, rows) int8: 0 none, 1 training, 2 validation, 3 test."""
    place = {sample: row for row, sample in enumerate(experiment.table.frame["sample_id"])}
    sides = np.zeros((len(experiment.folds), len(experiment.table)), dtype=np.int8)
    for number, fold in enumerate(experiment.folds):
        for side, part in enumerate((fold.train, fold.validation, fold.test), 1):
            sides[number, [place[sample] for sample in part]] = side
    return sides


def _names(experiment: Experiment, there: np.ndarray) -> list[str]:
    """Return the names of the folds where the mask (folds,) is True."""
    return [experiment.folds[number].name for number in np.flatnonzero(there)]


def _where(folds: Sequence[str]) -> str:
    return f"fold {folds[0]}" + (f" and {len(folds) - 1} more" if len(folds) > 1 else "")


def _clip(samples: PreparedSamples, row: int) -> tuple[str, str]:
    """Return the sample id and image path of a row."""
    found = samples.table.frame.iloc[row]
    return str(found["sample_id"]), str(found["apex_path"] or found["onset_path"])


def _same_people(experiment: Experiment, sides: np.ndarray) -> Iterator[Leak]:
    codes, subjects = person_codes(experiment.table), experiment.table.subjects.to_numpy(dtype=object)
    for code in sorted(set(codes)):
        rows = np.flatnonzero(codes == code)
        parts = sides[:, rows]
        folds = _names(experiment, parts.max(axis=1) > np.where(parts > 0, parts, 9).min(axis=1))
        if folds:
            names = tuple(sorted(set(subjects[rows])))
            who = f"{' and '.join(names)} are one person," if len(names) > 1 else names[0]
            listed = tuple(_clip(experiment.samples, row) for row in rows.tolist())
            yield Leak("same_person", names, f"{who} on two sides of {_where(folds)}", listed)


def _own_pairs(experiment: Experiment, sides: np.ndarray, kind: str, pairs: Iterable[Pair]) -> Iterator[Leak]:
    """Yield a finding for each two people whose clips match across roles of a fold, within the run's own table."""
    subjects = experiment.table.subjects.tolist()
    apart = []
    for pair in pairs:
        a, b = sides[:, pair.a], sides[:, pair.b]
        if folds := _names(experiment, (a != b) & (a > 0) & (b > 0)):
            apart.append((pair, folds))
    for names, met in _by_people(apart, lambda pair: tuple(sorted((subjects[pair.a], subjects[pair.b])))):
        folds = list(dict.fromkeys(name for _, where in met for name in where))
        text = f"{names[0]} and {names[1]}: {_clips(len(met))} meet on two sides of {_where(folds)}"
        yield Leak(kind, names, text, tuple(_row(experiment.samples, experiment.samples, pair) for pair, _ in met))


def _other_data(experiment: Experiment, sides: np.ndarray, key: str, samples: PreparedSamples) -> Iterator[Leak]:
    """Yield findings between another source and held-out samples, except subjects that training leaves out anyway."""
    own, theirs = experiment.table.subjects.tolist(), samples.table.subjects.tolist()
    ids = samples.table.frame["sample_id"].tolist()
    kept: dict[int, set[str]] = {}
    apart = []
    for pair in (
        *identical_across(samples, experiment.samples),
        *near_duplicates_across(samples, experiment.samples, Path(experiment.config.cache_dir)),
    ):
        folds = []
        for number in np.flatnonzero(sides[:, pair.b] > 1).tolist():
            if number not in kept:
                trained = trained_on.cotraining_ids if key == COTRAIN else trained_on.pretraining_ids
                kept[number] = set(trained(experiment, samples, experiment.folds[number]))
            if ids[pair.a] in kept[number]:
                folds.append(experiment.folds[number].name)
        if folds:
            apart.append((pair, folds))
    for names, met in _by_people(apart, lambda pair: (key, theirs[pair.a], own[pair.b])):
        folds = list(dict.fromkeys(name for _, where in met for name in where))
        text = f"{names[1]} of {key} and {names[2]}, who is held out in {_where(folds)}: {_clips(len(met))} meet"
        yield Leak("other_data", names, text, tuple(_row(samples, experiment.samples, pair) for pair, _ in met))


Met = list[tuple[Pair, list[str]]]


def _by_people(pairs: Met, who: Callable[[Pair], tuple[str, ...]]) -> list[tuple[tuple[str, ...], Met]]:
    """Return the pairs grouped by their people, sorted."""
    groups: dict[tuple[str, ...], Met] = {}
    for item in pairs:
        groups.setdefault(who(item[0]), []).append(item)
    return sorted(groups.items(), key=lambda item: item[0])


def _clips(count: int) -> str:
    return "1 pair of clips" if count == 1 else f"{count} pairs of clips"


def _row(left: PreparedSamples, right: PreparedSamples, pair: Pair) -> tuple[str, str, str]:
    (a, path), (b, other) = _clip(left, pair.a), _clip(right, pair.b)
    return f"{a} = {b} ({pair.how})", path, other


def _init(experiment: Experiment, sides: np.ndarray) -> Iterator[Leak]:
    seen, path = trained_on.read_trained_on(experiment.config.init), str(experiment.config.init.path)
    if seen is None:
        return
    met: dict[str, list[tuple[int, str]]] = {}
    known_people = codes_of(seen.subjects)
    held_out = np.any(sides > 1, axis=0)
    table, codes = experiment.table, person_codes(experiment.table)
    listed = zip(table.subjects, codes, table.frame["sample_id"], experiment.samples.pictures, strict=True)
    for row, (subject, code, sample, pictures) in enumerate(listed):
        known = not seen.pictures.isdisjoint(picture[: trained_on.DIGITS] for picture in pictures)
        how = "person" if code in known_people else "id" if sample in seen.samples else "picture" if known else ""
        if how and held_out[row]:
            met.setdefault(subject, []).append((row, how))
    for subject, found in met.items():
        folds = _names(experiment, np.any(sides[:, [row for row, _ in found]] > 1, axis=1))
        text = f"{path} was trained on {subject}, who is held out in {_where(folds)}"
        clips = ((*_clip(experiment.samples, row), how) for row, how in found)
        yield Leak("init", (subject,), text, tuple((f"{sample} (the same {how})", file) for sample, file, how in clips))


def _inputs(experiment: Experiment) -> Iterator[Leak]:
    """Yield a finding for each checked row whose cached input differs from the one computed from its files."""
    config = experiment.config
    if catalog.SOURCES[config.data.name].pixels is not None:
        return
    rows = np.unique(np.linspace(0, len(experiment.table) - 1, RECOMPUTED).astype(int)).tolist()
    alone = compute_rows(null_runs.apply_onset_only(experiment.table, config), config.input, rows)
    for row, values in zip(rows, alone, strict=True):
        if not np.array_equal(values, experiment.inputs[row]):
            sample, path = _clip(experiment.samples, row)
            text = f"{sample}: its files alone give another input than the kept one; delete cache_dir/pixels"
            yield Leak("input", (sample,), text, ((sample, path),))
