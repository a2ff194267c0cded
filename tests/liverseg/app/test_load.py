"""Several clients at once for a few seconds: each gets its own answer, and no other host is contacted."""

from __future__ import annotations

import socket
import time

import pytest

from fuzzing.clients import Client, Tally, cases
from liverseg.app.launch import launch_options
from liverseg.app.page import layout
from liverseg.app.page.layout import build

CLIENTS, SECONDS = 4, 2.5


@pytest.fixture
def other_hosts(monkeypatch) -> list[str]:
    """Hosts other than this machine that are looked up or connected to."""
    contacted: list[str] = []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def noted(address):
        where = address[0] if isinstance(address, tuple) else address
        where = where.decode() if isinstance(where, bytes) else where
        if where and not str(where).startswith(("127.", "::1", "localhost")):
            contacted.append(str(where))

    def connecting(self, address):
        noted(address)
        return connect(self, address)

    def looking_up(host, *rest, **named):
        noted((host,))
        return look_up(host, *rest, **named)

    monkeypatch.setattr(socket.socket, "connect", connecting)
    monkeypatch.setattr(socket, "getaddrinfo", looking_up)
    return contacted


def test_each_client_gets_its_own_answer_and_no_other_host_is_contacted(
    checkpoints, examples, tmp_path, monkeypatch, other_hosts
):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "files"))
    monkeypatch.setattr(layout, "MAX_WAITING", 2)
    segmenter = checkpoints.segmenter(None)
    good = [cases(number, tmp_path, segmenter) for number in range(CLIENTS)]
    reports = [case.report for own in good for case in own]
    assert all(reports.count(report) == 1 for report in reports), "the answers differ"
    page = build(checkpoints, examples)
    _, address, _ = page.launch(
        server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, **launch_options()
    )
    try:
        tally = Tally()
        ref = segmenter.checkpoint.ref
        for number in range(CLIENTS):  # one by one, so that each answers even on a slow machine
            Client(address.rstrip("/"), number, good[number], tally, 0.0, ref)._ask(good[number][0])
        until = time.monotonic() + SECONDS
        team = [Client(address.rstrip("/"), k, good[k], tally, until, ref) for k in range(CLIENTS)]
        for client in team:
            client.start()
        for client in team:
            client.join(120)
            assert not client.is_alive()
        assert tally.wrong == [] and tally.counts["right answers"] >= CLIENTS
    finally:
        page.close()
    assert other_hosts == []
