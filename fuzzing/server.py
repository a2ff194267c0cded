"""Serve the app in a process of its own and sample its memory, open files, threads and files on disk."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
WATCHED = Path(__file__).with_name("watched")
"""A folder for PYTHONPATH whose `sitecustomize` logs the connections of a process."""

_START_TIMEOUT_S = 240


@dataclass(frozen=True)
class Sample:
    """The resources of a process at one time."""

    at_s: float
    resident_mb: float
    open_files: int
    threads: int
    kept_files: int  # files and folders in its temporary folder


class Server:
    """`python app.py` on a free local port; a context manager that waits until the page is served."""

    def __init__(self, folder: Path, **environment: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.samples: list[Sample] = []
        self._folder = folder / "temporary"
        self._folder.mkdir(parents=True)
        self._log, self._connections = folder / "log", folder / "connections"
        self._stop = threading.Event()
        with self._log.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "app.py", "--port", str(port)],
                cwd=ROOT,
                env={
                    **os.environ,
                    "TMPDIR": str(self._folder),
                    "PYTHONPATH": os.pathsep.join([str(WATCHED), os.environ.get("PYTHONPATH", "")]),
                    "LIVERSEG_CONNECTIONS": str(self._connections),
                    **environment,
                },
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def log(self) -> str:
        """The log so far."""
        return self._log.read_text()

    def outgoing(self) -> list[str]:
        """One line for each look-up of or connection to another machine."""
        return self._connections.read_text().splitlines() if self._connections.exists() else []

    def __enter__(self) -> Server:
        until = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < until and self.process.poll() is None:
            try:
                with urllib.request.urlopen(self.url, timeout=30):
                    return self
            except OSError:
                time.sleep(0.2)
        self.__exit__()
        raise RuntimeError(f"The page was not served: {self.log()[-2000:]}")

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self.process.terminate()
        self.process.wait(60)

    def watch(self, every_s: float) -> threading.Thread:
        """Take a sample every `every_s` seconds in a thread until the server ends."""
        started = time.monotonic()

        def take_samples() -> None:
            while not self._stop.wait(every_s) and self.process.poll() is None:
                self.samples.append(self.sample(time.monotonic() - started))

        thread = threading.Thread(target=take_samples, daemon=True)
        thread.start()
        return thread

    def sample(self, at_s: float = 0.0) -> Sample:
        """The current resources of the server."""
        process = Path("/proc", str(self.process.pid))
        status = dict(
            line.split(":", 1) for line in (process / "status").read_text().splitlines() if ":" in line
        )
        return Sample(
            round(at_s, 1),
            round(int(status["VmRSS"].split()[0]) / 1024, 1),
            len(os.listdir(process / "fd")),
            int(status["Threads"]),
            sum(len(folders) + len(files) for _, folders, files in os.walk(self._folder)),
        )


def trend(samples: list[Sample], name: str) -> tuple[float, float]:
    """The mean of the field `name` over the second and over the last third of the samples."""
    third = max(len(samples) // 3, 1)
    values = [float(asdict(sample)[name]) for sample in samples]
    middle, last = values[third : 2 * third] or values, values[-third:]
    return sum(middle) / len(middle), sum(last) / len(last)


def temporary_server_folder() -> tempfile.TemporaryDirectory[str]:
    """A temporary folder for a server; files that the server still holds do not prevent its removal."""
    return tempfile.TemporaryDirectory(prefix="liverseg-load-", ignore_cleanup_errors=True)
