"""Workers for the tests of crashes: one that certain scans kill, one that takes its time."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from liverseg.cohort.scan import Scan
from liverseg.cohort.worker import Worker


class KilledByScans(Worker):
    """As by a decoder's fault: the process is gone, without a word."""

    def run(self, scan: Scan, attempt: int = 1) -> dict[str, Any]:
        if "killer" in scan.files[0].address:
            time.sleep(0.2)  # the scan beside it has begun
            os.kill(os.getpid(), signal.SIGKILL)
        return super().run(scan, attempt)


class Slow(Worker):
    """Leaves time to kill something."""

    def run(self, scan: Scan, attempt: int = 1) -> dict[str, Any]:
        time.sleep(0.6)
        return super().run(scan, attempt)
