"""Declare ranges and choices of options with `option` and `choice`; check values with `limit_errors`.

Contract: the limits are metadata of dataclass fields in `mer.config`. Conditions on several keys are checked elsewhere.
Knows no option by name and reads no data.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any

#: Key of `Limits` in the metadata of a field.
LIMITS = "limits"
#: The names that each registry holds, by its name in `Limits.choices`.
Registries = Mapping[str, Iterable[Any]]
NONE: Registries = {}


@dataclass(frozen=True)
class Limits:
    """The allowed values of an option.

    Attributes:
        at_least, above, at_most, below: bounds of a number, `at_least` and `at_most` included; None for no bound.
        choices: the allowed values, or the name of a registry that the caller of `limit_errors` passes; None for a
            number.
        several: whether the option is a list of allowed values.
        optional: whether None is allowed too.
        why: a reason for the error message.
    """

    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None
    choices: str | Sequence[Any] | None = None
    several: bool = False
    optional: bool = False
    why: str = ""

    def known(self, registries: Registries = NONE) -> list[Any]:
        """Return the allowed values of a choice; none for a number."""
        return list(registries[self.choices] if isinstance(self.choices, str) else self.choices or ())

    def allow(self, value: Any, registries: Registries = NONE) -> bool:
        """Return whether one value (of a list: one item) is allowed."""
        if self.choices is not None:
            return not isinstance(value, bool) and value in self.known(registries)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return False
        return (
            (self.at_least is None or value >= self.at_least)
            and (self.above is None or value > self.above)
            and (self.at_most is None or value <= self.at_most)
            and (self.below is None or value < self.below)
        )

    def text(self, registries: Registries = NONE) -> str:
        """Return what is allowed in words: `null or 1 to 50`, `one of adamw, sgd`."""
        if self.choices is not None:
            said = f"{'some' if self.several else 'one'} of {', '.join(map(str, self.known(registries)))}"
        elif self.at_least is not None and self.at_most is not None:
            said = f"{number(self.at_least)} to {number(self.at_most)}"
        else:
            bounds = {"at least": self.at_least, "above": self.above, "at most": self.at_most, "below": self.below}
            found = [f"{word} {number(bound)}" for word, bound in bounds.items() if bound is not None]
            said = " and ".join(found) if found else "a finite number"
        return f"null or {said}" if self.optional else said


def option(
    default: Any,
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
    optional: bool = False,
    why: str = "",
) -> Any:
    """Return a dataclass field that holds a finite number within bounds; arguments as of `Limits`."""
    limits = Limits(at_least, above, at_most, below, optional=optional or default is None, why=why)
    return field(default=default, metadata={LIMITS: limits})


def choice(default: Any, choices: str | Sequence[Any], *, optional: bool = False) -> Any:
    """Return a dataclass field that holds one of several values, or a list of some where the default is a list.

    Args:
        default: a value, None or a list.
        choices: the values, or the name of a registry.
        optional: whether None is allowed where the default is another value.
    """
    several = isinstance(default, list)
    limits = Limits(choices=choices, several=several, optional=optional or default is None)
    if several:
        return field(default_factory=lambda: list(default), metadata={LIMITS: limits})
    return field(default=default, metadata={LIMITS: limits})


def limit_errors(part: Any, key: str, registries: Registries = NONE) -> list[str]:
    """Return one sentence for each option of a dataclass that is outside its limits.

    Args:
        part: an instance; fields without limits, and dataclasses inside it, are not looked at.
        key: of the part, e.g. `optim`; "" for the options at the top.
        registries: the names that each registry holds, for `choice`; options of other registries are not looked at.
    """
    found = []
    for each in fields(part):
        limits, value = each.metadata.get(LIMITS), getattr(part, each.name)
        if limits is None or (value is None and limits.optional):
            continue
        if isinstance(limits.choices, str) and limits.choices not in registries:
            continue  # checked by the room of that registry
        items = list(value) if limits.several else [value]
        bad = [item for item in items if not limits.allow(item, registries)]
        if bad:
            got = ", ".join(map(repr, bad))
            near = nearest(bad[0], map(str, limits.known(registries))) if isinstance(bad[0], str) else ""
            end = f": {limits.why or near}" if limits.why or near else ""
            found.append(f"{key}.{each.name}: expected {limits.text(registries)}, got {got}{end}".removeprefix("."))
    return found


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `did you mean 'X'?` with the known word that is most like `word`; "" where none is."""
    alike = get_close_matches(word, list(known), n=1)
    return f"did you mean {alike[0]!r}?" if alike else ""


def number(value: float) -> str:
    """Return a bound as a person writes it: 0.5, 100000."""
    return f"{value:d}" if isinstance(value, int) else f"{value:g}"
