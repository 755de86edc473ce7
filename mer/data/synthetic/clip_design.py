"""Design the clips of the synthetic corpus: call `design_clips`; `difficulty_of` gives the settings of a difficulty.

Contract: clip k and person s depend on (seed, profile, difficulty, size) and on k or s, not on the number of clips or
people, except that a new person takes some clips from the others. Labels are independent of people. Class counts of the
profiles are those of the real sets; a class is split into emotions by their published label counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mer.config import SyntheticData
from mer.config_check import limit_errors
from mer.data import facs
from mer.data.synthetic.clip_rendering import ClipSpec, Movement, Pose, person_of
from mer.data.synthetic.profiles import PROFILES, Profile
from mer.utils.seeding import seed_from


@dataclass(frozen=True)
class Difficulty:
    """Settings of one difficulty."""

    #: Strength of the weakest and the strongest expression; 1 moves skin by about 0.05 pupil distances.
    strength: tuple[float, float]
    #: Expected number of irrelevant units in a clip.
    irrelevant: float
    #: Standard deviation of the camera's noise, grey levels.
    noise: float
    #: Standard deviation of the head's drift in 100 frames, face units (turn: radians times 2).
    drift: float
    #: Range of frames from onset to apex and from apex to offset, without the upper end.
    pace: tuple[int, int] = (10, 41)
    #: Number of sets of action units shown together in one expression.
    cores: int = 1


def difficulty_of(difficulty: float, *, posed: bool = False) -> Difficulty:
    """Return the settings of a difficulty: 0 = strong motion and no other motion, 1 = the default, above = harder.

    With the default, a kernel machine on measured onset-apex flow reaches a UF1 near 0.72 under LOSO (three classes,
    200 clips), as on real motion maps, and about 0.83 on the true field.
    """
    level = Difficulty(
        strength=(0.8 * 0.125**difficulty, 0.5**difficulty),
        irrelevant=2.5 * difficulty,
        noise=0.5 + 4.0 * difficulty,
        drift=0.03 * difficulty,
    )
    return replace(level, strength=POSED_STRENGTH, pace=POSED_PACE, cores=2) if posed else level


#: Strength of posed expressions at any difficulty: the skin moves by up to 0.07 to 0.12 pupil distances (median over
#: expressions), five times as far as in the strongest micro-expressions of the default difficulty. The limit is our
#: choice: the skin begins to fold in one of forty drawn expressions at 2.5, in one of seven at 3.
POSED_STRENGTH = (1.5, 2.5)
#: Frames for 0.25 to 1 second to the apex; macro-expressions last half a second to four (Ekman 2003).
POSED_PACE = (50, 201)


def config_errors(data: SyntheticData) -> list[str]:
    """Return the errors in the values of `data`, one sentence each."""
    found = limit_errors(data, "data", {"profiles": PROFILES})
    if data.labels is not None:
        found.append(f"data.labels: expected null, got {data.labels!r}: data.profile decides the labels of drawn clips")
    if not found:
        least = max(data.subjects, 2 * len(PROFILES[data.profile].counts))
        if data.clips < least:
            found.append(
                f"data.clips: expected at least {least}, got {data.clips}: one a subject and two a class of "
                f"{data.profile}"
            )
    return found


def design_clips(data: SyntheticData) -> list[ClipSpec]:
    """Return the clips of a configuration, sorted by number."""
    if data.posed:  # people and clips must differ from the unposed ones of the same seed
        data = replace(data, seed=seed_from(data.seed, "posed"))
    profile = PROFILES[data.profile]
    labels = _labels(profile, data.clips)
    subjects = _subjects(labels, data.subjects, data.seed)
    return [
        _clip(data, profile, number, subject, label)
        for number, (subject, label) in enumerate(zip(subjects, labels, strict=True))
    ]


def _labels(profile: Profile, clips: int) -> list[str]:
    """Return the label of each clip: every class twice, then always the class that lacks most of its share.

    The labels of fewer clips are the first labels of more clips.
    """
    classes = list(profile.counts)
    total = sum(profile.counts.values())
    seen = dict.fromkeys(classes, 0)
    labels = []
    for number in range(clips):
        if number < 2 * len(classes):
            label = classes[number % len(classes)]
        else:
            label = max(classes, key=lambda name: profile.counts[name] / total * (number + 1) - seen[name])
        seen[label] += 1
        labels.append(label)
    return labels


def _subjects(labels: list[str], subjects: int, seed: int) -> list[int]:
    """Return the subject of each clip: the first clips go to one subject each, the others by uneven weights.

    Weighted rendezvous hashing (Thaler and Ravishankar 1998): a clip goes to the subject with the best score for it, so
    a new subject moves only the clips with its best score. The second clip of a class never goes to the subject of the
    first, so every class has at least two subjects.
    """
    weights = [float(np.random.default_rng(seed_from(seed, "weight", s)).lognormal(0, 0.9)) for s in range(subjects)]
    owners: dict[str, set[int]] = {}
    chosen = []
    for number, label in enumerate(labels):
        if number < subjects:
            best = number
        else:
            barred = owners[label] if len(owners.get(label, ())) == 1 else set()
            draws = [seed_from(seed, "owner", number, s) / 2**32 for s in range(subjects)]
            scores = [-np.log(max(u, 1e-12)) / w for u, w in zip(draws, weights, strict=True)]
            best = min((s for s in range(subjects) if s not in barred), key=scores.__getitem__)
        owners.setdefault(label, set()).add(best)
        chosen.append(best)
    return chosen


def _clip(data: SyntheticData, profile: Profile, number: int, subject: int, label: str) -> ClipSpec:
    """Return one clip. A clip that is not posed lasts 20 to 80 frames (100 to 400 ms), as micro-expressions do."""
    level = difficulty_of(data.difficulty, posed=data.posed)
    seed = seed_from(data.seed, "clip", number)
    rng = np.random.default_rng(seed_from(seed, "timing"))
    onset = int(rng.integers(1, 6000))
    rise, fall = int(rng.integers(*level.pace)), int(rng.integers(*level.pace))
    apex = onset + rise
    rest = float(rng.uniform(0, 0.2))

    rng = np.random.default_rng(seed_from(seed, "expression"))
    mixture = profile.emotions[label]
    weights = np.array(list(mixture.values()))
    emotion = list(mixture)[int(rng.choice(len(weights), p=weights / weights.sum()))]
    # all units of an expression peak at the apex, but start at different frames
    expression = tuple(
        Movement(item, onset + rise * rng.uniform(0, 0.3), apex, apex + fall, rest)
        for item in _shown_together([_units(emotion, rng, level.strength) for _ in range(level.cores)])
    )

    rng = np.random.default_rng(seed_from(seed, "irrelevant"))
    taken = [movement.activation.code for movement in expression]
    irrelevant = []
    for item in facs.sample_irrelevant(rng, level.irrelevant, taken=taken):
        start = onset + rng.uniform(0, 1.2) * rise
        peak = start + rng.uniform(10, 30)
        irrelevant.append(Movement(item, start, peak, peak + rng.uniform(15, 40)))

    rng = np.random.default_rng(seed_from(seed, "camera"))
    x, y, turn, grow, drift_x, drift_y, drift_turn, drift_grow = rng.standard_normal(8)
    pose = Pose(0.03 * x, 0.03 * y, 0.025 * turn, 1 + 0.02 * grow)
    drift = Pose(
        level.drift * drift_x, level.drift * drift_y, level.drift / 2 * drift_turn, 1 + level.drift / 4 * drift_grow
    )
    return ClipSpec(
        subject=subject,
        number=number,
        label=label,
        emotion=label if profile.coarse else emotion,
        onset=onset,
        apex=apex,
        offset=apex + fall,
        person=person_of(data.seed, subject),
        expression=expression,
        irrelevant=tuple(irrelevant),
        pose=pose,
        drift=drift,
        noise=level.noise,
        flicker=0.004 * data.difficulty,
        size=data.size,
        seed=seed,
    )


def _shown_together(sets: Sequence[tuple[facs.Activation, ...]]) -> tuple[facs.Activation, ...]:
    """Return every unit of the sets once, sorted by code, with the intensities of the first set that has it."""
    units: dict[int, facs.Activation] = {}
    for activations in sets:
        for item in activations:
            units.setdefault(item.code, item)
    return tuple(units[code] for code in sorted(units))


def _units(emotion: str, rng: np.random.Generator, strength: tuple[float, float]) -> tuple[facs.Activation, ...]:
    """Draw the action units of an emotion; () for "neutral"."""
    return () if emotion == "neutral" else facs.sample_activations(emotion, rng, strength)
