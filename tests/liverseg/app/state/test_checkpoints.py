"""Checkpoints are listed, and loaded in the background: once for all visitors, and again after a failure."""

from __future__ import annotations

import logging
import shutil
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from gradio_client import Client, handle_file

from liverseg.app.examples import Examples
from liverseg.app.html import page_text
from liverseg.app.launch import launch_options
from liverseg.app.page.layout import build
from liverseg.app.state.checkpoints import LOAD_FAILED, MAX_LOADED, Checkpoints
from liverseg.errors import CheckpointRefused
from liverseg.inference.segmenter import Segmenter
from registry import open_registries, push
from registry.registries import BUNDLED_FOLDER
from tests.hub_standin.faults import Fault
from tests.hub_standin.server import HubStandin

PATIENCE_S = 120


class Gate:
    """Replaces `Segmenter.from_checkpoint`: counts the calls, and blocks them until `opened` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened, self.loads = threading.Event(), []
        original = Segmenter.from_checkpoint

        def slow(checkpoint, *, engine="auto", **named):
            self.loads.append(checkpoint.ref)
            assert self.opened.wait(PATIENCE_S)
            return original(checkpoint, engine=engine, **named)

        monkeypatch.setattr(Segmenter, "from_checkpoint", slow)


def test_a_checkpoint_is_loaded_once_for_simultaneous_calls(registry_folder: Path, monkeypatch):
    gate = Gate(monkeypatch)
    checkpoints = Checkpoints(open_registries(str(registry_folder)), engine="torch")
    with ThreadPoolExecutor(6) as pool:
        waiting = [pool.submit(checkpoints.segmenter, None) for _ in range(5)]
        other = pool.submit(checkpoints.segmenter, "segformer-b0-fast")
        while len(checkpoints._loads) < 2:
            assert not any(future.done() for future in (*waiting, other))
            time.sleep(0.01)
        assert checkpoints.loading.startswith("Loading the checkpoint segformer-b0")
        gate.opened.set()
        assert len({id(future.result()) for future in waiting}) == 1
        assert other.result() is not waiting[0].result()
    assert sorted(gate.loads) == ["segformer-b0-fast@0.3.0", "segformer-b0@1.0.0"]
    assert checkpoints.segmenter(None) is waiting[0].result() and len(gate.loads) == 2
    assert checkpoints.loading == ""


def test_a_failure_is_kept_as_the_problem_and_the_next_call_tries_again(
    registry_folder: Path, monkeypatch, caplog
):
    checkpoints = Checkpoints(open_registries(str(registry_folder)), engine="torch")
    original = Segmenter.from_checkpoint
    reason = "OpenVINO cannot convert this checkpoint."

    def fails(checkpoint, **named):
        raise CheckpointRefused(reason)

    monkeypatch.setattr(Segmenter, "from_checkpoint", fails)
    with caplog.at_level(logging.WARNING):
        checkpoints.warm_up().join(PATIENCE_S)
    assert reason in caplog.text and checkpoints.loading == ""
    assert checkpoints.problem_with("segformer-b0@1.0.0") == reason
    assert checkpoints.problem_with("segformer-b0-fast@0.3.0") == checkpoints.problem_with(None) == ""
    monkeypatch.setattr(Segmenter, "from_checkpoint", original)
    assert checkpoints.segmenter(None).checkpoint.ref == "segformer-b0@1.0.0"
    assert checkpoints.problem_with("segformer-b0@1.0.0") == ""


def test_an_unexpected_error_ends_the_load_with_a_general_problem(registry_folder: Path, monkeypatch):
    checkpoints = Checkpoints(open_registries(str(registry_folder)), engine="torch")
    monkeypatch.setattr(Segmenter, "from_checkpoint", lambda checkpoint, **named: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        checkpoints.segmenter(None)
    assert checkpoints.problem_with("segformer-b0@1.0.0") == LOAD_FAILED and checkpoints.loading == ""


def test_check_finds_problems_of_folders_before_the_page_is_served(registry_folder: Path, tmp_path: Path):
    Checkpoints(open_registries(str(registry_folder))).check()
    with pytest.raises(CheckpointRefused, match="no checkpoint"):
        Checkpoints(open_registries(str(tmp_path))).check()
    model = shutil.copytree(registry_folder, tmp_path / "copy") / "segformer-b0" / "model.pt"
    model.write_bytes(model.read_bytes()[:-1])
    fallen_back = Checkpoints(open_registries(str(tmp_path / "copy")))
    fallen_back.check()
    assert fallen_back.find(None).ref == "segformer-b0-fast@0.3.0"
    shutil.rmtree(tmp_path / "copy" / "segformer-b0-fast")
    with pytest.raises(CheckpointRefused, match="model.pt .* truncated or was replaced"):
        Checkpoints(open_registries(str(tmp_path / "copy"))).check()
    Checkpoints(open_registries("hf://lab")).check()  # a Hub may get checkpoints later


def test_the_page_is_served_before_the_weights_are_loaded_and_segments_afterwards(
    hub: HubStandin, examples: Examples, png: str, monkeypatch, tmp_path: Path
):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    pushed = push(BUNDLED_FOLDER / "segformer-b0-fast", "hf://lab")
    loads = []
    original = Segmenter.from_checkpoint
    monkeypatch.setattr(
        Segmenter, "from_checkpoint", lambda c, **named: loads.append(c.ref) or original(c, **named)
    )
    arrived = threading.Event()

    def late(body: bytes) -> bytes:
        assert arrived.wait(PATIENCE_S)
        return body

    monkeypatch.setattr("registry.hub.download.READ_S", PATIENCE_S)
    hub.faults.plant(Fault("GET /files/", change=late))
    checkpoints = Checkpoints(open_registries("hf://lab"), engine="torch")
    thread = checkpoints.warm_up()
    page = build(checkpoints, examples)
    try:
        _, url, _ = page.launch(
            server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, **launch_options()
        )
        assert urllib.request.urlopen(url, timeout=PATIENCE_S).status == 200
        client = Client(url, verbose=False, download_files=str(tmp_path / "answers"))
        assert [entry["ref"] for entry in client.predict(api_name="/checkpoints")] == [pushed.ref]
        job = client.submit(handle_file(png), api_name="/segment")
        while not hub.requests("GET /files/"):
            assert thread.is_alive()
            time.sleep(0.01)
        assert not job.done() and loads == []
        assert checkpoints.loading.startswith(f"Loading the checkpoint {pushed.ref} …")
        assert 'role="status"' in page_text.loading(checkpoints.loading)
        arrived.set()
        report = job.result(timeout=PATIENCE_S)[3]
        assert report["checkpoint"]["revision"] == pushed.revision and report["tumour"]["pixels"] > 0
        assert loads == [pushed.ref] and len(hub.requests("GET /files/")) == 1
    finally:
        arrived.set()
        page.close()


def test_entries_have_name_version_dice_and_licence_the_default_first(checkpoints):
    labels = checkpoints.choices()
    assert labels[0] == (
        "segformer-b0 1.0.0 · liver 0.945 · tumour 0.463 · CC BY-NC-SA 4.0",
        "segformer-b0@1.0.0",
    )
    assert labels[1][1] == "segformer-b0-fast@0.3.0"


def test_a_loaded_checkpoint_is_shared_and_an_unknown_one_refused(checkpoints):
    assert checkpoints.segmenter("segformer-b0") is checkpoints.segmenter(None)
    assert len(checkpoints.list()) <= MAX_LOADED
    with pytest.raises(CheckpointRefused, match="nothing-like-it"):
        checkpoints.segmenter("nothing-like-it")


def test_a_tampered_checkpoint_is_refused(registry_folder, tmp_path):
    copy = shutil.copytree(registry_folder, tmp_path / "registry")
    model = copy / "segformer-b0" / "model.pt"
    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 1
    model.write_bytes(data)
    own = Checkpoints(open_registries(str(copy)), engine="torch")
    with pytest.raises(CheckpointRefused):
        own.segmenter("segformer-b0")
    assert own.segmenter("segformer-b0-fast").identity.ref == "segformer-b0-fast@0.3.0"
