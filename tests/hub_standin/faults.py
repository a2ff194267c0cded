"""Faults that a test plants in the Hub stand-in."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

ALWAYS = 10**6
"""For `Fault.times`: every request of a test."""


@dataclass
class Fault:
    """A fault for the next `times` matching requests. By default the requests are answered normally.

    `request` is a regular expression that is searched in "METHOD /path?query".
    """

    request: str
    times: int = 1
    skip: int = 0  # matching requests that are answered normally first
    status: int | None = None  # answered at once, the request is not carried out
    headers: dict[str, str] = field(default_factory=dict)  # of the answer with `status`
    drop: bool = False  # the connection is closed, the request is not carried out
    lose_answer: bool = False  # the request is carried out, then the connection is closed
    delay_s: float = 0  # before the request is carried out
    cut_after: int | None = None  # bytes of the body that are sent before the connection is closed
    change: Callable[[bytes], bytes] | None = None  # returns the body that is sent instead


class Faults:
    """The planted faults in order. A request takes the first fault that matches and is not used up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def plant(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def take(self, request: str) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.times > 0 and re.search(fault.request, request):
                    if fault.skip > 0:
                        fault.skip -= 1
                        continue
                    fault.times -= 1
                    return fault
        return None
