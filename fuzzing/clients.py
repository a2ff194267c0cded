"""Clients of the HTTP API, each with scans of its own, that check that every answer is theirs."""

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
    """A good file and the report that it has when it is asked for alone."""

    name: str
    content: bytes
    report: dict[str, Any]


def own_hu(client: int, slices: int) -> np.ndarray:
    """(slices, rows, columns) HU of a body that no other client has."""
    rng = np.random.default_rng(client)
    y, x = np.mgrid[:_SIDE_PX, :_SIDE_PX] - _SIDE_PX / 2
    hu = np.full((slices, _SIDE_PX, _SIDE_PX), -1000, np.float32)
    hu[:, (y / 40) ** 2 + (x / 44) ** 2 < 1] = 20
    hu[:, (y / rng.uniform(14, 26)) ** 2 + ((x + 18) / rng.uniform(14, 22)) ** 2 < 1] = 110
    hu[:, (y + rng.uniform(-6, 6)) ** 2 + (x + 18) ** 2 < rng.uniform(9, 80)] = 60
    return hu + rng.normal(0, 4, hu.shape).astype(np.float32)


def cases(client: int, folder: Path, segmenter: Segmenter) -> list[Case]:
    """A picture and a volume of a client, with their reports."""
    picture = io.BytesIO()
    Image.fromarray(to_grey(own_hu(client, 1)[0], DEFAULT_WINDOW)).save(picture, "PNG")
    voxels = np.rint(own_hu(client, 6)).astype(np.int16).transpose(2, 1, 0)
    volume = nibabel.Nifti1Image(voxels, np.diag([-0.8, -0.8, 5.0, 1.0])).to_bytes()
    found = []
    for name, content in (("slice.png", picture.getvalue()), ("scan.nii", volume)):
        path = folder / f"{client}-{name}"
        path.write_bytes(content)
        ct = liverseg.read(path)
        report = json.loads(measure(ct, segmenter.segment(ct)).to_json())
        found.append(Case(name, content, without_time(report)))
    return found


def without_time(report: dict[str, Any]) -> dict[str, Any]:
    """A report without what differs from run to run."""
    return {key: value for key, value in report.items() if key != "timing_s"}


@dataclass
class Tally:
    """What the clients met; shared by all of them."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    seconds: list[float] = field(default_factory=list)  # of good answers

    def count(self, what: str) -> None:
        with self.lock:
            self.counts[what] += 1

    def blame(self, what: str) -> None:
        with self.lock:
            self.counts["wrong"] += 1
            if len(self.wrong) < 50:
                self.wrong.append(what)


class Client(threading.Thread):
    """Asks until `until` (monotonic): mostly with its own files, some times with bad ones or leaving."""

    def __init__(self, url: str, number: int, good: list[Case], tally: Tally, until: float, ref: str) -> None:
        super().__init__(daemon=True)
        self._number, self._good, self._tally, self._until, self._ref = number, good, tally, until, ref
        self._rng = random.Random(f"client {number}")
        self._http = httpx.Client(base_url=f"{url}/gradio_api/", timeout=600)

    def run(self) -> None:
        """Ask until the time is over."""
        turn = 0
        while time.monotonic() < self._until:
            turn += 1
            try:
                self._turn(turn)
            except Exception as error:  # whatever it is, it is an error of the server's or ours, and told
                self._tally.blame(f"client {self._number}: {type(error).__name__}: {str(error)[:200]}")
        self._http.close()

    def _turn(self, turn: int) -> None:
        chance = self._rng.random()
        if chance < 0.25:
            self._bad(turn)
        elif chance < 0.35:
            self._leave(self._rng.choice(self._good))
        else:
            self._ask(self._rng.choice(self._good))

    def _ask(self, case: Case) -> None:
        started = time.monotonic()
        kind, data = self._answer(case.name, case.content)
        if kind != "complete":
            self._tally.blame(f"a good {case.name} of client {self._number} ended with {kind}: {data}")
            return
        told = without_time(data[3])
        if told != case.report:
            self._tally.blame(f"client {self._number} got another report for its {case.name}")
            return
        if self._rng.random() < 0.2 and not self._picture_is_there(data[1]):
            self._tally.blame(f"client {self._number} could not fetch its picture")
            return
        self._tally.count("right answers")
        with self._tally.lock:
            self._tally.seconds.append(time.monotonic() - started)

    def _picture_is_there(self, answer: dict[str, Any]) -> bool:
        response = self._http.get(answer["url"])
        return response.status_code == 200 and Image.open(io.BytesIO(response.content)).format == "PNG"

    def _bad(self, turn: int) -> None:
        made = hostile(7, 1000 * self._number + turn, rare_share=0.0)
        kind, data = self._answer(f"{CANARY}{made.suffix}", made.files[-1])
        sentence = data.get("error", "") if isinstance(data, dict) else ""
        if kind == "error" and (not sentence.endswith(".") or CANARY in sentence or "went wrong" in sentence):
            self._tally.blame(f"a bad file ({made.family}) was told {sentence!r}")
        else:
            self._tally.count("bad files refused" if kind == "error" else "bad files read")

    def _leave(self, case: Case) -> None:
        """Ask and be gone before the answer is there, or never come back for it."""
        event = self._event(case.name, case.content)
        if self._rng.random() < 0.5:
            with self._http.stream("GET", f"call/segment/{event}"):
                time.sleep(self._rng.uniform(0, 0.3))
        self._tally.count("left")

    def _answer(self, name: str, content: bytes) -> tuple[str, Any]:
        """How a call ended, and with what."""
        event = self._event(name, content)
        kind = ""
        with self._http.stream("GET", f"call/segment/{event}") as stream:
            for line in stream.iter_lines():
                if line.startswith("event: "):
                    kind = line.removeprefix("event: ")
                elif line.startswith("data: ") and kind in ("complete", "error"):
                    return kind, json.loads(line.removeprefix("data: "))
        return f"an end without an answer ({kind})", None

    def _event(self, name: str, content: bytes) -> str:
        """The event of a call; asks again while the queue is full."""
        response = self._http.post("upload", files={"files": (name, content)})
        if response.status_code != 200:
            raise RuntimeError(f"the upload was answered {response.status_code}")
        file = {"path": response.json()[0], "meta": _META}
        while True:
            asked = self._http.post("call/v2/segment", json={"file": file, "checkpoint": self._ref})
            if asked.status_code == 200:
                return asked.json()["event_id"]
            if asked.status_code != 503 or "full" not in str(asked.json().get("detail")):
                raise RuntimeError(f"the call was answered {asked.status_code}: {asked.text[:200]}")
            self._tally.count("told that the queue is full")
            time.sleep(self._rng.uniform(0.1, 0.5))
