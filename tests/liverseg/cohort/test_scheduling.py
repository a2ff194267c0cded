"""The queue of scans: retries after crashes and lost nodes."""

from __future__ import annotations

from liverseg.cohort.scan import Scan
from liverseg.cohort.scheduling import MAX_LOSSES, Queue


def queue_of(*names: str) -> Queue:
    return Queue(Scan(name, ()) for name in names)


def test_only_the_scan_that_kills_its_worker_fails():
    queue = queue_of("a", "b", "c")
    a, b = queue.take(0, 2, False), queue.take(1, 2, False)
    assert queue.take(2, 2, False) is None and queue.crashed([a, b]) == []
    suspect = queue.take(0, 2, False)
    assert (suspect.scan.id, suspect.attempt, suspect.alone) == ("a", 2, True)
    assert queue.take(1, 2, alone=True) is None  # nothing runs beside a suspect
    assert queue.take(1, 2, False).scan.id == "c"  # on another worker
    assert queue.crashed([suspect]) == [suspect]
    assert queue.take(0, 2, False).scan.id == "b" and len(queue) == 0


def test_a_scan_fails_after_its_last_allowed_node_loss():
    queue = queue_of("a")
    for _ in range(MAX_LOSSES - 1):
        task = queue.take(0, 2, False)
        assert task.attempt == 1 and queue.lost([task]) == []
    assert len(queue.lost([queue.take(0, 2, False)])) == 1
