"""Ray: a cluster of this machine's own, or an existing one; actors that are replaced when they die.

Nothing is reported to anyone (Ray's usage statistics are off), no dashboard is started, and a cluster that is
started here listens on the loopback address only.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from liverseg.cohort.memory import COMFORTABLE_BYTES
from liverseg.cohort.scheduling import Queue, Task
from liverseg.cohort.worker import Model, Worker
from liverseg.errors import InvalidSetting, LiversegError

_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # not to guess a runtime environment from how we were started
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
}
_OBJECT_STORE_BYTES = 256 * 1024**2  # nothing large travels: the checkpoint, headers and records
_LOCAL_STARTS = 3  # Ray gives its own parts 15 seconds to start, which a busy machine may not keep
_NOTHING_S = 600.0  # without any worker, as when a cluster has lost its nodes
_STARTS_THAT_FAIL = 3
LIMIT_S = 3600.0
"""How long a scan may take before its worker is killed, as if it had crashed."""
_ROOT = Path(__file__).parents[2]


class ClusterFailed(LiversegError):
    """Ray cannot be started or reached, or its workers cannot."""


@dataclass(frozen=True)
class Plan:
    """How many workers, with how many threads and bytes each."""

    workers: int
    threads: int
    budget_bytes: int

    @property
    def at_once(self) -> int:
        """Scans that a worker has under way: one is read, one in the network, and one written if it can."""
        return 2 if self.threads == 1 else 3


def plan_for(
    nodes: Sequence[tuple[int, float]],
    workers: int | None = None,
    threads: int | None = None,
    budget_bytes: int | None = None,
) -> Plan:
    """Workers for nodes of (processors, bytes of memory).

    A worker a processor, with one thread each, was measured to be fastest; where a processor's share of the
    memory is less than a worker should have, a worker gets several. Raises `InvalidSetting` for no nodes.

    >>> plan_for([(2, 16e9)]), plan_for([(8, 8e9)], budget_bytes=10**9).workers, plan_for([(8, 8e9)]).workers
    (Plan(workers=2, threads=1, budget_bytes=8000000000), 8, 2)
    """
    nodes = [(count, memory) for count, memory in nodes if count >= 1]
    if not nodes:
        raise InvalidSetting("The cluster has no processors.")
    processors = sum(count for count, _ in nodes)
    share = min(memory / count for count, memory in nodes)
    most = max(count for count, _ in nodes)
    if threads is None and workers is not None:
        threads = min(most, max(1, processors // workers))
    elif threads is None:
        wanted = budget_bytes or COMFORTABLE_BYTES
        threads = next((n for n in range(1, most) if n * share >= wanted), most)
    if threads > most:
        raise InvalidSetting(f"No node has {threads} processors for a worker's threads.")
    room = sum(count // threads for count, _ in nodes)
    return Plan(min(workers or room, room), threads, budget_bytes or int(share * threads))


@contextmanager
def connected(address: str | None, processors: int | None = None) -> Iterator[list[tuple[int, float]]]:
    """Ray, started here or joined at `address`; yields each node's (processors, bytes of memory)."""
    os.environ.update({name: os.environ.get(name, value) for name, value in _ENVIRONMENT.items()})
    ours = str(_ROOT)
    if address is None and ours not in os.environ.get("PYTHONPATH", "").split(os.pathsep):
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [ours, os.environ.get("PYTHONPATH")]))
    try:
        import ray
    except ImportError as error:
        raise ClusterFailed("Cohorts need Ray: pip install 'liverseg[cohort]'.") from error
    options: dict[str, Any] = {"address": address, "log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        options |= {
            "address": "local",
            "num_cpus": processors,
            "include_dashboard": False,
            "_node_ip_address": "127.0.0.1",
            "object_store_memory": _OBJECT_STORE_BYTES,
        }
    for attempt in range(_LOCAL_STARTS if address is None else 1, 0, -1):
        try:
            ray.init(**options)
            break
        except Exception as error:  # ConnectionError, RuntimeError, ValueError and others of Ray's own
            ray.shutdown()
            if attempt > 1:
                continue
            first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            what = "started" if address is None else "reached"
            raise ClusterFailed(f"The Ray cluster cannot be {what}: {first}") from error
    try:
        alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        yield [(int(one.get("CPU", 0)), float(one.get("memory", 0))) for one in alive]
    finally:
        ray.shutdown()


def surveyed(chunks: Sequence[list]) -> Iterable[list]:
    """`finding.survey` over chunks of files, on the cluster, a bounded number of them at once."""
    import ray

    from liverseg.cohort.discover import survey

    if len(chunks) < 2:
        yield from map(survey, chunks)
        return
    task = ray.remote(survey).options(num_cpus=1, max_retries=2)
    limit = 2 * int(ray.cluster_resources().get("CPU", 1)) + 2
    under_way: list[Any] = []
    for chunk in chunks:
        under_way.append(task.remote(chunk))
        if len(under_way) >= limit:
            yield ray.get(under_way.pop(0))
    for one in under_way:
        yield ray.get(one)


