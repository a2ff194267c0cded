"""Connections to other machines are logged, and growth is measured."""

from __future__ import annotations

import os
import subprocess
import sys

from fuzzing.server import WATCHED, Sample, trend


def test_connections_to_other_machines_are_logged(tmp_path):
    code = """
import socket
for name, port in (("127.0.0.1", 1), ("192.0.2.1", 1)):
    with socket.socket() as probe:
        probe.settimeout(0.05)
        probe.connect_ex((name, port))
        try: probe.connect((name, port))
        except OSError: pass
try: socket.getaddrinfo("huggingface.invalid", 443)
except OSError: pass
"""
    log = tmp_path / "log"
    environment = {**os.environ, "PYTHONPATH": str(WATCHED), "LIVERSEG_CONNECTIONS": str(log)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    connections = log.read_text()
    assert (
        "192.0.2.1" in connections and "huggingface.invalid" in connections and "127.0.0.1" not in connections
    )


def test_trend_compares_the_last_two_thirds():
    flat = [Sample(t, 500.0, 40, 20, 100) for t in range(9)]
    growing = [Sample(t, 500.0 + 100 * t, 40, 20, 100) for t in range(9)]
    assert trend(flat, "resident_mb") == (500.0, 500.0)
    assert trend(growing, "resident_mb") == (900.0, 1200.0)
