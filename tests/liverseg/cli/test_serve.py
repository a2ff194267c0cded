"""`liverseg serve`: its options reach the page's own command."""

from __future__ import annotations

from liverseg.__main__ import main


def test_the_port_reaches_the_page_and_its_status_is_returned(monkeypatch):
    received = []
    monkeypatch.setattr("liverseg.app.launch.main", lambda arguments: received.append(arguments) or 3)
    assert main(["serve", "--port", "7861"]) == 3 and main(["serve"]) == 3
    assert received == [["--port", "7861"], []]
