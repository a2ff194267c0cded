from __future__ import annotations

import threading
import time

from benchmarks.speed import users
from benchmarks.speed.sections import Context


class SerialPage:
    """Answers one at a time, as the page does."""

    def __init__(self):
        self.lock = threading.Lock()

    def segment(self, file, checkpoint):
        with self.lock:
            time.sleep(0.002)

    def memory_gb(self):
        return 1.0


def test_many_clients_are_compared_with_one(tmp_path):
    row = users._throughput(SerialPage(), tmp_path, Context(tmp_path, quick=True))
    throughput, waiting = row.ratios.values()
    assert throughput.value > 0.3 and 0.2 < waiting.value < 3
    assert users._memory(SerialPage(), tmp_path, 20, Context(tmp_path)).met
