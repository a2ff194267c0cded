"""Which visitor's run is to stop: it was cancelled, its input was taken away, or the visitor left."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

Session = str | None
"""What gradio calls a visitor; None: one without a session."""


class Runs:
    """The runs under way by visitor. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stops: dict[Session, set[threading.Event]] = {}

    @contextmanager
    def run(self, session: Session) -> Iterator[threading.Event]:
        """Around a run; the event is set when it is to stop."""
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

    def stop(self, session: Session) -> None:
        """Stop what this visitor has running."""
        if session is None:  # may be anybody's
            return
        with self._lock:
            for stop in self._stops.get(session, ()):
                stop.set()
