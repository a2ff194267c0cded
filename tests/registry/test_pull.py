from __future__ import annotations

from pathlib import Path

from registry import (
    open_registries,
    pull,
)
from tests.hub_standin.server import HubStandin


def test_pull_fetches_everything_once(published: dict[str, str], hub: HubStandin, tmp_path: Path) -> None:
    checkpoint = open_registries("hf://lab").find("tiny")
    steps: list[tuple[str, int, int]] = []
    pulled = pull(checkpoint, progress=lambda *step: steps.append(step))
    assert (pulled.ref, pulled.revision) == ("tiny@1.1.0", published["tiny@1.1.0"])
    assert set(pulled.fetched) == set(checkpoint.manifest.files)
    assert {name for name, done, total in steps if done == total} == set(checkpoint.manifest.files)
    hub.seen.clear()
    assert pull(checkpoint).fetched == () and hub.seen == []
