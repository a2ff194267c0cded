"""The pool of workers without Ray: every scan ends once, although workers die, hang or do not start."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from liverseg.cohort import worker_pool
from liverseg.cohort.ray_cluster import ClusterFailed
from liverseg.cohort.scan import Scan
from liverseg.cohort.scheduling import MAX_LOSSES, Queue, Task
from liverseg.cohort.worker_plan import WorkerPlan
from liverseg.cohort.worker_pool import SCAN_TIMEOUT_S, WorkerPool
from liverseg.errors import CheckpointRefused
from tests.liverseg.cohort.fake_ray import Died, FakeRay, Hangs

NODE_LOSS = "The actor died because its node has died."


class StandInWorker:
    """Returns a record for every scan, except where the id of the scan says otherwise."""

    starts = 0  # workers built so far

    def __init__(self, *arguments: Any) -> None:
        type(self).starts += 1
        self.arguments, self.number = arguments, self.starts

    def ready(self) -> int:
        return self.number

    def run(self, scan: Scan, attempt: int) -> dict[str, Any]:
        if scan.id.startswith("killer"):
            raise Died
        if scan.id.startswith("hanging"):
            raise Hangs
        if scan.id.startswith("lost"):
            raise Died(NODE_LOSS)
        if scan.id.startswith("unwritable"):
            raise OSError("disk full")
        return {"id": scan.id, "attempts": attempt, "worker": self.number}


@pytest.fixture
def ray(monkeypatch):
    fake = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", fake)
    monkeypatch.setattr(worker_pool, "time", fake)
    return fake


def start(monkeypatch, worker: type = StandInWorker, workers: int = 2, threads: int = 1) -> WorkerPool:
    """A pool of fresh workers of the class."""
    monkeypatch.setattr(worker_pool, "Worker", type("Fresh", (worker,), {"starts": 0}))
    return WorkerPool(WorkerPlan(workers, threads, 10**9), "model", "settings", "out")


def process(pool: WorkerPool, *names: str) -> tuple[list[dict[str, Any]], list[Task]]:
    """The records of the scans, sorted by id, and the tasks that failed."""
    records, failed = [], []
    queue = Queue(Scan(name, ()) for name in names)
    pool.process(queue, records.append, failed.append)
    assert len(queue) == 0
    return sorted(records, key=lambda record: record["id"]), failed


def test_the_workers_get_the_model_the_plan_and_their_arguments(ray, monkeypatch):
    pool = start(monkeypatch, workers=3, threads=2)
    assert pool.wait() == [1, 2, 3]  # each worker's own answer
    assert ray.actors[0]._worker.arguments == ("model", "settings", "out", 2, 10**9)
    assert ray.options == {"num_cpus": 2, "max_restarts": 0, "max_concurrency": 4}


@pytest.mark.parametrize(("threads", "in_progress"), [(1, 2), (4, 3)])
def test_every_scan_is_recorded_once_by_all_workers(ray, monkeypatch, threads, in_progress):
    names = [f"scan{number:02d}" for number in range(12)]
    records, failed = process(start(monkeypatch, threads=threads), *names)
    assert [record["id"] for record in records] == names and failed == []
    assert {record["attempts"] for record in records} == {1} and len(ray.actors) == 2
    assert {record["worker"] for record in records} == {1, 2} and ray.most_waiting == in_progress


def test_nothing_happens_without_scans(ray, monkeypatch):
    assert process(start(monkeypatch)) == ([], [])


def test_a_scan_that_kills_its_worker_twice_fails_alone(ray, monkeypatch):
    records, failed = process(start(monkeypatch, workers=1), "a", "killer", "b", "c")
    assert [record["id"] for record in records] == ["a", "b", "c"]
    assert [(task.scan.id, task.attempt, task.alone) for task in failed] == [("killer", 2, True)]
    assert len(ray.actors) == 3  # the first worker and two replacements
    assert {record["id"]: record["attempts"] for record in records}["c"] == 1


def test_a_scan_of_a_lost_node_is_run_again_as_the_first_attempt(ray, monkeypatch):
    class LosesOneNode(StandInWorker):
        def run(self, scan: Scan, attempt: int) -> dict[str, Any]:
            if self.number == 1:
                raise Died(NODE_LOSS)
            return super().run(scan, attempt)

    records, failed = process(start(monkeypatch, LosesOneNode, workers=1), "a", "b", "c")
    assert [(record["id"], record["attempts"]) for record in records] == [("a", 1), ("b", 1), ("c", 1)]
    assert failed == [] and len(ray.actors) == 2


def test_a_scan_that_loses_every_node_fails(ray, monkeypatch):
    records, failed = process(start(monkeypatch, workers=1), "lost")
    assert records == [] and [task.scan.id for task in failed] == ["lost"]
    assert len(ray.actors) == MAX_LOSSES + 1


def test_a_hanging_worker_is_killed_after_the_timeout(ray, monkeypatch):
    records, failed = process(start(monkeypatch), "hanging", "a", "b")
    assert [record["id"] for record in records] == ["a", "b"]
    assert [(task.scan.id, task.attempt) for task in failed] == [("hanging", 2)]
    assert 2 * SCAN_TIMEOUT_S < ray.clock < 2 * SCAN_TIMEOUT_S + 60  # once beside others, once alone
    deaths = [actor.death for actor in ray.actors if actor.death]
    assert deaths == ["The actor was killed."] * 2


def test_a_record_that_cannot_be_written_ends_the_run(ray, monkeypatch):
    with pytest.raises(ClusterFailed, match=r"^The workers cannot continue: .*disk full$"):
        process(start(monkeypatch), "a", "unwritable", "b")


def test_a_worker_that_does_not_start_is_replaced(ray, monkeypatch):
    class FailsTwice(StandInWorker):
        def ready(self) -> int:
            if self.number <= 2:
                raise Died
            return super().ready()

    records, failed = process(start(monkeypatch, FailsTwice, workers=1), "a")
    assert [record["worker"] for record in records] == [3] and failed == []


def test_workers_that_never_start_end_the_run(ray, monkeypatch):
    class NeverStarts(StandInWorker):
        def ready(self) -> int:
            raise Died("out of memory")

    with pytest.raises(ClusterFailed, match="out of memory"):
        process(start(monkeypatch, NeverStarts), "a")
    assert len(ray.actors) == 2 + 3  # four failed starts: three replacements, then the end


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ModuleNotFoundError("No module named 'liverseg'"), "is liverseg installed on every node"),
        (CheckpointRefused("The files do not match."), "The files do not match."),
    ],
)
def test_a_reason_that_a_new_worker_would_share_ends_the_run_at_once(ray, monkeypatch, error, sentence):
    class Refuses(StandInWorker):
        def __init__(self, *arguments: Any) -> None:
            raise error

    with pytest.raises(ClusterFailed, match=sentence):
        process(start(monkeypatch, Refuses), "a")
    assert len(ray.actors) == 2  # none was replaced


def test_a_cluster_without_workers_is_given_up_after_ten_minutes(ray, monkeypatch):
    class Waits(StandInWorker):
        def ready(self) -> int:
            raise Hangs

    with pytest.raises(ClusterFailed, match="no worker for ten minutes"):
        process(start(monkeypatch, Waits), "a")
    assert 600 < ray.clock < 660
