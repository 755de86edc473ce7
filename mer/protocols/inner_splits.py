"""Split a training part by whole subjects, to select an epoch or a candidate, or to train on fewer subjects.

Contract: uses only the training samples of a fold, never its test samples.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from mer.data.samples.table import SampleTable
from mer.errors import SampleError
from mer.protocols.fold import Fold, label_of_sample, leave_each_group_out, samples_by_subject
from mer.protocols.subject_splits import stratified_group_kfold
from mer.utils.seeding import seed_from


def split_validation(fold: Fold, table: SampleTable, *, share: float, seed: int) -> Fold:
    """Return the fold with `share` (0..1) of its training subjects moved to validation, at least one and never all.

    Subjects are ranked by a hash of seed, fold and subject, so an additional subject changes the parts only a little.
    The only subject with a class stays in training, so the validation part can be smaller than `share`; if this holds
    for all subjects, the first one is moved.

    Raises:
        SampleError: if the fold has fewer than two training subjects.
    """
    label_of, groups = label_of_sample(table), _training_groups(fold, table)
    if len(groups) < 2:
        raise SampleError(
            f"{table.name}: fold {fold.name}: expected two or more training subjects with protocol.validation={share}, "
            f"got {len(groups)}: set protocol.validation=0, or add subjects"
        )
    wanted = min(max(1, round(share * len(groups))), len(groups) - 1)
    ranked = sorted(groups, key=lambda subject: (seed_from(seed, "validation", fold.name, subject), subject))
    left = Counter(label_of[sample] for sample in fold.train)
    chosen: list[str] = []
    for subject in ranked:
        taken = Counter(label_of[sample] for sample in groups[subject])
        if len(chosen) < wanted and all(left[label] > count for label, count in taken.items()):
            chosen.append(subject)
            left -= taken
    held = {sample for subject in chosen or ranked[:1] for sample in groups[subject]}
    train = tuple(sample for sample in fold.train if sample not in held)
    return replace(fold, train=train, validation=tuple(sample for sample in fold.train if sample in held))


def subsample_subjects(fold: Fold, table: SampleTable, *, subjects: int, seed: int) -> Fold:
    """Return the fold with `subjects` of its training subjects, for one point of a learning curve; test is unchanged.

    Subjects are ranked by a hash of seed, fold and subject and the first ones are used, so with one seed a smaller set
    is part of every larger one. A class without samples cannot be predicted; `fold_notes` reports this.

    Raises:
        SampleError: if the fold has fewer training subjects.
    """
    groups = _training_groups(fold, table)
    if len(groups) < subjects:
        raise SampleError(
            f"{table.name}: fold {fold.name}: expected {subjects} training subjects or more with "
            f"protocol.train_subjects={subjects}, got {len(groups)}: lower it, or set it to null for all"
        )
    ranked = sorted(groups, key=lambda subject: (seed_from(seed, "train_subjects", fold.name, subject), subject))
    kept = {sample for subject in ranked[:subjects] for sample in groups[subject]}
    return replace(fold, train=tuple(sample for sample in fold.train if sample in kept))


def inner_folds(fold: Fold, table: SampleTable, parts: int) -> list[Fold]:
    """Return `parts` inner folds of a fold's training part, by whole subjects with balanced classes.

    Their names are the fold's name with `/inner-1` and so on, so each inner training has its own seed.

    Raises:
        SampleError: if there are fewer training subjects than parts.
    """
    groups = _training_groups(fold, table)
    source = f"{table.name}: fold {fold.name}"
    divided = stratified_group_kfold(groups, label_of_sample(table), table.classes, parts=parts, source=source)
    merged = {f"{fold.name}/inner-{k}": tuple(part) for k, part in enumerate(divided, 1)}
    return [Fold(name, train, (), test) for name, train, test in leave_each_group_out(merged)]


def _training_groups(fold: Fold, table: SampleTable) -> dict[str, tuple[str, ...]]:
    in_train = set(fold.train)
    return {subject: ids for subject, ids in samples_by_subject(table).items() if ids[0] in in_train}
