"""The components of the examples, and which of their events calls which action of `arrival`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr
from gradio.events import Dependency

from liverseg.app.examples import Examples
from liverseg.app.html import examples as examples_html
from liverseg.app.html import page_text
from liverseg.app.page.actions import Actions
from liverseg.app.page.binding import PageComponents, component_updates, run_handler, with_request
from liverseg.app.page.updates import Updates
from liverseg.app.server import retention
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


def connect_arrival(
    page: gr.Blocks,
    components: PageComponents,
    actions: Actions,
    request_inputs: list[Any],
    queues: tuple[dict[str, Any], dict[str, Any]],
) -> list[Dependency]:
    """Connect the events of the examples; returns those that change the result.

    Args:
        page: the page, whose load shows the first example.
        components: of the page.
        actions: of the page.
        request_inputs: the components of a `RunRequest`.
        queues: gradio's options of events that draw, and of events that run the network.
    """
    drawing, network = queues
    outputs = list(components.values())
    arrival = [components["analysis"], components["shown"], *request_inputs]

    def handler(action: Callable[..., Updates]) -> Callable[..., Updates]:
        def handle(request: gr.Request, *values: Any) -> Updates:
            retention.mark_used()
            analysis, shown, *rest = values

            def adapted(asked: RunRequest, progress: ProgressCallback | None) -> Updates:
                return action(analysis, shown, actions.runs.is_running(request.session_hash), asked)

            try:
                updates = with_request(adapted)(*rest, progress=None)
            except LiversegError:  # a window that cannot be is being typed
                updates = actions.gallery_updates()
            return component_updates(updates, components)

        return handle

    def choose(event: gr.EventData, *values: Any) -> Updates:
        retention.mark_used()
        key = str(getattr(event, "example", ""))

        def adapted(asked: RunRequest, progress: ProgressCallback | None) -> Updates:
            return actions.choose_example(key, asked)

        try:
            updates = with_request(adapted)(*values, progress=None)
        except LiversegError as error:
            updates = {"problem": page_text.problem(str(error))}
        return component_updates(updates, components)

    named = {"api_visibility": "private", "show_progress": "hidden"}
    looking = [components[name] for name in ("examples", "arrival_timer", "arrived", "example_note")]
    loaded = page.load(handler(actions.on_load), arrival, outputs, **named)
    components["arrival_timer"].tick(handler(actions.tick), arrival, looking, **drawing)
    arrived = components["arrived"].change(handler(actions.on_load), arrival, outputs, **drawing)
    chosen = components["examples"].select(choose, request_inputs, outputs, **drawing)
    run = components["wanted"].change(
        run_handler(with_request(actions.wanted_example), components, actions, actions.runs),
        [components["wanted"], *request_inputs],
        outputs,
        **network,
    )
    return [loaded, arrived, chosen, run]
