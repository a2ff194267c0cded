"""The workers of a cohort as Ray actors. A worker that dies or hangs is replaced."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from liverseg.cohort.ray_cluster import ClusterFailed
from liverseg.cohort.scheduling import Queue, Task
from liverseg.cohort.worker import Model, Worker
from liverseg.cohort.worker_plan import WorkerPlan

SCAN_TIMEOUT_S = 3600.0
"""A worker that has finished no scan for this long is killed and treated as crashed."""

_NO_WORKER_TIMEOUT_S = 600.0  # time without any worker, as after the loss of nodes, before the run ends
_MAX_FAILED_STARTS = 3


@dataclass
class _Slot:
    """A place for one worker: its actor and the tasks that the actor has in progress."""

    actor: Any
    ready: Any  # a Ray reference that resolves when the network is loaded; None once it has
    tasks: dict[Any, Task] = field(default_factory=dict)  # by the Ray reference of the call
    last_progress: float = 0.0  # when a task last ended, or one began on the idle worker

    @property
    def has_lone_task(self) -> bool:
        return any(task.alone for task in self.tasks.values())


class WorkerPool:
    """The workers of a plan."""

    def __init__(self, plan: WorkerPlan, model: Model, *arguments: Any) -> None:
        """Starts the workers; `arguments` are those of `Worker` between the model and the threads."""
        import ray

        self._ray, self._plan = ray, plan
        self._class = ray.remote(Worker).options(
            num_cpus=plan.threads, max_restarts=0, max_concurrency=plan.concurrent_scans + 1
        )
        self._arguments = (ray.put(model), *arguments, plan.threads, plan.budget_bytes)
        self._slots = [self._start() for _ in range(plan.workers)]
        self._failed_starts = 0

    def _start(self) -> _Slot:
        actor = self._class.remote(*self._arguments)
        return _Slot(actor, actor.ready.remote())

    def wait(self) -> list[int]:
        """Waits until every worker has loaded its network; returns the process ids."""
        return self._ray.get([slot.actor.ready.remote() for slot in self._slots])

    def process(
        self,
        queue: Queue,
        on_record: Callable[[dict[str, Any]], None],
        on_crash: Callable[[Task], None],
    ) -> None:
        """Processes the queue until it is empty.

        `on_record` gets the record of each task, `on_crash` each task that has failed with its worker.
        Raises `ClusterFailed` when workers do not start or records cannot be written.
        """
        last_alive = time.monotonic()
        while True:
            self._assign(queue)
            running = {reference: slot for slot in self._slots for reference in slot.tasks}
            if not running and not len(queue):
                return
            starting = {slot.ready: slot for slot in self._slots if slot.ready is not None}
            ready, _ = self._ray.wait([*running, *starting], num_returns=1, timeout=5.0)
            if running or ready:
                last_alive = time.monotonic()
            elif time.monotonic() - last_alive > _NO_WORKER_TIMEOUT_S:
                raise ClusterFailed("The cluster has had no worker for ten minutes; run the command again.")
            self._kill_hanging()
            for reference in ready:
                if reference in starting:
                    self._finish_start(starting[reference])
                elif reference in running and reference in running[reference].tasks:
                    self._finish_task(running[reference], reference, queue, on_record, on_crash)

    def _assign(self, queue: Queue) -> None:
        """Gives every worker that has loaded its network as many tasks as it may have in progress."""
        for slot in self._slots:
            while slot.ready is None:
                task = queue.take(len(slot.tasks), self._plan.concurrent_scans, slot.has_lone_task)
                if task is None:
                    break
                if not slot.tasks:
                    slot.last_progress = time.monotonic()
                slot.tasks[slot.actor.run.remote(task.scan, task.attempt)] = task

    def _kill_hanging(self) -> None:
        """Kills workers without progress; their tasks then end with an error, as after a crash."""
        for slot in self._slots:
            if slot.tasks and time.monotonic() - slot.last_progress > SCAN_TIMEOUT_S:
                self._ray.kill(slot.actor)
                slot.last_progress = time.monotonic()

    def _finish_start(self, slot: _Slot) -> None:
        try:
            self._ray.get(slot.ready)
        except self._ray.exceptions.RayError as error:
            self._failed_starts += 1
            limit = max(_MAX_FAILED_STARTS, 2 * len(self._slots))
            if self._failed_starts >= limit or _repeats_on_restart(error):
                raise ClusterFailed(_failure_text(error)) from error
            self._replace(slot)
            return
        slot.ready, self._failed_starts = None, 0

    def _finish_task(
        self,
        slot: _Slot,
        reference: Any,
        queue: Queue,
        on_record: Callable[[dict[str, Any]], None],
        on_crash: Callable[[Task], None],
    ) -> None:
        try:
            record = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:  # the worker could not write the record
            raise ClusterFailed(_failure_text(error)) from error
        except self._ray.exceptions.RayError as error:  # the worker died
            tasks = list(slot.tasks.values())
            failed = queue.lost(tasks) if self._is_node_loss(error) else queue.crashed(tasks)
            for task in failed:
                on_crash(task)
            self._replace(slot)
            return
        del slot.tasks[reference]
        slot.last_progress = time.monotonic()
        on_record(record)

    def _replace(self, slot: _Slot) -> None:
        slot.tasks.clear()
        new = self._start()
        slot.actor, slot.ready = new.actor, new.ready

    def _is_node_loss(self, error: BaseException) -> bool:
        """Whether a worker died with its node. An actor's error says so only in its text."""
        text = str(error).lower()
        return isinstance(error, self._ray.exceptions.NodeDiedError) or "died" in text and "its node" in text


def _repeats_on_restart(error: BaseException) -> bool:
    """Whether a new worker would fail for the same reason: a refusal of liverseg or a missing module."""
    return "liverseg.errors." in str(error) or "ModuleNotFoundError" in str(error)


def _failure_text(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    missing = next((line for line in lines if "ModuleNotFoundError" in line), None)
    if missing is not None:
        return f"The workers cannot start; is liverseg installed on every node? ({missing})"
    return f"The workers cannot continue: {lines[-1] if lines else type(error).__name__}"
