"""Deletes what the server holds of visitors: results, uploads, records of calls.

A result is kept for `KEEP_MINUTES` after its last use. Gradio alone counts from the time a state was set,
keeps the state of a visitor who left for an hour, and keeps what every component last showed until 200 other
visitors came. So each event marks the visitor's states as used, and everything gradio holds of a visitor goes
with the result.

Gradio also holds a session for every call of the API and drops the oldest beyond `launch.MAX_SESSIONS`, which
may be a visitor's with a result. It keeps a record of every answered call, the folder of every deleted
upload, and the remains of interrupted uploads. `Cleanup` removes all of these.

Nothing public in gradio reaches sessions, the queue or the age of a state, so this module uses attributes of
`Blocks.state_holder`, `Blocks._queue` and `SessionState`, each with a comment;
`tests/liverseg/app/server/test_gradio_internals.py` fails when gradio changes one of them.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.context import LocalContext
from gradio.utils import get_upload_folder

from liverseg.app.html.page_text import KEEP_MINUTES
from liverseg.app.server.request_guard import is_uploaded, paths_in_values

KEEP = timedelta(minutes=KEEP_MINUTES)


def session_state(forget: Callable[[Any], None] | None = None, first: Any = None) -> gr.State:
    """A visitor's state that is deleted `KEEP` after its last use; `forget` is then called with its value.

    Each visitor starts with a copy of `first`.
    """
    return gr.State(first, time_to_live=int(KEEP.total_seconds()), delete_callback=forget)


def mark_used() -> None:
    """Restart the time to live of the visitor's states; to be called within an event of the page."""
    # An event gets no page, and its request only as an argument of every handler: `LocalContext` has both.
    page, request = LocalContext.blocks.get(None), LocalContext.request.get(None)
    holder, visitor = getattr(page, "state_holder", None), getattr(request, "session_hash", None)
    session = None if holder is None else holder.session_data.get(visitor)
    if session is None:
        return
    now = datetime.now()
    # Gradio counts the time to live from the last change; only `_state_ttl` can restart it.
    for key, (seconds, _) in list(session._state_ttl.items()):
        session._state_ttl[key] = (seconds, now)


def visitor() -> str | None:
    """Gradio's identifier of the visitor whose event is handled; None outside of an event."""
    return getattr(LocalContext.request.get(None), "session_hash", None)


def expire_soon(page: gr.Blocks, visitor: str | None) -> None:
    """Let the states of a visitor who left expire after `KEEP`; gradio would keep them for an hour."""
    session = page.state_holder.session_data.get(visitor) if visitor else None
    if session is not None:
        session.STATE_TTL_WHEN_CLOSED = KEEP.total_seconds()  # `Blocks` has no argument for it


def forget_unused_sessions(page: gr.Blocks) -> None:
    """Drop what components showed to visitors idle for `KEEP`, and whole sessions of those who left."""
    holder = page.state_holder  # the only access to what gradio holds of visitors
    for visitor, used in list(holder.time_last_used.items()):
        session = holder.session_data.get(visitor)
        if session is None or datetime.now() - used < KEEP:
            continue
        session.config_values.clear()  # gradio itself never drops it from a session
        if session.is_closed:  # the visitor has left
            with holder.lock:
                holder.session_data.pop(visitor, None)
                holder.time_last_used.pop(visitor, None)


EVERY_S = 20.0
"""Time between two sweeps."""

IDLE_S = 60.0
"""An empty session is dropped after this time without a call."""


