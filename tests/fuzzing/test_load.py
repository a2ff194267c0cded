"""What the load test looks at: growth, and what a server wants to reach."""

from __future__ import annotations

import os
import subprocess
import sys

from fuzzing.serving import WATCHED, Sample, trend


def test_what_wants_to_leave_this_machine_is_noticed(tmp_path):
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
    seen = tmp_path / "seen"
    environment = {**os.environ, "PYTHONPATH": str(WATCHED), "LIVERSEG_CONNECTIONS": str(seen)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    told = seen.read_text()
    assert "192.0.2.1" in told and "huggingface.invalid" in told and "127.0.0.1" not in told


def test_growth_is_told():
    flat = [Sample(t, 500.0, 40, 20, 100) for t in range(9)]
    growing = [Sample(t, 500.0 + 100 * t, 40, 20, 100) for t in range(9)]
    assert trend(flat, "resident_mb") == (500.0, 500.0)
    assert trend(growing, "resident_mb") == (900.0, 1200.0)
