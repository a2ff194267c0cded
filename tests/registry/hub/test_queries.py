from __future__ import annotations

from dataclasses import replace

import pytest

from registry import (
    open_registries,
)
from tests.hub_standin.answers import Answer
from tests.hub_standin.server import HubStandin


def test_a_next_page_at_another_address_is_not_requested(
    published: dict[str, str], hub: HubStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = hub.models

    def answer_with_foreign_link(*arguments: object) -> Answer:
        page = answer(*arguments)
        return replace(page, headers=page.headers | {"Link": f'<{hub.storage_url}/next>; rel="next"'})

    monkeypatch.setitem(hub.actions, "models", answer_with_foreign_link)
    registries = open_registries("hf://lab")
    assert registries.list() == [] and "another address" in registries.problems[0].reason
    assert all(seen.origin == "hub" for seen in hub.seen)
