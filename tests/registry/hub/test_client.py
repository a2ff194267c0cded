from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from registry import (
    Checkpoint,
    open_registries,
    push,
)
from tests.hub_standin.fixture import TOKEN
from tests.hub_standin.server import HubStandin

ROOT = Path(__file__).resolve().parents[3]


def test_the_token_reads_private_repositories_and_is_sent_to_the_endpoint_only(
    hub: HubStandin, write: Callable[..., Checkpoint], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    push(write().folder, "hf://lab", private=True)
    hub.seen.clear()
    environment = os.environ | {
        "HF_HUB_VERBOSITY": "debug",
        "LIVERSEG_REGISTRY": "hf://lab",
        "PYTHONUTF8": "1",
    }
    command = [sys.executable, "-X", "dev", "-W", "ignore", "-m", "registry", "pull", "tiny"]
    out = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
    assert TOKEN.encode() not in out.stdout + out.stderr
    sent = {seen.origin for seen in hub.seen if "authorization" in seen.headers}
    assert sent == {"hub"} and hub.requests("/files/")
    assert not any(TOKEN in str(seen.headers) + seen.request for seen in hub.seen if seen.origin == "storage")
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes(), path
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    registries = open_registries("hf://lab")
    (problem,) = registries.problems
    assert "token" in problem.reason and "hf_expired" not in problem.reason
    assert registries.find("tiny").read_model()  # it was fetched before
    monkeypatch.delenv("HF_TOKEN")
    assert open_registries("hf://lab").list() == []
