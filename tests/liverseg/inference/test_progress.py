"""Progress reports and cancellation."""

from __future__ import annotations

import threading

import pytest

from liverseg.errors import Cancelled
from liverseg.inference.progress import RunMonitor


def test_only_an_increase_is_reported():
    reports = []
    watch = RunMonitor(5, lambda done, total: reports.append((done, total)))
    watch.done()
    watch.done(3)
    watch.done(2)
    watch.done(5)
    assert reports == [(1, 5), (3, 5), (5, 5)]


@pytest.mark.parametrize("as_event", [True, False])
def test_a_set_event_or_a_true_function_cancels(as_event):
    event = threading.Event()
    watch = RunMonitor(1, cancelled=event if as_event else event.is_set)
    watch.check()
    event.set()
    with pytest.raises(Cancelled):
        watch.check()
