"""The number, threads and memory of workers for the nodes of a cluster."""

from __future__ import annotations

import pytest

from liverseg.cohort.worker_plan import WorkerPlan, plan_workers
from liverseg.errors import InvalidSetting


def test_workers_follow_processors_and_memory():
    assert plan_workers([(2, 16e9), (4, 16e9)]).workers == 6
    plan = plan_workers([(8, 10e9)])
    assert (plan.workers, plan.threads) == (4, 2)
    assert plan_workers([(8, 16e9)], workers=2) == WorkerPlan(2, 4, 8_000_000_000)
    assert plan_workers([(2, 16e9)], workers=9).workers == 2


def test_impossible_plans_are_refused():
    with pytest.raises(InvalidSetting, match="No node of the cluster has 3 processors"):
        plan_workers([(2, 16e9)], threads=3)
    with pytest.raises(InvalidSetting, match="no processors"):
        plan_workers([(0, 16e9)])
