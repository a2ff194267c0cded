"""Clients of the HTTP API with scans of their own; each checks that it receives its own results."""

from __future__ import annotations

import io
import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import nibabel
import numpy as np
from PIL import Image

import liverseg
from fuzzing.inputs import hostile
from fuzzing.seeds import CANARY
from liverseg.analysis.measure import measure
from liverseg.core.window import DEFAULT_WINDOW, to_grey
from liverseg.inference.segmenter import Segmenter

_META = {"_type": "gradio.FileData"}
_SIDE_PX = 96


@dataclass(frozen=True)
class Case:
    """A valid file and the report it has without load."""

    name: str
    content: bytes
    report: dict[str, Any]


def own_hu(client: int, slices: int) -> np.ndarray:
    """HU (slices, rows, columns) of a body that is unique to the client."""
    rng = np.random.default_rng(client)
    y, x = np.mgrid[:_SIDE_PX, :_SIDE_PX] - _SIDE_PX / 2
    hu = np.full((slices, _SIDE_PX, _SIDE_PX), -1000, np.float32)
    hu[:, (y / 40) ** 2 + (x / 44) ** 2 < 1] = 20
    hu[:, (y / rng.uniform(14, 26)) ** 2 + ((x + 18) / rng.uniform(14, 22)) ** 2 < 1] = 110
    hu[:, (y + rng.uniform(-6, 6)) ** 2 + (x + 18) ** 2 < rng.uniform(9, 80)] = 60
    return hu + rng.normal(0, 4, hu.shape).astype(np.float32)


def cases(client: int, folder: Path, segmenter: Segmenter) -> list[Case]:
    """A picture and a volume of a client with their reports, computed by `segmenter`."""
    picture = io.BytesIO()
    Image.fromarray(to_grey(own_hu(client, 1)[0], DEFAULT_WINDOW)).save(picture, "PNG")
    voxels = np.rint(own_hu(client, 6)).astype(np.int16).transpose(2, 1, 0)
    volume = nibabel.Nifti1Image(voxels, np.diag([-0.8, -0.8, 5.0, 1.0])).to_bytes()
    result = []
    for name, content in (("slice.png", picture.getvalue()), ("scan.nii", volume)):
        path = folder / f"{client}-{name}"
        path.write_bytes(content)
        ct = liverseg.read(path)
        report = json.loads(measure(ct, segmenter.segment(ct)).to_json())
        result.append(Case(name, content, without_time(report)))
    return result


def without_time(report: dict[str, Any]) -> dict[str, Any]:
    """A report without the entries that differ from run to run."""
    return {key: value for key, value in report.items() if key != "timing_s"}


def message_failure(message: str) -> str:
    """What is wrong with the refusal of an endpoint; empty if nothing is.

    It is one sentence, however many series it lists.
    """
    if not message.endswith(".") or "\n" in message or ". " in message:
        return "it is not one sentence"
    if CANARY in message or CANARY.replace("^", "_") in message:
        return "it contains a name"
    return "it does not say why" if "unexpected error" in message or "went wrong" in message else ""


