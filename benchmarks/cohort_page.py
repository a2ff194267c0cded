"""Write `docs/cohort-scaling.md` and its plots from the measurements of `benchmarks.cohort`.

python -m benchmarks.cohort_page measured.json --docs docs
"""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.cohort_simulation import SIZES, Facts, draw, facts_from, runs_table, saturation, simulate

SIMULATED_SLICES = 300
"""Slices of a scan of the simulated cohorts."""

_INTRODUCTION = """# What a cohort takes

Time and cost of a cohort, the resource that it saturates first, and the default way of running it. Two
commands write this page. Run them on your own machine, because ratios carry over to other machines better
than seconds do:

```
python -m benchmarks.cohort --scans 4 --slices 119 --rounds 2 --out measured.json
python -m benchmarks.cohort_page measured.json --docs docs
```
"""

_ASSUMED = """`benchmarks.cohort_simulation` follows every scan through three stages: the driver, which hands
out one scan at a time; the storage, whose rate all workers share; and a worker of one thread, which fetches
the next scan while it processes the current one. Scans have {slices} slices on average
({megabytes:.0f} MB compressed,
{work:.1f} s of processor time), and their sizes have a lognormal distribution. These values are assumed,
not measured: a total rate of 10 Gbit/s for storage and network, 80 MB/s for each stream, 50 ms to the first
byte, a price of 0.04 for each processor and hour in your currency, no lost nodes, and no charge for storage
and requests."""

_END = """
![Scans per hour against the number of workers](cohort-throughput.svg)
![Price of 1,000 scans against the number of workers](cohort-price.svg)

Resources that saturate, and the number of workers from which they do:

{saturation}

Below the smallest of these numbers the workers themselves are the limit, and twice as many workers take
half as long. Above it workers wait, and the price rises with their number: use no more workers than the
bucket can supply with scans.

**Listing and tables**, that is listing the scans before the workers run and writing the tables after
them, is done by the driver alone: {serial_ms:.1f} ms per scan, on a local disk. For DICOM the workers also
read the header of every file. For 10 million scans this takes {serial_h:.1f} hours, during which the
workers of a rented cluster would wait, and a list of 10 million scans takes some gigabytes of the driver's
memory. Split such a cohort into lists of a few hundred thousand scans with a folder each; Parquet readers
can read the folders as one table.

## What was not measured

A cluster of several machines, a GPU, real object storage, and a network file system for `--out` (each scan
writes about five small files, which is slow on some of them). The simulation was not compared with a large
run.
"""


def measured_part(measured: dict[str, Any]) -> str:
    """The measurements as tables; only the note on their origin, where the file has one."""
    if "note" in measured:
        return measured["note"] + "\n"
    scan, ways, loops = measured["scan"], measured["ways"], measured["ratios"]
    lines = [
        f"Measured on {measured['processors']} processors with phantoms of {scan['slices']} slices of "
        f"{scan['side']} × {scan['side']} ({scan['bytes'] / 1e6:.1f} MB compressed), alternating between the "
        "ways. The command is `python -m liverseg segment`, run by a shell on one scan after the other. The "
        "script is a process that loads the network once, then reads, segments, measures and writes one scan "
        "after the other. Both segment as many slices at the same time as there are threads. The time of the "
        "script and of the workers starts when every network has been loaded.\n",
        "| way | s per scan | speed relative to "
        + " | speed relative to ".join(f"{loop}, by round" for loop in loops)
        + " | processor time per scan, s | peak memory |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, rounds in ways.items():
        turns = {loop: zip(ways[loop], rounds, strict=True) for loop in loops}
        ratios = " | ".join(", ".join(f"{a['s'] / b['s']:.2f}" for a, b in turns[loop]) for loop in loops)
        seconds, spent = (statistics.median(one[key] for one in rounds) for key in ("s", "processor_s"))
        peak = max(one["peak_bytes"] for one in rounds) / 1e9
        lines.append(f"| {name} | {seconds:.2f} | {ratios} | {spent:.2f} | {peak:.2f} GB |")
    steps, empty, finding = measured["steps"], measured["empty"], measured["finding"]
    lines += [
        f"\n{measured['best']}: "
        + "; ".join(f"{ratio:.2f} times as fast as {loop}" for loop, ratio in loops.items())
        + ".\n",
        "| step of one scan, with two workers of one thread | time |",
        "| --- | ---: |",
        *(f"| {name.removesuffix('_s')} | {value:.3f} s |" for name, value in steps.items()),
        f"| Ray and the driver, with workers that do nothing | {1000 * empty['s']:.2f} ms |",
        f"| of which processor time of the driver | {1000 * empty['driver_s']:.2f} ms |",
        f"| finding a scan among files | {1000 * finding['find_s']:.2f} ms |",
        f"| checking whether it was done before | {1000 * finding['look_s']:.2f} ms |",
        f"| writing its rows of the tables | {1000 * measured['tell_s']:.2f} ms |",
        f"| starting Ray and loading the networks, once | {measured['start_s']:.0f} s |",
    ]
    return "\n".join(lines) + "\n"


def page_text(measured: dict[str, Any], facts: Facts) -> str:
    """The page as Markdown: measurements, then simulations of the cohorts `SIZES`."""
    runs = [simulate(facts, scans, workers) for scans, workers in SIZES]
    assumed = _ASSUMED.format(slices=SIMULATED_SLICES, megabytes=facts.scan_bytes / 1e6, work=facts.work_s)
    limits = "\n".join(f"- {name}: from {workers:,.0f} workers on" for name, workers in saturation(facts)[:2])
    limits += f"\n- unpacking: {facts.read_s / facts.work_s:.0%} of a worker's time, at every size"
    end = _END.format(
        saturation=limits, serial_ms=1000 * facts.serial_s, serial_h=runs[-1].scans * facts.serial_s / 3600
    )
    parts = [_INTRODUCTION, "## Measured\n", measured_part(measured), "## Simulated\n", assumed, ""]
    return "\n".join([*parts, runs_table(facts, runs), end])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="example:\n  " + __doc__.splitlines()[-1].strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("measured", type=Path, help="what `python -m benchmarks.cohort --out` wrote")
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="folder of the page and its plots")
    args = parser.parse_args()
    measured = json.loads(args.measured.read_text(encoding="utf-8"))
    facts = facts_from(measured, SIMULATED_SLICES)
    (args.docs / "cohort-scaling.md").write_text(page_text(measured, facts), encoding="utf-8")
    variants = {
        "10 Gbit/s storage": facts,
        "1 Gbit/s storage": replace(facts, storage_rate=1.25e8),
        "100 Gbit/s storage": replace(facts, storage_rate=1.25e10),
    }
    draw(facts, variants, args.docs)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
