"""Signals that ask a run to save its state and stop."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator


class StopRequest:
    """Records the signal by which the process was asked to stop, if any."""

    def __init__(self) -> None:
        self.signal_number: int | None = None

    def is_set(self) -> bool:
        return self.signal_number is not None


@contextlib.contextmanager
def stop_signals() -> Iterator[StopRequest]:
    """Record SIGUSR1 (a scheduler's warning) and SIGTERM instead of ending the process.

    Outside the main thread Python cannot install signal handlers, and the previous ones stay in place.
    """
    request = StopRequest()

    def handle(number: int, _frame: object) -> None:
        request.signal_number = number

    previous = {}
    for number in (signal.SIGUSR1, signal.SIGTERM):
        with contextlib.suppress(ValueError):  # not in the main thread
            previous[number] = signal.signal(number, handle)
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
