"""Plan one step of preparing clips with `plan_step`, load what is in the cache and compute the rest in threads.

Contract: faces, apexes and inputs are such steps. An entry of the cache is named by a hash of its files' content, its
settings and the version of its code, and is written completely or not at all. So after an interruption the next run
computes only what is missing, and two processes may work at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from mer.errors import SampleError
from mer.inputs.cache.file_hashes import file_hashes
from mer.inputs.cache.threads import thread_map, with_progress
from mer.utils.hashing import digest

_counting = threading.Lock()

T = TypeVar("T")

#: Files that the entry of a clip is computed from, or the error that explains why it has none.
Files = tuple[str, ...] | SampleError


@dataclass
class CachedStep(Generic[T]):
    """Load or compute one entry per clip.

    Attributes:
        title: text of the progress bar.
        files: for each clip, the files of its entry.
        load: takes the index of a clip and returns its entry from the cache; None if it is absent or damaged.
        compute: takes the index of a clip, computes its entry, writes it to the cache and returns it; raises a
            SampleError if the files cannot be used.
        hashes: SHA-256 of each file by path.
        entries: for each clip, the path of its entry.
        made: number of entries computed so far.
        seconds: time that this took, summed over threads.
    """

    title: str
    files: Sequence[Files]
    load: Callable[[int], T | None]
    compute: Callable[[int], T]
    hashes: Mapping[str, bytes] = field(default_factory=dict)
    entries: Sequence[Path] = ()
    made: int = field(default=0, init=False)
    seconds: float = field(default=0.0, init=False)

    def missing(self) -> list[int]:
        """Return the indices of the clips whose entry must be computed, without clips that lack files."""
        usable = (place for place, files in enumerate(self.files) if not isinstance(files, SampleError))
        return [place for place in usable if self.load(place) is None]

    @contextmanager
    def results(self, *, progress: bool) -> Iterator[Iterable[T | SampleError]]:
        """Yield the entries of all clips in order, loaded or computed, or the SampleError of a clip."""
        places = range(len(self.files))
        if not self.missing():
            yield map(self._result, places)  # without threads torch is not imported
            return
        with thread_map(self._result, places) as results:
            yield with_progress(results, self.title, len(places), progress=progress)

    def _result(self, place: int) -> T | SampleError:
        files = self.files[place]
        if isinstance(files, SampleError):
            return files
        found = self.load(place)
        if found is not None:
            return found
        start = time.perf_counter()
        try:
            made = self.compute(place)
        except SampleError as error:
            return error
        with _counting:
            self.made += 1
            self.seconds += time.perf_counter() - start
        return made


#: Called with the name of a step and the planned step, before it runs.
Watch = Callable[[str, CachedStep[Any]], None]


def ignore_step(name: str, step: CachedStep[Any]) -> None:
    """Do nothing: the default `Watch`."""


def plan_step(
    title: str,
    files: Sequence[Files],
    cache_dir: Path,
    *,
    place: str,
    settings: Callable[[int, Mapping[str, bytes]], dict[str, Any]],
    load: Callable[[int, Path], T | None],
    compute: Callable[[int, Path, dict[str, Any]], T],
    progress: bool = False,
) -> CachedStep[T]:
    """Plan a step from the content of its files, without computing any entry.

    Args:
        title: text of the progress bars.
        files: for each clip, the files of its entry.
        cache_dir: the cache.
        place: path of an entry in the cache, with `{}` for its key.
        settings: takes the index of a clip and the hashes of files; returns all that decides the entry, as JSON values.
            The key is their hash.
        load: takes the index of a clip and the path of its entry; returns the entry, None if it is absent or damaged.
        compute: takes the index, the path and the settings; computes the entry, writes it and returns it.
        progress: whether to show a progress bar while new and changed files are read.
    """
    cache = Path(cache_dir).expanduser()
    paths = [path for some in files if not isinstance(some, SampleError) for path in some]
    hashes = file_hashes(paths, cache, title=f"files: {title}", progress=progress)
    known = [settings(clip, hashes) for clip in range(len(files))]
    entries = [cache / place.format(digest(one)) for one in known]
    return CachedStep(
        title,
        files,
        load=lambda clip: load(clip, entries[clip]),
        compute=lambda clip: compute(clip, entries[clip], known[clip]),
        hashes=hashes,
        entries=entries,
    )
