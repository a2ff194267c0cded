"""The dropdown of checkpoints: its entries, the card below it, and the status of loading."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from liverseg.app.html import page_text
from liverseg.app.page.binding import PageComponents
from liverseg.app.server.visitor_language import in_visitors_language
from liverseg.app.state.checkpoints import Checkpoints
from liverseg.app.text.catalogue import say
from liverseg.errors import LiversegError

STATUS_POLL_S = 1.0
"""Time between two updates of the status line while a checkpoint is being loaded."""

Choices = list[tuple[str, str]]
"""Label and reference of each entry."""


def checkpoint_choices(
    checkpoints: Checkpoints, chosen: str | None = None, word: Callable[[str], object] = say
) -> tuple[Choices, str | None, str]:
    """The entries of the dropdown, the reference to select, and the card of that checkpoint.

    `chosen` stays selected if it still exists; otherwise the default checkpoint is selected. Notices about
    registries that cannot be reached follow the card; `word` is that of `entry_label`. If no checkpoint is
    available, a sentence replaces the card.
    """
    try:
        choices = checkpoints.choices(word)
        still_exists = chosen in (ref for _, ref in choices)
        selected = checkpoints.find(chosen if still_exists else None)
    except LiversegError as error:
        return [], None, page_text.refusal(str(error))
    notices = "".join(page_text.refusal(notice) for notice in checkpoints.notices())
    return choices, selected.ref, page_text.checkpoint_card(selected) + notices


def reload_handler(checkpoints: Checkpoints) -> Callable[[], tuple[Any, str]]:
    """The event handler for opening the page: read the registries again and select the default checkpoint."""

    @in_visitors_language
    def reload() -> tuple[Any, str]:
        checkpoints.refresh()
        choices, ref, card = checkpoint_choices(checkpoints)
        return gr.update(choices=choices, value=ref), card

    return reload


def refresh_handler(checkpoints: Checkpoints) -> Callable[[str | None], tuple[Any, str]]:
    """The event handler of the refresh button: read the registries again and keep the selection."""

    @in_visitors_language
    def refresh(chosen: str | None) -> tuple[Any, str]:
        checkpoints.refresh()
        choices, ref, card = checkpoint_choices(checkpoints, chosen)
        return gr.update(choices=choices, value=ref), card

    return refresh


def connect_status_line(
    page: gr.Blocks, checkpoints: Checkpoints, components: PageComponents, queue: dict[str, Any]
) -> None:
    """Show that a checkpoint is being loaded, or why it could not be loaded; `queue` has gradio's options."""

    @in_visitors_language
    def status(ref: str | None) -> tuple[str, gr.Timer]:
        loading, problem = checkpoints.loading, checkpoints.problem_with(ref)
        html = page_text.loading(loading) if loading else page_text.refusal(problem) if problem else ""
        return html, gr.Timer(active=bool(html))

    timer = gr.Timer(STATUS_POLL_S, active=False)
    options: dict[str, Any] = {
        **queue,
        "inputs": components["checkpoint"],
        "outputs": [components["loading"], timer],
    }
    page.load(status, **options)
    timer.tick(status, **options)
    components["checkpoint"].change(status, **options)
