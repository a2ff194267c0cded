"""Simulate the time, the price and the bottleneck of a cohort of any size.

Every scan passes through the driver, which hands out one scan at a time; the storage, which serves requests
in their order at a rate that all share, each stream at its own limited rate; and a worker, which fetches the
next scan while its processor reads, segments, measures and writes the current one. The sizes of scans vary.

  python -m benchmarks.cohort_simulation measured.json --plots docs
"""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import dataclass, replace
from heapq import heapreplace
from pathlib import Path
from typing import Any

SIZES = ((1_000, 16), (100_000, 256), (10_000_000, 4096))
"""Numbers of scans and workers of the simulated cohorts."""
CURVE_WORKERS = tuple(2**k for k in range(3, 17))
VARIATION = 0.45
"""Sigma of the lognormal distribution of sizes, taken from the numbers of slices of the LiTS scans."""


@dataclass(frozen=True)
class Facts:
    """The parameters of the simulation: seconds and bytes per scan, rates in bytes per second."""

    read_s: float  # unpacking and reading
    network_s: float
    after_s: float  # measuring and writing
    scan_bytes: float
    driver_s: float  # the driver hands out a scan and takes its record
    serial_s: float  # the driver finds a scan before the run and writes its row after it
    start_s: float
    storage_rate: float = 1.25e9  # 10 Gbit/s, shared
    stream_rate: float = 8e7
    latency_s: float = 0.05
    core_hour: float = 0.04  # price of a processor per hour

    @property
    def work_s(self) -> float:
        """Processor seconds of a worker per scan."""
        return self.read_s + self.network_s + self.after_s


@dataclass(frozen=True)
class SimulatedRun:
    """The result of a simulation."""

    scans: int
    workers: int
    seconds: float  # during which the workers are paid
    serial_s: float  # finding scans and writing tables, by the driver alone
    worker_use: float  # shares of the time that each is busy
    storage_use: float
    driver_use: float

    def limit(self) -> str:
        """The part with the largest share: "storage", "driver" or "workers"."""
        shares = {"storage": self.storage_use, "driver": self.driver_use, "workers": self.worker_use}
        return max(shares, key=lambda name: shares[name])

    def price_of_1000(self, facts: Facts) -> float:
        """The price of 1,000 scans."""
        paid = self.workers * self.seconds / 3600 + self.serial_s / 3600
        return 1000 * paid * facts.core_hour / self.scans


def simulate(facts: Facts, scans: int, workers: int, seed: int = 0) -> SimulatedRun:
    """Simulate every scan of a cohort, as described above.

    >>> facts = Facts(1.0, 8.0, 1.0, 1e6, 0.0, 0.0, 0.0, latency_s=0.0)
    >>> run = simulate(facts, 4000, 10)
    >>> 0.97 < 4000 * 10 / 10 / run.seconds < 1.03, run.limit()
    (True, 'workers')
    """
    rng = random.Random(seed)
    mean = -(VARIATION**2) / 2  # makes the mean size 1
    requests = [
        (facts.start_s, worker) for worker in range(workers)
    ]  # (time, worker) of the next request for a scan
    free = [facts.start_s] * workers
    driver = storage = end = worked = 0.0
    served = facts.scan_bytes / facts.storage_rate
    streamed, work, each = facts.scan_bytes / facts.stream_rate, facts.work_s, facts.driver_s
    draw, latency = rng.lognormvariate, facts.latency_s
    for _ in range(scans):
        asked, worker = requests[0]
        size = draw(mean, VARIATION)
        driver = (max(driver, asked)) + each
        begun = max(storage, driver)
        storage = begun + size * served
        there = max(storage, begun + size * streamed) + latency
        start = max(free[worker], there)
        done = start + size * work
        free[worker] = done
        worked += size * work
        if done > end:
            end = done
        heapreplace(requests, (start, worker))
    return SimulatedRun(
        scans,
        workers,
        end,
        scans * facts.serial_s,
        worked / (end * workers),
        min(1.0, scans * served / end),
        min(1.0, scans * each / end),
    )


def facts_from(measured: dict[str, Any], slices: int | None = None) -> Facts:
    """The parameters for a measured scan, optionally scaled to another number of slices.

    The work is the processor time of a worker with one thread, divided among the steps in proportion to their
    elapsed times. Elapsed times themselves are too long on a busy machine.
    """
    scan = measured["scan"]
    share = measured["processor_s"] / sum(measured["steps"].values())
    steps = {name: share * value for name, value in measured["steps"].items()}
    scale = (slices or scan["slices"]) / scan["slices"]
    return Facts(
        read_s=scale * steps["read_s"],
        network_s=scale * steps["network_s"],
        after_s=scale * steps["measure_s"] + steps["write_s"],
        scan_bytes=scale * scan["bytes"],
        driver_s=measured["empty"]["driver_s"],
        serial_s=measured["finding"]["find_s"] + measured["finding"]["look_s"] + measured["tell_s"],
        start_s=measured["start_s"],
    )


