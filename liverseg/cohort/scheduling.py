"""The order in which workers get scans, and the retries after a crash. Pure: knows nothing of Ray.

A worker has several scans in progress, so that one is read while another is in the network. When the worker
dies, any of these scans may be the cause. Each is run again alone on an idle worker. A scan that kills its
worker while it runs alone has failed. Scans of a node that was lost are simply run again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from liverseg.cohort.scan import Scan

MAX_LOSSES = 5
"""A scan that was in progress on this many lost nodes is taken for the cause and fails."""


@dataclass(frozen=True)
class Task:
    """One attempt to process a scan."""

    scan: Scan
    attempt: int = 1
    alone: bool = False  # nothing else may run on the same worker
    losses: int = 0  # nodes lost while they processed the scan


class Queue:
    """Waiting scans in order, and the suspects: scans that were in progress when their worker died."""

    def __init__(self, scans: Iterable[Scan]) -> None:
        self._waiting = deque(Task(scan) for scan in scans)
        self._suspects: deque[Task] = deque()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._suspects)

    def take(self, in_progress: int, limit: int, alone: bool) -> Task | None:
        """The next task for a worker, or None if the worker must not start another one now.

        The worker has `in_progress` tasks of at most `limit`; `alone` says that one of them must run alone.
        """
        if alone:
            return None
        if self._suspects and in_progress == 0:
            return self._suspects.popleft()
        if self._waiting and in_progress < limit:
            return self._waiting.popleft()
        return None

    def crashed(self, tasks: Iterable[Task]) -> list[Task]:
        """Requeues the tasks of a worker that died; returns those that have failed."""
        failed = []
        for task in tasks:
            if task.alone:
                failed.append(task)
            else:
                self._suspects.append(Task(task.scan, task.attempt + 1, True, task.losses))
        return failed

    def lost(self, tasks: Iterable[Task]) -> list[Task]:
        """Requeues the tasks of a worker whose node was lost; returns those that have failed."""
        failed = []
        for task in tasks:
            if task.losses + 1 >= MAX_LOSSES:
                failed.append(task)
            else:
                self._waiting.appendleft(Task(task.scan, task.attempt, False, task.losses + 1))
        return failed
