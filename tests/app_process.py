"""`python app.py` in a separate process, for tests over HTTP."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
PATIENCE_S = 240
"""Timeout of all waiting in these tests: long enough for a busy machine, far longer than expected."""


def free_port() -> int:
    """A free port below those that the system gives to connections: one of these could be taken meanwhile.

    Raises OSError if none of many is free.
    """
    for port in random.SystemRandom().sample(range(12_000, 32_000), 100):
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
    raise OSError("No free port was found.")


class AppProcess:
    """The app on a free port, logging to the file `log`; `with` waits until the page is served.

    It has no examples, which would keep the processors busy, unless `LIVERSEG_EXAMPLES` names some. `command`
    is another way to start it, in the folder `cwd`.
    """

    def __init__(
        self,
        log: Path,
        command: Sequence[str | Path] = (sys.executable, "app.py"),
        cwd: Path = ROOT,
        **environment: str,
    ) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._log = log
        with log.open("w") as out:
            self.process = subprocess.Popen(
                [*command, "--port", str(port)],
                cwd=cwd,
                env={**os.environ, "LIVERSEG_EXAMPLES": "none", **environment},
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def log(self) -> str:
        """What the app has printed so far."""
        return self._log.read_text()

    def runs(self) -> int:
        """Number of runs of the network so far."""
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
        raise AssertionError(f"The page is not served: {self.log()}")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(30)
