"""Runs under way by visitor, so that a run can be stopped when it is cancelled or its visitor leaves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

SessionHash = str | None
"""Gradio's identifier of a visitor; None for a call without a session."""


class Runs:
    """The runs of all visitors. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stops: dict[SessionHash, set[threading.Event]] = {}

    @contextmanager
    def run(self, session: SessionHash) -> Iterator[threading.Event]:
        """Register a run while the context lasts; the event that it yields is set when the run must stop."""
        stop = threading.Event()
        with self._lock:
            self._stops.setdefault(session, set()).add(stop)
        try:
            yield stop
        finally:
            with self._lock:
                left = self._stops[session]
                left.discard(stop)
                if not left:
                    del self._stops[session]

    def is_running(self, session: SessionHash) -> bool:
        """Whether a run of a visitor is under way."""
        with self._lock:
            return session is not None and session in self._stops

    def stop(self, session: SessionHash) -> None:
        """Stop every run of a visitor."""
        if session is None:  # several callers may lack a session
            return
        with self._lock:
            for stop in self._stops.get(session, ()):
                stop.set()
