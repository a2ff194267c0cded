"""Workers for tests of crashes: one that certain scans kill, and a slow one."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from liverseg.cohort.scan import Scan
from liverseg.cohort.worker import Worker


class KilledByScans(Worker):
    """A scan named "killer" kills the process without an error message, as a crashing decoder does."""

    def run(self, scan: Scan, attempt: int = 1) -> dict[str, Any]:
        if "killer" in scan.files[0].address:
            time.sleep(0.2)  # until the other scan of this worker has started
            os.kill(os.getpid(), signal.SIGKILL)
        return super().run(scan, attempt)


class SlowWorker(Worker):
    """Takes 0.6 s longer per scan, so that a test can kill a process meanwhile."""

    def run(self, scan: Scan, attempt: int = 1) -> dict[str, Any]:
        time.sleep(0.6)
        return super().run(scan, attempt)
