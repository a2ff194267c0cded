"""Connects the events of a visit as a whole: the page is opened, a run is cancelled, the page is left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr
from gradio.events import Dependency

from liverseg.app.html import waiting_text
from liverseg.app.page import arrival, switching
from liverseg.app.page.actions import Actions
from liverseg.app.page.binding import PageComponents, current_visit, event_handler, view_inputs, with_view
from liverseg.app.page.queues import DRAWING_QUEUE, HIDE_CANCEL, KIND_OF_RUN_JS
from liverseg.app.page.updates import Updates
from liverseg.app.server import retention
from liverseg.app.state.view import View
from liverseg.app.state.visit import Visit


def connect_cancelling(
    page: gr.Blocks, components: PageComponents, actions: Actions, network: Sequence[Dependency]
) -> None:
    """Stop a visitor's runs when they press Cancel, remove the upload, or leave the page.

    Cancel also takes those events of `network` that still wait out of the queue.
    """

    def stop(request: gr.Request) -> None:
        actions.runs.stop(request.session_hash)
        retention.expire_soon(page, request.session_hash)

    def stop_unwanted(kind: str, visit: Any, request: gr.Request) -> None:
        if kind != "compare" and isinstance(visit, Visit):
            visit.begin_run()  # before it stops: it must not offer Run again before `cancel` has run
        stop(request)

    def cancel(kind: str, analysis: Any, ref: str | None) -> Updates:
        return switching.cancel(actions.checkpoints, kind, analysis, ref, current_visit().choices)

    options: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    upload, cancelled = components["upload"], components["cancel"].click
    for event in (upload.clear, upload.delete):
        event(stop, None, None, **options)
    pressed = [components["from_script"], components["analysis"]]
    cancelled(stop_unwanted, pressed, None, js=KIND_OF_RUN_JS, **options)
    cancelled(
        event_handler(cancel, components),
        [components["from_script"], components["analysis"], components["checkpoint"]],
        list(components.values()),
        js=KIND_OF_RUN_JS,
        cancels=list(network),
        **DRAWING_QUEUE,
    ).then(None, js=HIDE_CANCEL, api_visibility="private")
    for event in (upload.clear, upload.delete):
        event(None, js=HIDE_CANCEL, api_visibility="private")
    page.unload(stop)


def connect_arrival(components: PageComponents, actions: Actions, opened: Dependency) -> Dependency:
    """Show the result whose key the address has, after the page was `opened`; returns the event."""

    def arrived(key: str, _: Any, view: View) -> Updates:
        return arrival.arrive(actions.checkpoints, key, view, current_visit())

    def handler(*values: Any) -> Updates:
        updates = event_handler(with_view(arrived), components)(*values)
        data = waiting_text.session_data(retention.visitor() or "", "", "")
        return {components["session"]: data, **updates}

    return opened.then(
        handler,
        [components["from_script"], components["analysis"], *view_inputs(components)],
        list(components.values()),
        js=waiting_text.RESULT_KEY_JS,
        **DRAWING_QUEUE,
    )