@dataclass
class _Slot:
    """One worker, and what it has under way."""

    actor: Any
    ready: Any  # a reference that is fulfilled when the network is loaded; None: it is
    tasks: dict[Any, Task] = field(default_factory=dict)
    moved: float = 0.0  # when a task was last begun or ended

    @property
    def alone(self) -> bool:
        return any(task.alone for task in self.tasks.values())


class Workers:
    """The actors of a cohort."""

    def __init__(self, plan: Plan, model: Model, *arguments: Any, limit_s: float = LIMIT_S) -> None:
        """`arguments` are those of `Worker` between the model and the threads."""
        import ray

        self._ray, self._plan, self._limit_s = ray, plan, limit_s
        self._class = ray.remote(Worker).options(
            num_cpus=plan.threads, max_restarts=0, max_concurrency=plan.at_once + 1
        )
        self._arguments = (ray.put(model), *arguments, plan.threads, plan.budget_bytes)
        self._slots = [self._start() for _ in range(plan.workers)]
        self._failed_starts = 0

    def _start(self) -> _Slot:
        actor = self._class.remote(*self._arguments)
        return _Slot(actor, actor.ready.remote())

    def wait(self) -> list[int]:
        """Waits until every network is loaded; returns the workers' process ids."""
        return self._ray.get([slot.actor.ready.remote() for slot in self._slots])

    def process(
        self,
        queue: Queue,
        finished: Callable[[dict[str, Any]], None],
        failed: Callable[[Task], None],
    ) -> None:
        """Runs every task of the queue: `finished` gets its record, `failed` one that killed its worker.

        Raises `ClusterFailed` where no worker starts.
        """
        last_alive = time.monotonic()
        while True:
            self._fill(queue)
            references = {ref: slot for slot in self._slots for ref in slot.tasks}
            if not references and not len(queue):
                return
            starting = {slot.ready: slot for slot in self._slots if slot.ready is not None}
            ready, _ = self._ray.wait([*references, *starting], num_returns=1, timeout=5.0)
            if references or ready:
                last_alive = time.monotonic()
            elif time.monotonic() - last_alive > _NOTHING_S:
                raise ClusterFailed("The cluster has had no worker for ten minutes; run the command again.")
            for slot in self._slots:
                if slot.tasks and time.monotonic() - slot.moved > self._limit_s:
                    self._ray.kill(slot.actor)  # its tasks end with an error, as after a crash
                    slot.moved = time.monotonic()
            for reference in ready:
                if reference in starting:
                    self._started(starting[reference])
                elif reference in references and reference in references[reference].tasks:
                    self._ended(references[reference], reference, queue, finished, failed)

    def _fill(self, queue: Queue) -> None:
        for slot in self._slots:
            while slot.ready is None:
                task = queue.take(len(slot.tasks), self._plan.at_once, slot.alone)
                if task is None:
                    break
                if not slot.tasks:
                    slot.moved = time.monotonic()
                slot.tasks[slot.actor.run.remote(task.scan, task.attempt)] = task

    def _started(self, slot: _Slot) -> None:
        try:
            self._ray.get(slot.ready)
        except self._ray.exceptions.RayError as error:
            self._failed_starts += 1
            if self._failed_starts >= max(_STARTS_THAT_FAIL, 2 * len(self._slots)) or _is_refusal(error):
                raise ClusterFailed(_why(error)) from error
            self._replace(slot)
            return
        slot.ready, self._failed_starts = None, 0

    def _ended(
        self,
        slot: _Slot,
        reference: Any,
        queue: Queue,
        finished: Callable[[dict[str, Any]], None],
        failed: Callable[[Task], None],
    ) -> None:
        try:
            record = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:  # the record could not be written
            raise ClusterFailed(_why(error)) from error
        except self._ray.exceptions.RayError as error:
            tasks = list(slot.tasks.values())
            given_up = queue.lost(tasks) if _node_died(error) else queue.crashed(tasks)
            for task in given_up:
                failed(task)
            self._replace(slot)
            return
        del slot.tasks[reference]
        slot.moved = time.monotonic()
        finished(record)

    def _replace(self, slot: _Slot) -> None:
        slot.tasks.clear()
        fresh = self._start()
        slot.actor, slot.ready = fresh.actor, fresh.ready


def _node_died(error: BaseException) -> bool:
    text = str(error).lower()
    return (
        isinstance(error, _exceptions().NodeDiedError)
        or "node" in text
        and "died" in text
        and "its node" in text
    )


def _exceptions() -> Any:
    import ray

    return ray.exceptions


def _is_refusal(error: BaseException) -> bool:
    return "liverseg.errors." in str(error) or "ModuleNotFoundError" in str(error)


def _why(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if any("ModuleNotFoundError" in line for line in lines):
        missing = next(line for line in lines if "ModuleNotFoundError" in line)
        return f"The workers cannot start; is liverseg installed on every node? ({missing})"
    return f"The workers cannot go on: {lines[-1] if lines else type(error).__name__}"
