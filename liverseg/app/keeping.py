"""How long a visitor's result is kept in memory: `KEEP_MINUTES` after it was last used.

gradio counts from when a state was set, keeps that of a visitor who left for an hour, and keeps what every
component last showed until 200 others came. So each event tells here that a result is in use, and what gradio
holds of a visitor goes with the result.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import gradio as gr
from gradio.context import LocalContext

from liverseg.app.texts import KEEP_MINUTES

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
