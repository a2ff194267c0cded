"""The files uploaded as a Space, started as the Hub starts them, with weights that arrive late."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

from gradio_client import Client, handle_file

from registry import push
from registry.registries import BUNDLED_FOLDER
from registry.space.push import SpaceSettings, push_space
from tests.app_process import free_port
from tests.hub_standin.faults import Fault
from tests.hub_standin.server import HubStandin

PATIENCE_S = 240
"""Timeout for a busy machine; the test is faster normally."""


def test_the_uploaded_files_serve_the_page_before_the_weights_have_arrived(
    hub: HubStandin, png: str, tmp_path: Path
) -> None:
    pushed = push(BUNDLED_FOLDER / "segformer-b0-fast", "hf://lab")
    push_space("lab/page", SpaceSettings("hf://lab"))
    space, home = hub.repositories.all["spaces/lab/page"], tmp_path / "space"
    for name, blob in space.commits[space.head].items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(blob.data)
    arrived = threading.Event()

    def late(body: bytes) -> bytes:
        assert arrived.wait(PATIENCE_S)
        return body

    hub.faults.plant(Fault("GET /files/", change=late, times=10**6))  # also for retries
    port = free_port()
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("HF_", "PYTHON"))
    }
    environment |= {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path / "empty"),
        "GRADIO_SERVER_PORT": str(port),
    }
    environment |= space.variables
    with open(tmp_path / "log", "w+") as log:
        app = subprocess.Popen([sys.executable, "app.py"], cwd=home, env=environment, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}/"
            _wait_for(url, app)
            assert not arrived.is_set()
            client = Client(url, verbose=False, download_files=str(tmp_path / "answers"))
            job = client.submit(handle_file(png), api_name="/segment")
            time.sleep(0.5)
            assert not job.done()
            arrived.set()
            assert job.result(timeout=PATIENCE_S)[3]["checkpoint"]["revision"] == pushed.revision
        finally:
            arrived.set()
            app.terminate()
            app.wait(PATIENCE_S)
        log.seek(0)
        assert "Traceback" not in log.read()
    assert not list((home / "liverseg").rglob("*.pt"))


def _wait_for(url: str, app: subprocess.Popen) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and app.poll() is None:
        try:
            assert urllib.request.urlopen(url, timeout=30).status == 200
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError("The page was not served.")
