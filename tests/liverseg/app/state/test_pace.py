"""Estimates from measured runs, with a clock that the test moves."""

from __future__ import annotations

import pytest

from liverseg.app.state.pace import MEASURED, Pace


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def measured(pace: Pace, clock: Clock, slices: int, seconds: float) -> None:
    with pace.run(slices):
        clock.now += seconds


def test_an_estimate_is_seconds_a_slice_times_slices_and_at_least_the_shortest_run():
    clock = Clock()
    pace = Pace(clock)
    assert pace.seconds(10) is None
    measured(pace, clock, 100, 20.0)
    measured(pace, clock, 1, 2.0)
    assert pace.seconds(200) == pytest.approx(200 * 22 / 101)
    assert pace.seconds(3) == 2.0


def test_only_the_latest_runs_count_and_none_that_failed():
    clock = Clock()
    pace = Pace(clock)
    measured(pace, clock, 1, 1000.0)
    for _ in range(MEASURED):
        measured(pace, clock, 10, 5.0)
    with pytest.raises(ValueError), pace.run(1):
        clock.now += 99
        raise ValueError
    assert pace.seconds(20) == pytest.approx(10.0) and pace.under_way() is None


def test_the_run_under_way_is_judged_by_its_own_speed_once_it_has_one():
    clock = Clock()
    pace = Pace(clock)
    with pace.run(10) as running:
        assert pace.under_way() == (0, 10, None)
        clock.now += 4
        running.done = 2
        assert pace.under_way() == (2, 10, 16.0)
    with pace.run(100) as running:
        clock.now += 30
        running.done = 1
        assert pace.under_way() == (1, 100, pytest.approx(100 * 0.4 - 30)), "its first slice says little"
    with pace.run(5):
        clock.now += 0.5
        done, slices, left = pace.under_way()
        assert (done, slices) == (0, 5) and left == pytest.approx(4.0 - 0.5)  # at least the shortest run
