"""Register functions and classes by name with `Registry.register`, and check their options with `option_errors`.

Each kind of entry (attention unit, protocol, ...) has one `Registry` with a folder. Each file in that folder adds its
entry with the decorator `register`; a plugin (`mer.utils.plugins`) does the same from outside. The keyword-only
parameters of an entry are its own options, e.g. `reduction` of an attention unit, set by `model.attention.options`.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
import typing
from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping
from dataclasses import field, make_dataclass
from typing import Any, Generic, TypeVar

from omegaconf import MISSING
from omegaconf.errors import OmegaConfBaseException

from mer.config import from_dict
from mer.config_check import nearest
from mer.errors import MerError
from mer.utils import plugins

T = TypeVar("T")
Made = TypeVar("Made", bound=Callable[..., Any])


class Registry(MutableMapping[str, T], Generic[T]):
    """Map names to entries; the first access imports the files of the folder and installed plugins.

    Args:
        kind: name of the kind of entry for messages, e.g. `attention unit`.
        package: the folder whose files add entries, e.g. `mer.models.attention`; "" for none.
        entry: makes the entry from a decorated function or class and the keywords of `register`; None takes the object
            itself as the entry.
    """

    def __init__(self, kind: str, package: str = "", entry: Callable[..., T] | None = None) -> None:
        self.kind, self.package = kind, package
        self._entry = entry
        self._entries: dict[str, T] = {}
        self._modules: dict[str, str] = {}
        self._complete = False

    def register(self, name: str, **about: Any) -> Callable[[Made], Made]:
        """Return a decorator that adds a function or class under `name`.

        Raises:
            MerError: if another module has registered that name.
        """

        # not `made.__module__`: a partial, say, or a class of ours under another name says nothing of who registers it
        module = sys._getframe(1).f_globals["__name__"]

        def add(made: Made) -> Made:
            other = self._modules.setdefault(name, module)
            if other != module:
                both = " and by ".join(
                    getattr(sys.modules.get(one), "__file__", None) or one for one in (other, module)
                )
                raise MerError(f"{self.kind} {name!r} is registered by {both}; rename one.")
            self._entries[name] = typing.cast(T, made) if self._entry is None else self._entry(made, **about)
            return made

        return add

    def unknown(self, key: str, value: Any, *, also: Collection[str] = ()) -> list[str]:
        """Return an error if the option `key` has an unknown name as `value`, else an empty list.

        Args:
            key: the option, e.g. `model.attention.unit`.
            value: its value.
            also: further valid names, e.g. `none`.
        """
        return unknown_name(key, value, [*also, *self])

    def plugin_code(self, name: str) -> dict[str, str]:
        """Return `{"plugin": HASH}` with the code hash of the entry's plugin; an empty dict for an entry of `mer`.

        It belongs in the cache key of each value that the entry computes, so that a changed plugin gets no old values.
        """
        module = self._modules.get(name, "mer")
        return {} if module.partition(".")[0] == "mer" else {"plugin": plugins.code_hash(module)}

    def _read(self) -> dict[str, T]:
        if not self._complete:
            self._complete = True  # before the imports, since an imported module may read the registry
            if self.package:
                folder = importlib.import_module(self.package)
                for module in pkgutil.iter_modules(folder.__path__):
                    importlib.import_module(f"{self.package}.{module.name}")
            plugins.load_installed()
        return self._entries

    def __getitem__(self, name: str) -> T:
        return self._read()[name]

    def __setitem__(self, name: str, entry: T) -> None:
        self._entries[name] = entry

    def __delitem__(self, name: str) -> None:
        del self._entries[name]
        self._modules.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._read()))  # independent of the order of imports

    def __len__(self) -> int:
        return len(self._read())


def unknown_name(key: str, value: Any, names: Collection[str]) -> list[str]:
    """Return an error if the value of the option `key` is not one of the `names`, else an empty list."""
    if value in names:
        return []
    hint = nearest(str(value), names)
    return [f"{key}: expected one of {', '.join(names)}, got {value!r}{f': {hint}' if hint else ''}"]


def accepted(made: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `given` that a function or class accepts by name."""
    known = inspect.signature(made).parameters
    return {name: value for name, value in given.items() if name in known}


def own_options(made: Callable[..., Any], *, passed: Collection[str] = ()) -> dict[str, inspect.Parameter]:
    """Return the options of a function or class, its keyword-only parameters except those in `passed`."""
    return {
        name: parameter
        for name, parameter in inspect.signature(made).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name not in passed
    }


def option_errors(
    key: str, made: Callable[..., Any], values: Mapping[str, Any], *, passed: Collection[str] = ()
) -> list[str]:
    """Return the errors in the options of a registered function or class, one sentence each.

    Args:
        key: key of the options in the configuration, e.g. `model.attention.options`.
        made: the function or class; the annotations of its keyword-only parameters are the types.
        values: the options that are set.
        passed: keyword-only parameters passed by the caller, which are not options.
    """
    known = own_options(made, passed=passed)
    listed = ", ".join(f"{name}={parameter.default!r}" for name, parameter in known.items()) or "none of its own"
    found = [
        f"{key}.{name}: no such option of {made.__name__}, which has {listed}" for name in values if name not in known
    ]
    hints = typing.get_type_hints(made.__init__ if inspect.isclass(made) else made)
    for name, parameter in known.items():
        if name not in values:
            if parameter.default is parameter.empty:
                found.append(f"{key}.{name}: {made.__name__} needs a value")
            continue
        default = MISSING if parameter.default is parameter.empty else parameter.default
        schema = make_dataclass("Options", [(name, hints.get(name, Any), field(default=default))])
        try:
            # the same type rules as for all options: an int is not a string, an int is valid for a float
            right = vars(from_dict(schema, {name: values[name]}))[name]
        except OmegaConfBaseException as error:
            found.append(f"{key}.{name}: {str(error).splitlines()[0]}")
            continue
        if right != values[name] or type(right) is bool is not type(values[name]):
            found.append(f"{key}.{name}: expected {hints[name]}, got {values[name]!r}")
    return found
