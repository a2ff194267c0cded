"""Progress reports and cancellation of a run (pure)."""

from __future__ import annotations

import threading
from collections.abc import Callable

from liverseg.errors import Cancelled

ProgressCallback = Callable[[int, int], None]
"""Called with the number of slices done and of all slices. Skipped slices count as done at the end."""

StopSignal = Callable[[], bool] | threading.Event
"""Whether to stop; checked before every slice, or before every patch of a volume."""


class RunMonitor:
    """Progress and cancellation of one run."""

    def __init__(
        self, slices: int, progress: ProgressCallback | None = None, cancelled: StopSignal | None = None
    ) -> None:
        self.slices = slices
        self._progress = progress
        self._cancelled = cancelled.is_set if isinstance(cancelled, threading.Event) else cancelled
        self._done = 0

    def check(self) -> None:
        """Raise `Cancelled` if the run is to stop."""
        if self._cancelled is not None and self._cancelled():
            raise Cancelled()

    def done(self, slices: int | None = None) -> None:
        """Report the number of slices done, or one more for None. Only an increase is reported.

        A slice that is run twice counts twice, but no more than all slices are reported.
        """
        now = min(self._done + 1 if slices is None else slices, self.slices)
        if now > self._done:
            self._done = now
            if self._progress is not None:
                self._progress(now, self.slices)
