"""How far a run is, and whether it is to stop (pure)."""

from __future__ import annotations

import threading
from collections.abc import Callable

from liverseg.errors import Cancelled

Progress = Callable[[int, int], None]
"""Called with the slices done and the slices in all; those that need not be run are done at the end."""

Stop = Callable[[], bool] | threading.Event
"""Whether to stop; asked before every slice, or patch of a volume."""


class Watch:
    """Tells of progress and asks whether to stop, on behalf of one run."""

    def __init__(self, slices: int, progress: Progress | None = None, cancelled: Stop | None = None) -> None:
        self.slices = slices
        self._progress = progress
        self._stop = cancelled.is_set if isinstance(cancelled, threading.Event) else cancelled
        self._done = 0

    def check(self) -> None:
        """Raises `Cancelled` when the work is to stop."""
        if self._stop is not None and self._stop():
            raise Cancelled()

    def done(self, slices: int | None = None) -> None:
        """So many slices are done, None: one more. Nothing is told twice."""
        now = self._done + 1 if slices is None else slices
        if now > self._done:
            self._done = now
            if self._progress is not None:
                self._progress(now, self.slices)
