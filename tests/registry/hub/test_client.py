from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from registry import Checkpoint, UnsupportedRegistry, open_registries, push
from registry.hub.client import endpoint, endpoint_host, owner_of
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


@pytest.mark.parametrize(
    "address", ["hf://", "hf://a/b", "hf://../x", "hf://a--b", "hf://-a", "hf://" + "a" * 97]
)
def test_an_invalid_owner_is_refused(address: str) -> None:
    with pytest.raises(UnsupportedRegistry, match="hf://owner"):
        owner_of(address)


def test_the_owner_may_have_a_scheme_in_capitals_and_a_final_slash() -> None:
    assert owner_of("HF://lab/") == "lab" and owner_of("lab") is None


def test_the_host_in_messages_has_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://user:secret@hub.example:8443/path/")
    assert endpoint_host() == "hub.example:8443"
    assert endpoint() == "https://user:secret@hub.example:8443/path"
