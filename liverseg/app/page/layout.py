"""The page: places the components of `controls`, connects their events as in `wiring`, adds the endpoints."""

from __future__ import annotations

import gradio as gr

from liverseg.app.api import endpoints
from liverseg.app.examples import Examples
from liverseg.app.html import drawer, page_text
from liverseg.app.page import (
    checkpoint_list,
    controls,
    downloads,
    gallery,
    queues,
    visit_events,
    wiring,
)
from liverseg.app.page.actions import Actions
from liverseg.app.page.binding import PageComponents
from liverseg.app.page.comparison import ComparisonActions
from liverseg.app.page.marks import mark
from liverseg.app.server import request_guard, retention
from liverseg.app.state.checkpoints import Checkpoints
from liverseg.app.state.visit import Visit

DELETE_CHECK_S = 60
"""Time between two searches for files that have to be deleted."""

MAX_WAITING = 256
"""Events that may wait in the queue; further ones are refused with the message that it is full.

A waiting event holds its request and one short message for each answer before it, below 0.3 MB; its upload
is on the disk before it asks to wait.
"""

QUEUE_POLL_S = 0.01
"""Time between two looks at an idle queue. Gradio's default of 1 ms uses 7 % of a processor."""


def build(checkpoints: Checkpoints, examples: Examples) -> gr.Blocks:
    """The whole page with its endpoints, ready to launch."""
    keep_s = page_text.KEEP_MINUTES * 60
    with gr.Blocks(
        title=page_text.TITLE, analytics_enabled=False, fill_width=True, delete_cache=(DELETE_CHECK_S, keep_s)
    ) as page:
        refresh = gr.Button(mark("button.refresh"), render=False)
        components = _states(page) | _layout(checkpoints, examples, refresh)
        _connect(page, components, Actions(checkpoints, examples), refresh)
        endpoints.add_endpoints(page, checkpoints, queues.NETWORK_QUEUE)
    request_guard.guard_inputs(page)
    page.queue(max_size=MAX_WAITING)
    page._queue.sleep_when_free = QUEUE_POLL_S  # `Blocks.queue` has no argument for it
    return page


def _states(page: gr.Blocks) -> PageComponents:
    """The states of a visitor, which are not visible."""
    return {
        # The result shown and what was set, as a `Visit`; actions get its result.
        "analysis": retention.session_state(lambda _: retention.forget_unused_sessions(page), Visit()),
        "shown": gr.State(False),  # whether a result was shown
        "point": gr.State(None),  # row and column in which the planes of a volume cut each other
        "pending": retention.session_state(),  # `PendingRun`: its change starts the run
        "awaited": retention.session_state(),  # `PendingRun` whose result will be shown
        "finished": retention.session_state(),  # result of a run, or `FailedRun`
        "drawn": gr.Checkbox(False, visible=False),  # whether the browser draws the slices of a volume
        "from_script": gr.Textbox("", visible=False),  # what a script of the page adds to an event
    }


def _layout(checkpoints: Checkpoints, examples: Examples, refresh: gr.Button) -> PageComponents:
    """Place the visible components: controls left, pictures in the middle, results right, tabs below."""
    components: PageComponents = {}
    gr.HTML(mark("part.header"), elem_id="ls-header")
    components |= controls.session_components()
    with gr.Row(elem_id="ls-main"):
        with gr.Column(scale=0, min_width=0, elem_id="ls-controls"):
            gr.HTML(
                mark("part.drawer_head"),
                js_on_load=drawer.DRAWER_JS,
                elem_id="ls-drawer-head",
                apply_default_css=False,
            )
            with gr.Column(elem_id="ls-input"):
                components |= controls.input_controls(checkpoints, examples, refresh)
            with gr.Column(elem_id="ls-view"):
                components |= controls.view_controls()
        with gr.Column(scale=1, min_width=0, elem_id="ls-output"):
            components |= controls.messages()
            with gr.Column(elem_id="ls-middle"):
                components |= gallery.example_note()
                with gr.Column(elem_id="ls-pictures"):
                    components |= controls.result_viewer()
                components |= controls.plane_views()
            with gr.Column(elem_id="ls-side"):
                components |= controls.results_panel()
            components |= controls.result_tabs()
    gr.HTML(mark("part.footer"), elem_id="ls-footer")
    return components


def _connect(page: gr.Blocks, components: PageComponents, actions: Actions, refresh: gr.Button) -> None:
    """Connect all events."""
    checkpoints, runs = actions.checkpoints, actions.runs
    listed = [components["checkpoint"], components["card"]]
    network = wiring.connect_network(components, actions)
    refreshed = refresh.click(
        checkpoint_list.refresh_handler(checkpoints),
        [components["checkpoint"]],
        listed,
        api_visibility="private",
    )
    opened = page.load(checkpoint_list.reload_handler(checkpoints), None, listed, api_visibility="private")
    arrived = visit_events.connect_arrival(components, actions, opened)
    network += gallery.connect_examples(components, actions, arrived)
    second_run = wiring.connect_comparison(
        components, ComparisonActions(checkpoints), runs, [*network, refreshed]
    )
    relabelled, redraws = wiring.connect_drawing(components, actions, [*network, second_run])
    rejected = wiring.connect_lesions(components, actions)
    wiring.connect_volume(components, [*network, *relabelled, rejected], redraws)
    visit_events.connect_cancelling(page, components, actions, network)
    downloads.connect(components)
    checkpoint_list.connect_status_line(page, checkpoints, components, queues.DRAWING_QUEUE)
