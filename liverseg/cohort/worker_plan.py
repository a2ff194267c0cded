"""The number of workers for a cluster, and the threads and memory of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from liverseg.cohort.memory import COMFORTABLE_BYTES
from liverseg.errors import InvalidSetting

Node = tuple[int, float]
"""Processors and bytes of memory of a node."""


@dataclass(frozen=True)
class WorkerPlan:
    """How many workers run, and with how many threads and bytes of memory each."""

    workers: int
    threads: int
    budget_bytes: int

    @property
    def concurrent_scans(self) -> int:
        """Scans in progress in a worker: one read, one segmented and, with several threads, one written."""
        return 2 if self.threads == 1 else 3


def plan_workers(
    nodes: Sequence[Node],
    workers: int | None = None,
    threads: int | None = None,
    budget_bytes: int | None = None,
) -> WorkerPlan:
    """The plan for the nodes of a cluster; what is given is kept as far as the nodes allow it.

    The default is one worker with one thread per processor, the fastest in our measurements. Where one
    processor's share of the memory is less than `COMFORTABLE_BYTES`, a worker gets several processors. Raises
    `InvalidSetting` for a cluster without processors, or for more threads than any node has processors.

    >>> plan_workers([(2, 16e9)])
    WorkerPlan(workers=2, threads=1, budget_bytes=8000000000)
    >>> plan_workers([(8, 8e9)], budget_bytes=10**9).workers, plan_workers([(8, 8e9)]).workers
    (8, 2)
    """
    nodes = [(processors, memory) for processors, memory in nodes if processors >= 1]
    if not nodes:
        raise InvalidSetting("The cluster has no processors.")
    total = sum(processors for processors, _ in nodes)
    share = min(memory / processors for processors, memory in nodes)
    largest = max(processors for processors, _ in nodes)
    if threads is None and workers is not None:
        threads = min(largest, max(1, total // workers))
    elif threads is None:
        wanted = budget_bytes or COMFORTABLE_BYTES
        threads = next((n for n in range(1, largest) if n * share >= wanted), largest)
    if threads > largest:
        raise InvalidSetting(f"No node of the cluster has {threads} processors for the threads of a worker.")
    possible = sum(processors // threads for processors, _ in nodes)
    return WorkerPlan(min(workers or possible, possible), threads, budget_bytes or int(share * threads))