def curve(facts: Facts, workers: tuple[int, ...] = CURVE_WORKERS) -> list[SimulatedRun]:
    """Runs with growing numbers of workers, each with enough scans to reach a steady state."""
    return [simulate(replace(facts, start_s=0.0), max(4000, 12 * count), count) for count in workers]


def runs_table(facts: Facts, runs: list[SimulatedRun]) -> str:
    """The runs as a Markdown table."""
    lines = [
        "| scans | workers | hours | listing and tables, hours | price of 1,000 scans "
        "| busy: workers, storage, driver |",
        "| ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for run in runs:
        lines.append(
            f"| {run.scans:,} | {run.workers:,} | {run.seconds / 3600:.2f} | {run.serial_s / 3600:.2f} | "
            f"{run.price_of_1000(facts):.2f} | {run.worker_use:.0%}, {run.storage_use:.0%}, "
            f"{run.driver_use:.0%} |"
        )
    return "\n".join(lines)


def draw(facts: Facts, variants: dict[str, Facts], folder: Path) -> None:
    """Write `cohort-throughput.svg` and `cohort-price.svg`."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    plt.rcParams |= {"font.size": 11, "svg.hashsalt": "liverseg", "axes.spines.top": False}
    plt.rcParams |= {"axes.spines.right": False}
    runs = {name: curve(variant) for name, variant in variants.items()}
    colours = ("#1f9d55", "#0b5cad", "#d92d2d", "#8a5a00")
    plots = (
        ("cohort-throughput", "Scans an hour", lambda run, own: 3600 * run.scans / run.seconds),
        ("cohort-price", "Price of 1,000 scans", lambda run, own: run.price_of_1000(own)),
    )
    for name, label, value in plots:
        figure, axes = plt.subplots(figsize=(7, 4.2))
        for (title, points), colour in zip(runs.items(), colours, strict=False):
            values = [value(run, variants[title]) for run in points]
            axes.plot([run.workers for run in points], values, "o-", ms=4, color=colour, label=title)
        if name == "cohort-throughput":
            ideal = [3600 * run.workers / facts.work_s for run in next(iter(runs.values()))]
            axes.plot(CURVE_WORKERS, ideal, ":", color="#5b6b7b", label="nothing but the workers")
        axes.set(xscale="log", yscale="log", xlabel="Workers, a processor each", ylabel=label)
        axes.set_xticks([8, 64, 512, 4096, 32768], ["8", "64", "512", "4,096", "32,768"])
        axes.minorticks_off()
        axes.grid(alpha=0.25)
        axes.legend(frameon=False)
        figure.tight_layout()
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
        plt.close(figure)


def saturation(facts: Facts) -> list[tuple[str, float]]:
    """The number of workers that each shared part can serve before it becomes the bottleneck.

    >>> dict(saturation(Facts(1.0, 8.0, 1.0, 1e8, 0.001, 0.0, 0.0)))["driver"]
    10000.0
    """
    return [
        ("driver", round(facts.work_s / facts.driver_s, 1) if facts.driver_s else float("inf")),
        ("storage or network at its rate", facts.work_s * facts.storage_rate / facts.scan_bytes),
        ("one stream to a worker", facts.work_s * facts.stream_rate / facts.scan_bytes),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="example:\n  " + __doc__.splitlines()[-1].strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("measured", type=Path, help="what `python -m benchmarks.cohort --out` wrote")
    parser.add_argument(
        "--slices", type=int, default=300, help="slices of a scan of the cohort (default 300)"
    )
    parser.add_argument("--most", type=int, default=10_000_000, help="leave out larger cohorts")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="write the plots there")
    args = parser.parse_args()
    measured = json.loads(args.measured.read_text(encoding="utf-8"))
    facts = facts_from(measured, args.slices)
    print(facts)
    runs = [simulate(facts, scans, workers) for scans, workers in SIZES if scans <= args.most]
    print(runs_table(facts, runs))
    for name, workers in saturation(facts):
        print(f"{name}: {workers:,.0f} workers")
    if args.plots:
        variants = {
            "10 Gbit/s storage": facts,
            "1 Gbit/s storage": replace(facts, storage_rate=1.25e8),
            "100 Gbit/s storage": replace(facts, storage_rate=1.25e10),
        }
        draw(facts, variants, args.plots)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
