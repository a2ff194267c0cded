"""Variants measured in turn, so that what disturbs a shared machine disturbs all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.speed.rows import Spread


@dataclass(frozen=True)
class Timings:
    """Seconds of each variant, one a round; the same index is the same round."""

    seconds: Mapping[str, list[float]]

    def spreads(self, scale: float = 1000.0) -> dict[str, Spread]:
        """Median and quartiles of each variant; `scale` 1000 gives milliseconds."""
        return {name: Spread.of(values).scaled(scale) for name, values in self.seconds.items()}

    def times_faster(self, fast: str, slow: str) -> float:
        """How many times longer `slow` takes than `fast`: the median over the rounds of their ratio.

        Each round's two times are neighbours, so that a machine that was busy for a while does not
        count against one of them.

        >>> Timings({"ours": [1.0, 2.0, 1.0], "theirs": [3.0, 6.0, 9.0]}).times_faster("ours", "theirs")
        3.0
        """
        pairs = zip(self.seconds[fast], self.seconds[slow], strict=True)
        return statistics.median(theirs / ours for ours, theirs in pairs)


def in_turn(
    variants: Mapping[str, Callable[[], object]],
    rounds: int,
    *,
    warm_up: int = 1,
    budget_s: float | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Timings:
    """Run every variant once a round, each round starting with another one.

    The first `warm_up` rounds are not counted. With `budget_s` no round starts after so many seconds,
    but three rounds are run in any case (fewer if `rounds` says so).
    """
    names = list(variants)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    started = clock()
    for number in range(warm_up + rounds):
        counted = number - warm_up
        if budget_s is not None and counted >= min(3, rounds) and clock() - started > budget_s:
            break
        first = number % len(names) if names else 0
        for name in names[first:] + names[:first]:
            before = clock()
            variants[name]()
            after = clock()
            if counted >= 0:
                seconds[name].append(after - before)
    return Timings(seconds)
