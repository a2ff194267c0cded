"""Time variants in turn, so that other load on the machine affects all of them equally."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.speed.rows import Spread


@dataclass(frozen=True)
class Timings:
    """Seconds of each variant, one per round; equal indices mean the same round."""

    seconds: Mapping[str, list[float]]

    def spreads(self, scale: float = 1000.0) -> dict[str, Spread]:
        """Median and quartiles of each variant; `scale` 1000 gives milliseconds."""
        return {name: Spread.of(values).scaled(scale) for name, values in self.seconds.items()}

    def times_faster(self, fast: str, slow: str) -> float:
        """How many times longer `slow` takes than `fast`: the median over the rounds of their ratio.

        The two times of a round are close together, so a busy period of the machine affects both.

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
    """Run every variant once per round; each round starts with another variant.

    The first `warm_up` rounds are not counted. No round starts after `budget_s` seconds, but three rounds are
    counted in any case, or `rounds` if that is less.
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
