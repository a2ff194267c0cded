from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from registry import (
    open_registries,
)
from tests.hub_standin.faults import Fault
from tests.hub_standin.server import HubStandin

ROOT = Path(__file__).resolve().parents[3]


def test_an_interrupted_download_is_resumed(
    published: dict[str, str], hub: HubStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.hub.download.time.sleep", lambda seconds: None)
    hub.faults.plant(Fault("GET /files/", cut_after=10_000))
    hub.faults.plant(Fault("GET /files/", cut_after=10_000))
    hub.faults.plant(Fault("GET /files/", status=503))
    hub.faults.plant(Fault("GET /files/", drop=True))
    assert open_registries("hf://lab").find("tiny").read_model()
    ranges = [seen.headers.get("range") for seen in hub.seen if "/files/" in seen.request]
    assert ranges == [None, "bytes=10000-", "bytes=20000-", "bytes=20000-", "bytes=20000-"]


def test_a_killed_download_is_resumed_by_the_next_process(
    published: dict[str, str], hub: HubStandin, tmp_path: Path
) -> None:
    hub.faults.plant(Fault("GET /files/", cut_after=10_000))
    hub.faults.plant(Fault("GET /files/", delay_s=3, drop=True))
    command = [sys.executable, "-m", "registry", "pull", "tiny", "--registry", "hf://lab"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(hub.requests("GET /files/")) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    hub.faults.clear()
    hub.seen.clear()
    assert open_registries("hf://lab").find("tiny").read_model()
    ranges = [seen.headers.get("range") for seen in hub.seen if "/files/" in seen.request]
    assert ranges == ["bytes=10000-"]


def test_a_wrong_partial_file_is_downloaded_again(
    published: dict[str, str], hub: HubStandin, tmp_path: Path
) -> None:
    checkpoint = open_registries("hf://lab").find("tiny")
    for size in (500, checkpoint.manifest.files["model.pt"].bytes, 10**6):
        (checkpoint.folder / ".model.pt.part").write_bytes(b"x" * size)
        assert checkpoint.read_model()
        (checkpoint.folder / "model.pt").unlink()
