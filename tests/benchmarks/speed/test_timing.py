from __future__ import annotations

import itertools

from benchmarks.speed.timing import in_turn


def test_variants_take_turns_and_warm_up_rounds_are_not_counted():
    ticks = itertools.count()
    order = []
    variants = {name: lambda name=name: order.append(name) for name in "abc"}
    timings = in_turn(variants, 2, clock=lambda: float(next(ticks)))
    assert "".join(order) == "abc" + "bca" + "cab"
    assert timings.seconds == {name: [1.0, 1.0] for name in "abc"}


def test_a_time_budget_allows_at_least_three_rounds():
    ticks = itertools.count(step=10)
    assert len(in_turn({"a": lambda: None}, 50, budget_s=1, clock=lambda: next(ticks)).seconds["a"]) == 3


def test_times_faster_is_the_median_of_the_ratios_of_each_round():
    # The machine was slow in the last two rounds: medians apart would say 4 / 3.
    timings = in_turn({"a": lambda: None, "b": lambda: None}, 3)
    timings = type(timings)({"a": [1.0, 3.0, 4.0], "b": [2.0, 6.0, 4.0]})
    assert timings.times_faster("a", "b") == 2.0
