"""How long runs of the network take, measured on the latest ones, and how far the one under way is."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MEASURED = 20
"""Runs that an estimate rests on."""


TELLING = 0.05
"""Share of a run's slices from which its own speed tells the rest; the first slices take longer."""


class Running:
    """A run under way."""

    def __init__(self, slices: int, clock: Callable[[], float]) -> None:
        self.slices, self.done = slices, 0
        self._clock, self._started = clock, clock()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the run started."""
        return self._clock() - self._started


class Pace:
    """Durations of runs. Safe to share between threads; `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._measured: deque[tuple[int, float]] = deque(maxlen=MEASURED)  # slices, seconds
        self._running: list[Running] = []

    @contextmanager
    def run(self, slices: int) -> Iterator[Running]:
        """A run while the context lasts. It is measured unless it ends with an exception."""
        running = Running(slices, self._clock)
        with self._lock:
            self._running.append(running)
        try:
            yield running
            with self._lock:
                self._measured.append((slices, running.elapsed_s))
        finally:
            with self._lock:
                self._running.remove(running)

    def seconds(self, slices: int) -> float | None:
        """Expected seconds of a run on `slices`; None before the first run was measured.

        Seconds a slice over the measured runs, times `slices`, and at least the seconds of the shortest run,
        since a run on few slices takes more time a slice.
        """
        with self._lock:
            measured = list(self._measured)
        if not measured:
            return None
        a_slice = sum(seconds for _, seconds in measured) / sum(count for count, _ in measured)
        return max(slices * a_slice, min(seconds for _, seconds in measured))

    def under_way(self) -> tuple[int, int, float | None] | None:
        """Slices done, slices in all and seconds left of the oldest run under way; None without one.

        The seconds are None where nothing is known yet.
        """
        with self._lock:
            running = self._running[0] if self._running else None
        if running is None:
            return None
        done, slices, elapsed_s = running.done, running.slices, running.elapsed_s
        expected = self.seconds(slices)
        if done >= TELLING * slices or (done and expected is None):
            return done, slices, elapsed_s * (slices - done) / done
        return done, slices, None if expected is None else max(expected - elapsed_s, 0.0)


PACE = Pace()
"""Of this process: the network runs for one visitor at a time."""
