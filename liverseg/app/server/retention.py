"""How long a visitor's result is kept in memory: `KEEP_MINUTES` after it was last used.

gradio counts from when a state was set, keeps that of a visitor who left for an hour, and keeps what every
component last showed until 200 others came. So each event tells here that a result is in use, and what gradio
holds of a visitor goes with the result.

Gradio holds a session for every call of the API, and when there are `launch.MAX_SESSIONS` of them drops the
oldest, which may be a visitor's with a result in it. It keeps a record of every answered call, the folder of
every deleted upload, and what an upload that broke off has left. None of it is needed again.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
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


def kept(forget: Callable[[Any], None] | None = None) -> gr.State:
    """A state of a visitor that is deleted after its time; `forget` is called then, with the value."""
    return gr.State(None, time_to_live=int(KEEP.total_seconds()), delete_callback=forget)


def touch() -> None:
    """Within an event of the page: the visitor's states are in use now."""
    page, request = LocalContext.blocks.get(None), LocalContext.request.get(None)
    holder, visitor = getattr(page, "state_holder", None), getattr(request, "session_hash", None)
    session = None if holder is None else holder.session_data.get(visitor)
    if session is None:
        return
    now = datetime.now()
    for key, (seconds, _) in list(session._state_ttl.items()):
        session._state_ttl[key] = (seconds, now)


def shorten(page: gr.Blocks, visitor: str | None) -> None:
    """The visitor left, or lost the connection: gradio would keep the states for an hour."""
    session = page.state_holder.session_data.get(visitor) if visitor else None
    if session is not None:
        session.STATE_TTL_WHEN_CLOSED = KEEP.total_seconds()


def forget_unused(page: gr.Blocks) -> None:
    """What components showed to visitors who have not used the page for the time; all of those who left."""
    holder = page.state_holder
    for visitor, used in list(holder.time_last_used.items()):
        session = holder.session_data.get(visitor)
        if session is None or datetime.now() - used < KEEP:
            continue
        session.config_values.clear()
        if session.is_closed:
            with holder.lock:
                holder.session_data.pop(visitor, None)
                holder.time_last_used.pop(visitor, None)


EVERY_S = 20.0
IDLE_S = 60.0
"""A session without anything in it is let go after this time without a call."""

Session = str


class Tidying:
    """What there is to let go of one page; `sweep` is called from time to time, by one thread."""

    def __init__(self, page: gr.Blocks, keep_s: float) -> None:
        self._page = page
        self._keep_s = keep_s
        self._over_since: dict[Session, float] = {}

    def sweep(self) -> None:
        """Let go of everything that is over."""
        now = time.monotonic()
        self.keep_what_is_waited_for()
        self._sweep_calls(now)
        self._sweep_sessions()
        sweep_folder(Path(get_upload_folder()), self._keep_s, _kept(self._page))

    def keep_what_is_waited_for(self) -> None:
        """Make the uploads of calls that wait or run young again: gradio deletes by age, in use or not."""
        for event in list(self._page._queue.event_ids_to_events.values()):
            for path in paths_in_values(getattr(event.data, "data", None)):
                if is_uploaded(path):
                    with suppress(OSError):  # deleted meanwhile
                        os.utime(path)

    def _sweep_calls(self, now: float) -> None:
        """Records of calls whose answer was fetched, or was not for `keep_s`."""
        queue = self._page._queue
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
        """Sessions of the API, which hold no result; a visitor's is left to gradio."""
        holder = getattr(self._page, "state_holder", None)
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
    """Files that gradio itself never deletes."""
    return {path for block in list(page.blocks.values()) for path in getattr(block, "keep_in_cache", ())}


def sweep_folder(folder: Path, keep_s: float, kept: set[str] = frozenset()) -> None:  # type: ignore[assignment]
    """Delete files below a folder that are older than `keep_s` and not `kept`, and empty folders as old."""
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
def tidied(page: gr.Blocks, keep_s: float, every_s: float = EVERY_S) -> Iterator[Tidying]:
    """Sweep a page from time to time, in a thread of its own, until the context is left."""
    tidying, stop = Tidying(page, keep_s), threading.Event()

    def sweep() -> None:
        while not stop.wait(every_s):
            tidying.sweep()

    thread = threading.Thread(target=sweep, name="tidying", daemon=True)
    thread.start()
    try:
        yield tidying
    finally:
        stop.set()
        thread.join(5)


def has_left(page: gr.Blocks, session: Session | None) -> bool:
    """Whether the client of a call under way closed the stream in which it waits for the answer."""
    return any(
        job.session_hash == session and not job.alive
        for jobs in list(page._queue.active_jobs)
        for job in jobs or ()
    )
