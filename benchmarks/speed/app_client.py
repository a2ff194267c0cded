"""The app in another process, and a client of its HTTP API: upload, call, wait for the answer."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from benchmarks.speed.rows import NotMeasured

ANSWER_LIMIT_S = 120.0
_START = "import sys; from liverseg.app.launch import main; sys.exit(main(sys.argv[1:]))"


@dataclass(frozen=True)
class App:
    """A running app."""

    url: str
    process: subprocess.Popen
    log: IO[str]

    def memory_gb(self) -> float:
        """Resident memory of the app's process in 10⁹ bytes."""
        text = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"VmRSS:\s*(\d+)", text).group(1)) * 1024 / 1e9  # type: ignore[union-attr]

    def lines(self) -> list[str]:
        """The lines that the app has logged so far."""
        self.log.seek(0)
        return self.log.read().splitlines()

    def upload(self, file: Path) -> str:
        """Upload a file; returns its path on the server."""
        boundary = uuid.uuid4().hex
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{file.name}"\r\n'
        body = head.encode() + b"Content-Type: application/octet-stream\r\n\r\n" + file.read_bytes()
        body += f"\r\n--{boundary}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        return self._post("upload", body, headers)[0]

    def segment(self, file: Path, checkpoint: str | None) -> dict:
        """Upload and segment a slice; returns the report. Raises `NotMeasured` where the app refuses."""
        image = {"path": self.upload(file), "meta": {"_type": "gradio.FileData"}}
        call = json.dumps({"data": [image, checkpoint, None, 40, 400, None, None]}).encode()
        event = self._post("call/segment", call, {"Content-Type": "application/json"})["event_id"]
        answer = f"{self.url}/gradio_api/call/segment/{event}"
        with urllib.request.urlopen(answer, timeout=ANSWER_LIMIT_S * 10) as stream:
            name = ""
            for line in stream:
                key, _, value = line.decode().partition(":")
                name = value.strip() if key == "event" else name
                if key == "data" and name == "complete":
                    return json.loads(value)[-1]
                if key == "data" and name == "error":
                    raise NotMeasured(f"the app refused: {value.strip()}")
        raise NotMeasured("the app's answer ended early")

    def _post(self, route: str, body: bytes, headers: dict[str, str]) -> list | dict:
        request = urllib.request.Request(f"{self.url}/gradio_api/{route}", body, headers)
        with urllib.request.urlopen(request, timeout=ANSWER_LIMIT_S) as answer:
            return json.load(answer)


@contextmanager
def serving(threads: int) -> Iterator[App]:
    """The app on a free port with its default checkpoint loaded; it is stopped after the context.

    Raises `NotMeasured` where it does not start."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        command = [sys.executable, "-c", _START, "--port", str(port)]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        app = App(f"http://127.0.0.1:{port}", process, log)
        try:
            _wait(app)
            yield app
        finally:
            process.terminate()
            process.wait(30)


def _wait(app: App) -> None:
    until = time.monotonic() + ANSWER_LIMIT_S
    while time.monotonic() < until:
        if app.process.poll() is not None:
            break
        try:
            urllib.request.urlopen(app.url, timeout=5).close()
        except OSError:
            time.sleep(0.2)
            continue
        if any(" on openvino " in line or " on torch " in line for line in app.lines()):
            return
        time.sleep(0.2)
    raise NotMeasured("the app did not start")
