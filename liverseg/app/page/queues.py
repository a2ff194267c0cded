"""How the events of the page queue, and the button that cancels those that run the network."""

from __future__ import annotations

from typing import Any

NETWORK_QUEUE: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "network"}
"""Options of events that run the network: one at a time for all visitors, as each uses every processor."""

DRAWING_QUEUE: dict[str, Any] = {
    "show_progress": "hidden",
    "trigger_mode": "always_last",
    "concurrency_limit": 4,
    "concurrency_id": "drawing",
    "api_visibility": "private",
}
"""Options of events that only draw. While one is running, only the last of the later ones is kept."""


def each_counts(name: str) -> dict[str, Any]:
    """Options of events that only draw and carry data: none is left out, and they run one after the other.

    With `always_last` gradio would repeat the data of the event under way instead of those of the last one.
    """
    return {
        **DRAWING_QUEUE,
        "trigger_mode": "multiple",
        "concurrency_limit": 1,
        "concurrency_id": name,
    }


SHOW_CANCEL = "() => { document.querySelector('#ls-cancel').dataset.busy = '%s'; }"
"""Shows the button Cancel and notes on it what kind of run it would cancel."""

KIND_OF_RUN_JS = """(...inputs) => {
  inputs[0] = document.querySelector('#ls-cancel').dataset.busy || '';
  return inputs;
}"""
"""Sets the first input to what `SHOW_CANCEL` noted."""

HIDE_CANCEL = "() => { delete document.querySelector('#ls-cancel').dataset.busy; }"
