"""Show how far the reading of a video has come: frames, frames a second, time left; nothing where no terminal is."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from mer.video.reading.frame_source import FrameSource, VideoFrame


class ReadingBar:
    """A bar on standard error for one video; call it with a source to read it.

    Args:
        name: of the video.
    """

    def __init__(self, name: str) -> None:
        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[frames]}, {task.fields[speed]:.0f} frames/s"),
            TimeRemainingColumn(),
        )
        self._name = name
        self._bar = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)

    def __enter__(self) -> ReadingBar:
        self._bar.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()

    def __call__(self, source: FrameSource, what: str) -> Iterator[VideoFrame]:
        """Yield the frames of a source; `what` is done with them."""
        # a header may promise frames that are not there, or nothing; without a number the bar only moves
        total = source.frames or None
        task = self._bar.add_task(f"{self._name}: {what}", total=total, frames="", speed=0.0)
        try:
            for frame in source:
                yield frame
                place = self._bar.task_ids.index(task)
                done = f"{frame.index + 1}" + (f"/{total}" if total else "")
                self._bar.update(task, advance=1, frames=done, speed=self._bar.tasks[place].speed or 0.0)
        finally:  # also where not all of it is read
            self._bar.remove_task(task)
