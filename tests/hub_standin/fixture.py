"""The stand-in as a fixture, for the `conftest.py` of the tests that need it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from registry.hub import registry as hub_registry
from tests.hub_standin.server import HubStandin

TOKEN = "hf_" + "secretOfTheLab" * 2


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubStandin]:
    """A Hub on this machine that the client talks to, whose owner `lab` has the token `TOKEN`."""
    with HubStandin() as standin:
        standin.tokens[TOKEN] = "lab"
        monkeypatch.setenv("HF_ENDPOINT", standin.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
        hurried = SimpleNamespace(sleep=lambda seconds: None, time=time.time)  # between the client's retries
        monkeypatch.setattr("huggingface_hub.utils._http.time", hurried)
        monkeypatch.setattr(hub_registry, "QUERIES_S", 50.0)  # the machine may be busy
        monkeypatch.setattr(hub_registry, "LISTING_S", 60.0)
        monkeypatch.setattr(hub_registry, "_unreachable", {})
        yield standin
