"""`python app.py` as a process of its own, for tests that ask it over HTTP."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[1]
PATIENCE_S = 240
"""A machine that does something else at the same time is slow; nothing here waits this long by design."""


class AppProcess:
    """The app on a free port, and what it logged; a context manager that waits until the page is served."""

    def __init__(self, log: Path, **environment: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._log = log
        with log.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "app.py", "--port", str(port)],
                cwd=ROOT,
                env={**os.environ, **environment},
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def log(self) -> str:
        return self._log.read_text()

    def runs(self) -> int:
        """How often the network was run."""
        return self.log().count("network run:")

    def __enter__(self) -> AppProcess:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with urllib.request.urlopen(self.url, timeout=30):
                    return self
            except OSError:
                time.sleep(0.2)
        self.__exit__()
        raise AssertionError(f"The page was not served: {self.log()}")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(30)
