"""The components of the examples, and which of their events calls which action of `example_actions`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr
from gradio.events import Dependency

from liverseg.app.examples import Examples
from liverseg.app.html import examples as examples_html
from liverseg.app.page.actions import Actions
from liverseg.app.page.binding import (
    PageComponents,
    event_handler,
    request_inputs,
    run_handler,
    select_handler,
    with_request,
)
from liverseg.app.page.queues import DRAWING_QUEUE, HIDE_CANCEL, NETWORK_QUEUE, SHOW_CANCEL, each_counts
from liverseg.app.page.updates import Updates
from liverseg.app.state.view import RunRequest
from liverseg.errors import LiversegError
from liverseg.inference.progress import ProgressCallback

TICK_S = 2.0
"""Time between two looks at examples that are being prepared."""


def example_gallery(examples: Examples) -> PageComponents:
    """The buttons of the examples, and what is not visible: the states and the timer."""
    return {
        "examples": gr.HTML(
            examples_html.gallery(examples.list, examples.thumbnails),
            js_on_load=examples_html.GALLERY_JS,
            elem_id="ls-examples",
            apply_default_css=False,
        ),
        "wanted": gr.State(None),  # `WantedExample`: its change runs the network
        "arrived": gr.State(None),  # `WantedExample`: its change shows the first example
        "arrival_timer": gr.Timer(TICK_S, active=False),
    }


def example_note() -> PageComponents:
    """What is said about the example shown, above its pictures."""
    return {"example_note": gr.HTML("", elem_id="ls-example-note", apply_default_css=False)}


def connect_examples(components: PageComponents, actions: Actions, opened: Dependency) -> list[Dependency]:
    """Connect the examples, the first of which is shown once the page is `opened` and has no result.

    Returns the events that change the result; the last of them runs the network.
    """
    outputs, inputs = list(components.values()), request_inputs(components)
    arrival = [components["analysis"], components["shown"], *inputs]
    looking = [components[name] for name in ("examples", "arrival_timer", "arrived", "example_note")]

    def looks(action: Callable[..., Updates]) -> Callable[..., Updates]:
        def handle(request: gr.Request, *values: Any) -> Updates:
            def adapted(analysis: Any, shown: bool, asked: RunRequest, progress: Any) -> Updates:
                return action(analysis, shown, actions.runs.is_running(request.session_hash), asked)

            def guarded(*given: Any) -> Updates:
                try:
                    return with_request(adapted)(*given, progress=None)
                except LiversegError:  # a window that cannot be is being typed
                    return actions.gallery_updates()

            return event_handler(guarded, components)(*values)

        return handle

    def choose(event: gr.EventData, *values: Any) -> Updates:
        def adapted(_: Any, asked: RunRequest, progress: Any) -> Updates:
            return actions.choose_example(str(getattr(event, "example", "")), asked)

        return with_request(adapted)(*values, progress=None)

    def wanted(_: Any, key: Any, asked: RunRequest, progress: ProgressCallback) -> Updates:
        return actions.wanted_example(key, asked, progress)

    loaded = opened.then(looks(actions.on_load), arrival, outputs, **DRAWING_QUEUE)
    components["arrival_timer"].tick(looks(actions.tick), arrival, looking, **DRAWING_QUEUE)
    arrived = components["arrived"].change(looks(actions.on_load), arrival, outputs, **DRAWING_QUEUE)
    with_visit = [components["analysis"], *inputs]
    chosen = components["examples"].select(
        select_handler(choose, components), with_visit, outputs, **each_counts("examples")
    )
    components["wanted"].change(None, js=SHOW_CANCEL % "input", api_visibility="private")
    run = components["wanted"].change(
        run_handler(with_request(wanted), components, actions, actions.runs),
        [components["analysis"], components["wanted"], *inputs],
        outputs,
        show_progress="full",
        show_progress_on=components["viewer"],
        trigger_mode="always_last",
        api_visibility="private",
        **NETWORK_QUEUE,
    )
    run.then(None, js=HIDE_CANCEL, api_visibility="private")
    return [loaded, arrived, chosen, run]
