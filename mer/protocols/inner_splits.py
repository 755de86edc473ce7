"""Splits inside a training part, by whole subjects: to choose an epoch or a recipe, or to train on fewer people.

Contract: only samples of the fold's own training part are looked at, never those that it tests.
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
    """The fold with `share` of its training subjects (at least one, never all) moved to validation.

    Subjects are ranked by a hash of seed, fold and own name, so that one person more moves few others in or out. A
    subject who alone shows a class stays in training, so the part can be smaller than asked; if all are such, the
    first one goes.
    """
    label_of, groups = label_of_sample(table), _training_groups(fold, table)
    if len(groups) < 2:
        raise SampleError(
            f"{table.name}: fold {fold.name} has {len(groups)} training subject; "
            f"protocol.validation={share} needs two or more. Set protocol.validation=0, or add subjects."
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
    """The fold with `subjects` of its training subjects, one point of a learning curve; the test part stays whole.

    Subjects are ranked by a hash of seed, fold and own name and the first are taken, so that under one seed the few
    are among the many. A class that none of them shows cannot be predicted: `fold_notes` says so.
    """
    groups = _training_groups(fold, table)
    if len(groups) < subjects:
        raise SampleError(
            f"{table.name}: fold {fold.name} has {len(groups)} training subjects, protocol.train_subjects={subjects} "
            "asks for more. Lower it, or set it to null for all."
        )
    ranked = sorted(groups, key=lambda subject: (seed_from(seed, "train_subjects", fold.name, subject), subject))
    kept = {sample for subject in ranked[:subjects] for sample in groups[subject]}
    return replace(fold, train=tuple(sample for sample in fold.train if sample in kept))


def inner_folds(fold: Fold, table: SampleTable, parts: int) -> list[Fold]:
    """The training part of a fold as `parts` folds of its own, by whole subjects with even classes.

    Names are those of the fold with `/inner-1` and so on, so that every inner training has a seed of its own.
    """
    groups = _training_groups(fold, table)
    source = f"{table.name}: fold {fold.name}"
    divided = stratified_group_kfold(groups, label_of_sample(table), table.classes, parts=parts, source=source)
    merged = {f"{fold.name}/inner-{k}": tuple(part) for k, part in enumerate(divided, 1)}
    return [Fold(name, train, (), test) for name, train, test in leave_each_group_out(merged)]


def _training_groups(fold: Fold, table: SampleTable) -> dict[str, tuple[str, ...]]:
    in_train = set(fold.train)
    return {subject: ids for subject, ids in samples_by_subject(table).items() if ids[0] in in_train}
