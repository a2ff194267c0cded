"""Which scan a worker gets next, and what a crash costs (pure: no Ray).

A worker takes a few scans at once, so that one is read while another is in the network. When it dies, each of
these may be the one that killed it: they wait until a worker is free and are run there alone. A scan that
kills its worker while it is alone there has failed. A node that is lost is nobody's fault.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from liverseg.cohort.scan import Scan

MAX_LOSSES = 5
"""How often a scan may be lost with its node before it is taken for the cause."""


@dataclass(frozen=True)
class Task:
    """A scan on its way."""

    scan: Scan
    attempt: int = 1
    alone: bool = False
    losses: int = 0  # with a node


class Queue:
    """Scans that wait, in order, and those under suspicion."""

    def __init__(self, scans: Iterable[Scan]) -> None:
        self._waiting = deque(Task(scan) for scan in scans)
        self._suspects: deque[Task] = deque()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._suspects)

    def take(self, under_way: int, limit: int, alone: bool) -> Task | None:
        """The next task for a worker with `under_way` tasks, one of which may run `alone`; None: not now."""
        if alone:
            return None
        if self._suspects and under_way == 0:
            return self._suspects.popleft()
        if self._waiting and under_way < limit:
            return self._waiting.popleft()
        return None

    def crashed(self, tasks: Iterable[Task]) -> list[Task]:
        """Puts back the tasks of a worker that died; returns those that have failed with it."""
        failed = []
        for task in tasks:
            if task.alone:
                failed.append(task)
            else:
                self._suspects.append(Task(task.scan, task.attempt + 1, True, task.losses))
        return failed

    def lost(self, tasks: Iterable[Task]) -> list[Task]:
        """The same for a node that was lost with its workers."""
        failed = []
        for task in tasks:
            if task.losses + 1 >= MAX_LOSSES:
                failed.append(task)
            else:
                self._waiting.appendleft(Task(task.scan, task.attempt, False, task.losses + 1))
        return failed
