"""Many clients of the HTTP API at once: throughput, 95th percentile of the wait, memory."""

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
CHECKPOINT, FAST_CHECKPOINT = "segformer-b0", "segformer-b0-fast"
REQUESTS = "LIVERSEG_BENCH_REQUESTS"
"""Environment variable: the number of requests over which memory is watched, by default 2,000."""


def measure(context: Context) -> list[Row]:
    """One client and `CLIENTS` clients in turn, then the memory over many requests."""
    scan = phantom.make(seed=14, size=64 if context.quick else 512)
    file = phantom.write(scan, context.scratch / "slice.png")[0]
    requests = 20 if context.quick else int(os.environ.get(REQUESTS, "2000"))
    with serving(context.threads) as app:
        return [_throughput(app, file, context), _memory(app, file, requests, context)]


def _throughput(app: App, file: Path, context: Context) -> Row:
    """Throughput and waiting times of one client and of many, in turn."""
    alone: list[float] = []
    crowd: list[float] = []
    rates: dict[int, list[float]] = {1: [], CLIENTS: []}
    requests = 2 if context.quick else 16
    requests_of(app, file, CHECKPOINT, 1, 2)  # warm-up
    for number in range(1 if context.quick else 3):
        for clients, waits in ((1, alone), (CLIENTS, crowd)):
            context.tell(f"{clients} at once, {number + 1}")
            count = max(requests, clients)
            started = time.perf_counter()
            waits += requests_of(app, file, CHECKPOINT, clients, count)
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
    """Resident memory at the end of `count` requests and after the first tenth, when caches have filled."""
    step = max(1, count // 20)
    memory_gb: list[float] = []
    for number in range(20):
        requests_of(app, file, FAST_CHECKPOINT, CLIENTS, step)
        memory_gb.append(app.memory_gb())
        if number % 5 == 4:
            context.tell(f"{(number + 1) * step} requests, {memory_gb[-1]:.2f} GB")
    return Row(
        "users",
        f"memory over {20 * step} requests",
        "GB",
        {"after a tenth": Spread.of([memory_gb[1]]), "at the end": Spread.of([memory_gb[-1]])},
        {
            "memory at the end, of that after a tenth": Ratio(
                memory_gb[-1] / memory_gb[1], 1.05, higher_is_better=False
            )
        },
        note=f"{CLIENTS} clients at once, {FAST_CHECKPOINT}; {max(memory_gb):.2f} GB at most",
    )


def requests_of(app: App, file: Path, checkpoint: str, clients: int, count: int) -> list[float]:
    """Seconds of each of `count` requests, by clients that send the next one after each answer."""

    def request(_: int) -> float:
        started = time.perf_counter()
        app.segment(file, checkpoint)
        return time.perf_counter() - started

    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(request, range(count)))
