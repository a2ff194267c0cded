"""A few clients for a few seconds, without a network where that is permitted; what the load test sees."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from fuzzing.cut import NOT_PERMITTED
from fuzzing.serving import WATCHED, Sample, trend

ROOT = Path(__file__).parents[2]
LOAD = [sys.executable, "-m", "fuzzing.load", "--clients", "6", "--minutes", "0.1", "--json"]


def test_many_clients_get_their_own_answers_and_nobody_else_is_asked():
    asked = {"cwd": ROOT, "capture_output": True, "text": True}
    told = subprocess.run([sys.executable, "-m", "fuzzing.cut", *LOAD], **asked)
    if told.returncode == NOT_PERMITTED:  # what wants to leave is noticed all the same
        told = subprocess.run(LOAD, **asked)
    assert told.stdout.startswith("{"), told.stderr
    result = json.loads(told.stdout)
    assert result["wrong"] == [] and told.returncode == 0
    counts = result["counts"]
    assert counts["right answers"] > 6 and counts["left"] > 0
    assert counts.get("bad files refused", 0) + counts.get("bad files read", 0) > 0
    assert result["samples"] and all(sample["open_files"] > 0 for sample in result["samples"])


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
