"""Name and print one finding of the leak audit."""

from __future__ import annotations

from dataclasses import dataclass

from mer.utils.hashing import digest

#: Rows of one finding that a message lists; results and report hold all of them.
SHOWN = 12


@dataclass(frozen=True)
class Leak:
    """One finding.

    Attributes:
        kind: key of `mer.train.experiment.leak_waivers.KINDS`.
        who: the two people, or the person and the source; `kind` and `who` give the name.
        text: one sentence: the people and the folds.
        rows: one row per pair of samples: a description with sample ids, then the files.
    """

    kind: str
    who: tuple[str, ...]
    text: str
    rows: tuple[tuple[str, ...], ...] = ()

    @property
    def name(self) -> str:
        """Return the name that waives this finding, e.g. `near_pixels-3fa2c1`."""
        return f"{self.kind}-{digest([self.kind, *self.who])[:6]}"

    def message(self) -> str:
        """Return the finding as lines, with its samples and files."""
        lines = [f"{self.name}: {self.text}"]
        for what, *paths in self.rows[:SHOWN]:
            lines += [f"  {what}", *(f"    {path}" for path in paths if path)]
        rest = len(self.rows) - SHOWN
        return "\n".join([*lines, f"  and {rest} more"] if rest > 0 else lines)
