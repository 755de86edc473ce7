"""One step of preparing clips: what of it is kept, what must be made, and the making in threads.

Contract: faces, apexes and inputs describe their work by `plan_step`; an entry is kept under a key of the content of
its files, its settings and the version of its code, and appears whole or not at all. So whatever ends a run, the
next one makes the rest only, and two at once do each other no harm.
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

#: Files that an entry of a clip is made of, or why it has none.
Files = tuple[str, ...] | SampleError


@dataclass
class CachedStep(Generic[T]):
    """One step of preparing some clips.

    Attributes:
        title: what the bar says.
        files: by clip, what its entry is made of.
        load: by place of a clip, its entry; None where there is none or it is damaged.
        compute: by place of a clip, its entry, made and kept; SampleError where its files cannot be used.
        hashes: SHA-256 of each file by path.
        entries: by clip, where its entry is kept.
        made: entries that were made so far.
        seconds: what that took, summed over the threads.
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
        """Places of the clips whose entry has to be made, those that will be refused not among them."""
        usable = (place for place, files in enumerate(self.files) if not isinstance(files, SampleError))
        return [place for place in usable if self.load(place) is None]

    @contextmanager
    def results(self, *, progress: bool) -> Iterator[Iterable[T | SampleError]]:
        """Entries of all clips in order, kept or made, or why a clip has none."""
        places = range(len(self.files))
        if not self.missing():
            yield map(self._result, places)  # no threads, and so no torch, where nothing is to be made
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


#: Called with the name of a step and the step, planned and not yet done.
Watch = Callable[[str, CachedStep[Any]], None]


def ignore_step(name: str, step: CachedStep[Any]) -> None:
    """Do nothing: the `Watch` of who need not know of the steps."""


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
    """Plan a step from the content of its files; computes nothing.

    Args:
        title: what the bars say.
        files: by clip, what its entry is made of.
        cache_dir: the cache.
        place: where entries go below it, `{}` standing for the key.
        settings: by place of a clip and hashes of files, all that decides its entry, JSON values: the key.
        load: by place of a clip and path of its entry, the entry; None where there is none or it is damaged.
        compute: by place, path and settings, the entry, made and kept.
        progress: whether a bar is shown while files are read that are new or have changed.
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