@dataclass
class Tally:
    """Counts and failures, shared by all clients."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    seconds: list[float] = field(default_factory=list)  # of right answers

    def count(self, event: str) -> None:
        """Count an event."""
        with self.lock:
            self.counts[event] += 1

    def fail(self, failure: str) -> None:
        """Record a failure; the first 50 are kept."""
        with self.lock:
            self.counts["wrong"] += 1
            if len(self.wrong) < 50:
                self.wrong.append(failure)


class Client(threading.Thread):
    """Sends requests until the monotonic time `until`: mostly valid files, some hostile, some abandoned."""

    def __init__(self, url: str, number: int, good: list[Case], tally: Tally, until: float, ref: str) -> None:
        super().__init__(daemon=True)
        self._number, self._good, self._tally, self._until, self._ref = number, good, tally, until, ref
        self._rng = random.Random(f"client {number}")
        self._http = httpx.Client(base_url=f"{url}/gradio_api/", timeout=600)

    def run(self) -> None:
        """Send requests until the time is over."""
        number = 0
        while time.monotonic() < self._until:
            number += 1
            try:
                self._request(number)
            except Exception as error:  # any exception, of the server or of this client, is a failure
                self._tally.fail(f"client {self._number}: {type(error).__name__}: {str(error)[:200]}")
        self._http.close()

    def _request(self, number: int) -> None:
        chance = self._rng.random()
        if chance < 0.25:
            self._send_hostile(number)
        elif chance < 0.35:
            self._abandon(self._rng.choice(self._good))
        else:
            self._ask(self._rng.choice(self._good))

    def _ask(self, case: Case) -> None:
        """Send a valid file and check the report and, sometimes, the picture."""
        started = time.monotonic()
        kind, data = self._answer(case.name, case.content)
        if kind != "complete":
            self._tally.fail(f"a valid {case.name} of client {self._number} ended with {kind}: {data}")
            return
        if without_time(data[3]) != case.report:
            self._tally.fail(f"client {self._number} got another report for its {case.name}")
            return
        if self._rng.random() < 0.2 and not self._picture_is_there(data[1]):
            self._tally.fail(f"client {self._number} could not fetch its picture")
            return
        self._tally.count("right answers")
        with self._tally.lock:
            self._tally.seconds.append(time.monotonic() - started)

    def _picture_is_there(self, answer: dict[str, Any]) -> bool:
        response = self._http.get(answer["url"])
        return response.status_code == 200 and Image.open(io.BytesIO(response.content)).format == "PNG"

    def _send_hostile(self, number: int) -> None:
        """Send a hostile file and check the message of a refusal."""
        file = hostile(7, 1000 * self._number + number, rare_share=0.0)
        kind, data = self._answer(f"{CANARY}{file.suffix}", file.files[-1])
        message = data.get("error", "") if isinstance(data, dict) else ""
        failure = message_failure(message) if kind == "error" else ""
        if failure:
            self._tally.fail(f"a bad file ({file.family}) was refused with {message!r}: {failure}")
        else:
            self._tally.count("bad files refused" if kind == "error" else "bad files read")

    def _abandon(self, case: Case) -> None:
        """Send a valid file and disconnect before the answer, or never ask for it."""
        event = self._event(case.name, case.content)
        if self._rng.random() < 0.5:
            with self._http.stream("GET", f"call/segment/{event}"):
                time.sleep(self._rng.uniform(0, 0.3))
        self._tally.count("left")

    def _answer(self, name: str, content: bytes) -> tuple[str, Any]:
        """The last event of a call ("complete", "error" or a description) and its data."""
        event = self._event(name, content)
        kind = ""
        with self._http.stream("GET", f"call/segment/{event}") as stream:
            for line in stream.iter_lines():
                if line.startswith("event: "):
                    kind = line.removeprefix("event: ")
                elif line.startswith("data: ") and kind in ("complete", "error"):
                    return kind, json.loads(line.removeprefix("data: "))
        return f"no answer (last event: {kind})", None

    def _event(self, name: str, content: bytes) -> str:
        """Upload a file and start a call, again while the queue is full; returns the id of its event."""
        response = self._http.post("upload", files={"files": (name, content)})
        if response.status_code != 200:
            raise RuntimeError(f"the upload was answered {response.status_code}")
        file = {"path": response.json()[0], "meta": _META}
        while True:
            response = self._http.post("call/v2/segment", json={"file": file, "checkpoint": self._ref})
            if response.status_code == 200:
                return response.json()["event_id"]
            if response.status_code != 503 or "full" not in str(response.json().get("detail")):
                raise RuntimeError(f"the call was answered {response.status_code}: {response.text[:200]}")
            self._tally.count("queue was full")
            time.sleep(self._rng.uniform(0.1, 0.5))
