"""The fixture `hub`. A `conftest.py` imports it for its tests."""

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
    """A running stand-in that the client uses as the Hub; `TOKEN` is the token of its owner `lab`."""
    with HubStandin() as standin:
        standin.tokens[TOKEN] = "lab"
        monkeypatch.setenv("HF_ENDPOINT", standin.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "home" / "hub"))
        no_sleep = SimpleNamespace(sleep=lambda seconds: None, time=time.time)  # between the client's retries
        monkeypatch.setattr("huggingface_hub.utils._http.time", no_sleep)
        monkeypatch.setattr(hub_registry, "QUERIES_S", 50.0)  # the machine may be busy
        monkeypatch.setattr(hub_registry, "LISTING_S", 60.0)
        monkeypatch.setattr(hub_registry, "_unreachable", {})
        yield standin
