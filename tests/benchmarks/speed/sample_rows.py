"""A machine and a row of results."""

from __future__ import annotations

from benchmarks.speed.machine import Machine
from benchmarks.speed.rows import Ratio, Row, Spread

MACHINE = Machine("a processor", 2, ("avx2",), 8.0, "Linux", "3.11", {"torch": "2"})
ROW = Row(
    "slice",
    "B0",
    "ms",
    {"ours": Spread(10.0, 9.0, 11.0, 5), "theirs": Spread(80.0, 75.0, 90.0, 5)},
    {"ours, times faster than theirs": Ratio(8.0, goal=8)},
    note="random weights",
    missing={"ours, bf16": "the processor lacks it"},
)
