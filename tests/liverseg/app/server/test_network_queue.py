"""Whether somebody runs the network, as gradio's queue knows it."""

from __future__ import annotations

import threading

import gradio as gr
from gradio_client import Client

from liverseg.app.server.network_queue import is_in_use


def test_a_running_call_of_the_group_is_noticed_and_one_of_another_group_is_not():
    started, finish = threading.Event(), threading.Event()

    def work(name: str) -> str:
        started.set()
        assert finish.wait(60)
        return name

    with gr.Blocks() as page:
        text = gr.Textbox()
        text.submit(work, text, text, api_name="run", concurrency_id="network")
        text.blur(work, text, text, api_name="draw", concurrency_id="drawing")
    page.queue()
    page.launch(prevent_thread_lock=True, quiet=True)
    try:
        client = Client(page.local_url, verbose=False)
        for name, expected in (("/draw", False), ("/run", True)):
            assert not is_in_use(page, "network")
            job = client.submit("x", api_name=name)
            assert started.wait(60)
            assert is_in_use(page, "network") is expected
            finish.set()
            assert job.result(60) == "x"
            started.clear()
            finish.clear()
        assert not is_in_use(page, "network")
    finally:
        finish.set()
        page.close()