class Cleanup:
    """Removes what is no longer needed of one page; `sweep` is called repeatedly by one thread."""

    def __init__(self, page: gr.Blocks, keep_s: float) -> None:
        self._page = page
        self._keep_s = keep_s
        self._over_since: dict[str, float] = {}

    def sweep(self) -> None:
        """Delete records, sessions and files whose time is over."""
        now = time.monotonic()
        self.refresh_pending_uploads()
        self._sweep_calls(now)
        self._sweep_sessions()
        sweep_folder(Path(get_upload_folder()), self._keep_s, _kept(self._page))

    def refresh_pending_uploads(self) -> None:
        """Touch the uploads of waiting and running calls: gradio deletes files by age even while they are
        used."""
        for event in list(self._page._queue.event_ids_to_events.values()):  # the only list of calls
            for path in paths_in_values(getattr(event.data, "data", None)):
                if is_uploaded(path):
                    with suppress(OSError):  # deleted meanwhile
                        os.utime(path)

    def _sweep_calls(self, now: float) -> None:
        """Drop records of calls whose answer was fetched, or waited for `keep_s`."""
        queue = self._page._queue  # gradio never drops these records itself, and nothing public can
        under_way = {event.session_hash for event in list(queue.event_ids_to_events.values())}
        records = queue.pending_event_ids_session
        self._over_since = {s: t for s, t in self._over_since.items() if s in records and s not in under_way}
        for session in set(records) - under_way:
            since = self._over_since.setdefault(session, now)
            wait_s = self._keep_s if records.get(session) else IDLE_S
            if now - since >= wait_s:
                records.pop(session, None)
                if session in queue.pending_messages_per_session:
                    del queue.pending_messages_per_session[session]

    def _sweep_sessions(self) -> None:
        """Drop idle sessions of the API, which hold no result; gradio handles those of visitors."""
        holder = getattr(self._page, "state_holder", None)  # as in `forget_unused_sessions`
        if holder is None:
            return
        under_way = {event.session_hash for event in list(self._page._queue.event_ids_to_events.values())}
        for session, state in list(holder.session_data.items()):
            used = holder.time_last_used.get(session)
            idle_s = 0.0 if used is None else time.time() - used.timestamp()
            if session not in under_way and not state.state_data and idle_s >= IDLE_S:
                with holder.lock:
                    holder.session_data.pop(session, None)
                    holder.time_last_used.pop(session, None)


def _kept(page: gr.Blocks) -> set[str]:
    """Files that gradio never deletes; only `keep_in_cache` of each component lists them."""
    return {path for block in list(page.blocks.values()) for path in getattr(block, "keep_in_cache", ())}


def sweep_folder(folder: Path, keep_s: float, kept: AbstractSet[str] = frozenset()) -> None:
    """Delete files older than `keep_s` that are not in `kept`, and empty folders as old."""
    now = time.time()
    for parent, folders, names in os.walk(folder, topdown=False):
        for name in names:
            path = Path(parent, name)
            if str(path) not in kept and _age_s(path, now) > keep_s:
                path.unlink(missing_ok=True)
        for name in folders:
            path = Path(parent, name)
            if _age_s(path, now) > keep_s:
                try:
                    path.rmdir()
                except OSError:  # not empty
                    continue


def _age_s(path: Path, now: float) -> float:
    try:
        return now - path.lstat().st_ctime
    except OSError:  # deleted meanwhile
        return 0.0


@contextmanager
def cleaning_up(page: gr.Blocks, keep_s: float, every_s: float = EVERY_S) -> Iterator[Cleanup]:
    """Sweep a page every `every_s` seconds in a thread of its own, while the context lasts."""
    cleanup, stop = Cleanup(page, keep_s), threading.Event()

    def sweep() -> None:
        while not stop.wait(every_s):
            cleanup.sweep()

    thread = threading.Thread(target=sweep, name="cleanup", daemon=True)
    thread.start()
    try:
        yield cleanup
    finally:
        stop.set()
        thread.join(5)


def client_disconnected(page: gr.Blocks, session: str | None) -> bool:
    """Whether the client of a running call has closed the stream in which it waits for the answer.

    Only the queue's `active_jobs` knows: gradio tells a handler nothing about its client.
    """
    return any(
        job.session_hash == session and not job.alive
        for jobs in list(page._queue.active_jobs)
        for job in jobs or ()
    )
