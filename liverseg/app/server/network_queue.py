"""Whether visitors or clients of the API run the network, or wait for it.

Nothing public in gradio says so. `event_ids_to_events` of the queue holds every waiting and running call;
`tests/liverseg/app/server/test_network_queue.py` fails when gradio changes it.
"""

from __future__ import annotations

import gradio as gr


def is_in_use(page: gr.Blocks, concurrency_id: str) -> bool:
    """Whether a call of the group `concurrency_id` runs or waits."""
    events = list(page._queue.event_ids_to_events.values())
    return any(event.concurrency_id == concurrency_id for event in events)
