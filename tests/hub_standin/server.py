"""A small stand-in for the Hugging Face Hub, over HTTP on the loopback address.

It implements the part of the Hub's protocol for publishing and fetching models and for publishing Spaces. The
real client runs against it: `HF_ENDPOINT=<HubStandin.url>`. As on the Hub, large files are uploaded to and
served by a second origin. All requests with their headers are recorded in `seen`.
"""

from __future__ import annotations

import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from tests.hub_standin.answers import Answer, Answers, Seen, as_json
from tests.hub_standin.faults import Fault
from tests.hub_standin.repositories import HubRefusal


class HubStandin(Answers):
    """A running stand-in; use it as a context manager."""

    def __init__(self) -> None:
        super().__init__()
        self._servers = [self._server("hub"), self._server("storage")]
        self.url, self.storage_url = (
            f"http://{host}:{server.server_address[1]}"
            for server, host in zip(self._servers, ("127.0.0.1", "localhost"), strict=True)
        )
        self.repositories.url = self.url

    def _server(self, origin: str) -> ThreadingHTTPServer:
        handler = type("Handler", (_Handler,), {"hub": self, "origin": origin})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server

    def __enter__(self) -> HubStandin:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop both servers."""
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def requests(self, pattern: str = "") -> list[str]:
        """The received requests that match a regular expression."""
        return [seen.request for seen in self.seen if re.search(pattern, seen.request)]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    hub: HubStandin
    origin: str

    def do_GET(self) -> None:
        request = f"{self.command} {self.path}"
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self._read(headers)
        self.hub.seen.append(Seen(self.origin, request, headers))
        fault = self.hub.faults.take(request) or Fault("")
        time.sleep(fault.delay_s)
        if fault.drop:
            self.close_connection = True
            return
        try:
            if fault.status is not None:
                raise HubRefusal(fault.status, "", "Planted by the test")
            answer = self.hub.answer(self.origin, self.command, self.path, headers, body)
        except HubRefusal as refusal:
            error = {"X-Error-Code": refusal.code, "X-Error-Message": refusal.message} | fault.headers
            answer = as_json(refusal.body, refusal.status, **{k: v for k, v in error.items() if v})
        if fault.lose_answer:
            self.close_connection = True
            return
        self._send(answer, fault)

    do_HEAD = do_POST = do_PUT = do_GET

    def _read(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(headers.get("content-length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, answer: Answer, fault: Fault) -> None:
        body = answer.body if fault.change is None or answer.status >= 300 else fault.change(answer.body)
        try:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "HEAD":
                return
            self.wfile.write(body if fault.cut_after is None else body[: fault.cut_after])
            self.close_connection |= fault.cut_after is not None
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # some tests close the client early

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: the tests use `seen`."""
