"""Quote values of a command line that Hydra's grammar cannot read, with `readable`.

Contract: an override that Hydra can read stays as it is. Exception: the path of an existing file or folder is always
taken as this path, even with commas and brackets.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from mer.errors import ConfigError, MerError
from mer.utils.atomic_files import folder_fault

#: The part of an override before `=`: a key or a group, perhaps with @package, after + ++ or ~.
KEY = re.compile(r"[+~]{0,2}[\w./@:-]+")
#: First characters of a list, a dict or a quoted text; if Hydra cannot read it, its content is wrong.
STRUCTURED = ("[", "{", "'", '"')


def readable(arguments: Sequence[str], *, sweep: bool = False) -> list[str]:
    """Return overrides that Hydra reads: paths with brackets, apostrophes, `=` or letters of any script get quotes.

    Args:
        arguments: overrides as the shell passes them; options (`-m`, `--cfg job`) stay as they are.
        sweep: whether commas may separate several values.

    Raises:
        ConfigError: one sentence for each argument that is not an override.
    """
    found, wrong = [], []
    for argument in arguments:
        key, sign, value = argument.partition("=")
        if argument.startswith("-") or not sign or not KEY.fullmatch(key):
            found.append(argument)
            if not argument.startswith(("-", "~")) and (not sign or not KEY.fullmatch(key)):
                wrong.append(f"{argument}: expected KEY=VALUE, e.g. seed=1")
        elif _is_path(value):
            found.append(argument if _value(argument) == value else f"{key}={quoted(value)}")
        elif _parsed(argument) is not None:
            found.append(argument)
        elif value.startswith(STRUCTURED) or "${" in value:
            found.append(argument)
            wrong.append(
                f"{argument}: the value cannot be read; text with special characters stands in quotes, these "
                f"within quotes of the shell: \"{key}='...'\""
            )
        elif sweep and "," in value:
            parts = (part if _parsed(f"{key}={part}") is not None else quoted(part) for part in value.split(","))
            found.append(f"{key}={','.join(parts)}")
        else:
            found.append(f"{key}={quoted(value)}")
    if wrong:
        raise ConfigError(wrong)
    return found


def quoted(value: str) -> str:
    r"""Return the value in quotes of Hydra's grammar: `it's` as `'it\'s'`."""
    escaped = re.sub(r"(\\*)'", lambda found: found[1] * 2 + r"\'", value)
    trailing = len(escaped) - len(escaped.rstrip("\\"))
    return f"'{escaped}{escaped[len(escaped) - trailing :]}'"


def with_output_folder(overrides: Sequence[str], *, sweep: bool) -> list[str]:
    """Return the overrides with the home folder in place of `~` where they name the folder of what is written.

    Args:
        overrides: readable ones, as of `readable`.
        sweep: whether the folder is that of a sweep.

    Raises:
        MerError: nothing can be written there.
    """
    key = f"hydra.{'sweep' if sweep else 'run'}.dir"
    given = [place for place, one in enumerate(overrides) if one.lstrip("+").startswith(f"{key}=")]
    value, found = str(_value(overrides[given[-1]]) if given else "outputs"), list(overrides)
    if given and value.startswith("~"):
        value = str(Path(value).expanduser())
        found[given[-1]] = f"{key}={quoted(value)}"
    fixed = value.partition("${")[0]  # what is known before the composition
    fault = folder_fault(Path(fixed)) if value.strip() else "an empty name"
    if fault is not None:
        raise MerError(
            f"{key}: expected a folder that can be written to, got {fault}; give another one by {key}=FOLDER"
        )
    return found


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the most similar known word, or None; also compares the last part of a key alone."""
    known = list(dict.fromkeys(known))
    prefix, _, last = word.rpartition(".")

    def likeness(one: str) -> float:
        """Return the similarity of the groups of two keys."""
        return difflib.SequenceMatcher(None, prefix, one.rpartition(".")[0]).ratio()

    near = difflib.get_close_matches(word, known, n=1, cutoff=0.75)
    ends = {one.rpartition(".")[2] for one in known}
    alike = difflib.get_close_matches(last, ends, n=1, cutoff=0.75)
    candidates = [one for one in known if one.rpartition(".")[2] in alike]
    if not near or last in ends:  # `lr` is rather optim.lr than anything of two letters
        near = sorted(candidates, key=likeness, reverse=True) or near
    return near[0] if near else None


def _is_path(value: str) -> bool:
    try:
        return "/" in value and Path(value).expanduser().exists()
    except (OSError, RuntimeError, ValueError):  # too long for a name, no such user, a zero byte
        return False


def _parsed(argument: str) -> Override | None:
    try:
        return OverridesParser.create().parse_override(argument)
    except HydraException:
        return None


def _value(argument: str) -> object:
    """Return the value that Hydra reads; None if it cannot read one value."""
    override = _parsed(argument)
    return None if override is None or override.is_sweep_override() else override.value()
