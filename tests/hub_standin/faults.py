"""Faults that a test plants in the Hub stand-in."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Fault:
    """What happens to the next `times` requests that match; without a field set, nothing does.

    `request` is a regular expression searched in "METHOD /path?query".
    """

    request: str
    times: int = 1
    skip: int = 0  # matching requests that are let through first
    status: int | None = None  # answered at once, nothing is done
    headers: dict[str, str] = field(default_factory=dict)  # of that answer
    drop: bool = False  # the connection is closed, nothing is done
    lose_answer: bool = False  # what was asked is done, then the connection is closed
    delay_s: float = 0  # before anything is done
    cut_after: int | None = None  # bytes of the answer's body that are sent before the connection is closed
    change: Callable[[bytes], bytes] | None = None  # the body that is sent instead


class Faults:
    """The faults that are planted, in order; the first one that matches is used up."""

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
