"""Load plugins with `load_plugins`; they add data sets, attention units, protocols, inputs or backbones.

A plugin is a module (`my_lab.units`) or a file (`my/units.py`) in the option `plugins`, or an installed package with
an entry point of the group `mer`. Loading a plugin runs its code, so load only code that you trust; a checkpoint or a
data file never loads one. A folder `conf` next to the module is added to Hydra's search path, for the YAML of its data
set.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import sys
import traceback
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from mer.errors import ConfigError, MerError

#: Group of the entry points of installed plugins.
GROUP = "mer"

#: Loaded plugins by the name given in the option `plugins`.
LOADED: dict[str, ModuleType] = {}


def load_plugins(names: Iterable[str]) -> None:
    """Import plugins, each once; a relative path starts at the working folder.

    Args:
        names: modules (`my_lab.units`) or paths of Python files (`my/units.py`).

    Raises:
        ConfigError: lists all plugins that cannot be found or imported, with reasons.
    """
    found = []
    for name in names:
        if not _is_loaded(name):
            try:
                module = _import_file(Path(name)) if name.endswith(".py") else importlib.import_module(name)
                if module.__file__ is None:
                    raise MerError("expected a module, got a folder without __init__.py; name a file in it")
                LOADED[name] = module
                code_hash(module.__name__)
            except MerError as error:
                found.append(f"plugins: {name}: {error}")
            except Exception as error:  # a plugin may raise anything
                expected = "expected a module that can be imported, or the path of a .py file"
                found.append(f"plugins: {expected}, got {name!r}: {type(error).__name__}: {error}{_place(error)}")
    if found:
        raise ConfigError(found)


def _is_loaded(name: str) -> bool:
    """Return whether a plugin is loaded; in another working folder a relative path may mean another file."""
    module = LOADED.get(name)
    if module is None or not name.endswith(".py"):
        return module is not None
    path = Path(name).expanduser().resolve()
    return str(path) == module.__file__ or not path.is_file()


def _place(error: Exception) -> str:
    """Return the last line of a file that raised an error, as ` (FILE, line 3)`; "" if the text has it already."""
    if isinstance(error, SyntaxError) or error.__traceback__ is None:
        return ""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return (
        "" if last.filename.startswith("<") or last.filename == __file__ else f" ({last.filename}, line {last.lineno})"
    )


def load_installed() -> None:
    """Import the plugins of installed packages, which have an entry point of the group `mer`.

    Raises:
        MerError: if a plugin cannot be imported; names the plugin and its package.
    """
    for point in importlib.metadata.entry_points(group=GROUP):
        if point.value not in LOADED:
            try:
                LOADED[point.value] = importlib.import_module(point.module)
                code_hash(point.module)
            except Exception as error:
                package = point.dist.name if point.dist else point.value
                raise MerError(
                    f"the installed plugin {point.value} of {package} cannot be imported "
                    f"({type(error).__name__}: {error}); correct it, or remove it: pip uninstall {package}"
                ) from error


def _import_file(path: Path) -> ModuleType:
    """Import a file under a name made of its stem and its folder, so that files of the same stem do not collide."""
    path = path.expanduser().resolve()
    name = f"mer_plugin_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None  # the name ends in .py
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look a class's module up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def conf_folders() -> list[Path]:
    """Return the folders `conf` next to the files of loaded plugins."""
    files = [Path(module.__file__) for module in LOADED.values() if module.__file__]
    return [folder for folder in dict.fromkeys(file.parent / "conf" for file in files) if folder.is_dir()]


def code_hash(module: str) -> str:
    """Return the first 16 hex digits of the SHA-256 of a plugin's code: its file, or all files of its package.

    Of the code as it was loaded: what a file becomes while a run works is not what computed its numbers.
    """
    return _code_hash(sys.modules[module.partition(".")[0]])


@lru_cache(maxsize=1000)
def _code_hash(top: ModuleType) -> str:
    folder, path = next(iter(getattr(top, "__path__", ())), None), getattr(top, "__file__", None)
    if folder is None and path is None:
        raise MerError("what a notebook registers changes without a trace: move it into a file, and name it in plugins")
    files = sorted(Path(folder).rglob("*.py")) if folder else [Path(str(path))]
    code = hashlib.sha256()
    for file in files:
        code.update(file.read_bytes())
    return code.hexdigest()[:16]


def code_hashes(names: Iterable[str]) -> list[str]:
    """Load plugins if needed and return their code hashes, sorted; the folder of a file does not matter."""
    names = list(names)
    load_plugins(names)
    return sorted({code_hash(LOADED[name].__name__) for name in names})
