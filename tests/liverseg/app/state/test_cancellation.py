"""Registered runs: only those of the visitor who cancels are stopped."""

from __future__ import annotations

import pytest

from liverseg.app.state.cancellation import Runs


def test_stop_ends_the_runs_of_one_visitor_only():
    runs = Runs()
    with runs.run("a") as first, runs.run("a") as second, runs.run("b") as other, runs.run(None) as nobody:
        runs.stop("a")
        runs.stop(None)
        runs.stop("unknown")
        assert first.is_set() and second.is_set()
        assert not other.is_set() and not nobody.is_set()
    with runs.run("a") as later:
        assert not later.is_set()
    assert runs._stops == {}


def test_a_failed_run_is_removed():
    runs = Runs()
    with pytest.raises(ValueError), runs.run("a"):
        raise ValueError
    assert runs._stops == {}
