"""Progress of files that are uploaded or downloaded, and the result of a push."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from tqdm import tqdm

Progress = Callable[[str, int, int], None]
"""Called with a file's name, the bytes transferred and the bytes in all; never by two threads at once."""


def no_progress(name: str, done: int, total: int) -> None:
    """A `Progress` that does nothing."""


class Meter:
    """A `Progress` that writes to a stream: on a terminal a bar for each file.

    Elsewhere a line is written once a file is complete: a log stays short and without carriage returns.

    >>> import sys
    >>> meter = Meter(sys.stdout)
    >>> for done in (0, 500_000, 1_000_000): meter("model.pt", done, 1_000_000)
    model.pt 1.0 MB
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._on_terminal = stream.isatty()
        self._bars: dict[str, tqdm] = {}
        self._done: set[str] = set()

    def __call__(self, name: str, done: int, total: int) -> None:
        if name in self._done:
            return
        if done >= total:
            self._done.add(name)
        if self._on_terminal:
            self._draw(name, done, total)
        elif done >= total:
            self._stream.write(f"{name} {size_text(total)}\n")
            self._stream.flush()

    def _draw(self, name: str, done: int, total: int) -> None:
        """Draw the bar of a file; one that begins in the middle continues an interrupted transfer."""
        bar = self._bars.get(name)
        if bar is None:
            bar = self._bars[name] = tqdm(
                total=total, initial=done, desc=name, unit="B", unit_scale=True, file=self._stream
            )
        bar.update(done - bar.n)
        if done >= total:
            bar.close()


def size_text(size_bytes: int) -> str:
    """A number of bytes with a decimal unit.

    >>> size_text(15_300_000), size_text(2_400)
    ('15.3 MB', '2.4 kB')
    """
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 1e6 else f"{size_bytes / 1e3:.1f} kB"


@dataclass(frozen=True)
class Pushed:
    """The result of a push."""

    ref: str  # name@version
    location: str  # the folder, or the repository's URL at the commit
    revision: str | None  # full commit hash; None in a folder
    unchanged: bool  # True if the target already held this checkpoint
