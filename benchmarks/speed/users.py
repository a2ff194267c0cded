"""Many users at once through the HTTP API: throughput, the longest waits, memory over many requests."""

from __future__ import annotations

import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.speed.app_client import App, serving
from benchmarks.speed.rows import Ratio, Row, Spread
from benchmarks.speed.sections import Context
from liverseg import phantom

CLIENTS = 16
CHECKPOINT, LIGHT = "segformer-b0", "segformer-b0-fast"
REQUESTS = "LIVERSEG_BENCH_REQUESTS"
"""The environment's variable for how many requests the memory is watched over, where 2,000 take too long."""


def measure(context: Context) -> list[Row]:
    """One client and `CLIENTS` in turn; then the memory over many requests."""
    made = phantom.make(seed=14, size=64 if context.quick else 512)
    file = phantom.write(made, context.scratch / "slice.png")[0]
    requests = 20 if context.quick else int(os.environ.get(REQUESTS, "2000"))
    with serving(context.threads) as app:
        return [_together(app, file, context), _memory(app, file, requests, context)]


def _together(app: App, file: Path, context: Context) -> Row:
    """Throughput and waiting of one client and of many, in turn."""
    alone: list[float] = []
    crowd: list[float] = []
    rates: dict[int, list[float]] = {1: [], CLIENTS: []}
    each = 2 if context.quick else 16
    requests_of(app, file, CHECKPOINT, 1, 2)  # warm
    for number in range(1 if context.quick else 3):
        for clients, took in ((1, alone), (CLIENTS, crowd)):
            context.tell(f"{clients} at once, {number + 1}")
            count = max(each, clients)
            started = time.perf_counter()
            took += requests_of(app, file, CHECKPOINT, clients, count)
            rates[clients].append(count / (time.perf_counter() - started))
    pairs = zip(rates[CLIENTS], rates[1], strict=True)
    p95 = statistics.quantiles(crowd, n=20)[-1]
    return Row(
        "users",
        f"{CLIENTS} clients, a slice each",
        "s",
        {"one client": Spread.of(alone), f"{CLIENTS} clients": Spread.of(crowd)},
        {
            "throughput, of one client's": Ratio(statistics.median(m / o for m, o in pairs), 0.9),
            "p95 of the wait, of clients × one's median": Ratio(
                p95 / (CLIENTS * statistics.median(alone)), 1.5, higher_is_better=False
            ),
        },
        note=f"upload, {CHECKPOINT} on 512 × 512, three pictures and the report",
    )


def _memory(app: App, file: Path, count: int, context: Context) -> Row:
    """Resident memory over `count` requests, from a tenth of them on: until then pools and caches fill."""
    step = max(1, count // 20)
    seen: list[float] = []
    for number in range(20):
        requests_of(app, file, LIGHT, CLIENTS, step)
        seen.append(app.memory_gb())
        if number % 5 == 4:
            context.tell(f"{(number + 1) * step} requests, {seen[-1]:.2f} GB")
    return Row(
        "users",
        f"memory over {20 * step} requests",
        "GB",
        {"after a tenth": Spread.of([seen[1]]), "at the end": Spread.of([seen[-1]])},
        {"memory at the end, of that after a tenth": Ratio(seen[-1] / seen[1], 1.05, higher_is_better=False)},
        note=f"{CLIENTS} clients at once, {LIGHT}; {max(seen):.2f} GB at most",
    )


def requests_of(app: App, file: Path, checkpoint: str, clients: int, count: int) -> list[float]:
    """Seconds that each of `count` requests took, by clients that ask again once they are answered."""

    def one(_: int) -> float:
        started = time.perf_counter()
        app.segment(file, checkpoint)
        return time.perf_counter() - started

    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(one, range(count)))
