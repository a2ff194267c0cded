"""A cohort on Ray against plain loops over `segment`: the same scans, in turn, on this machine.

It measures the seconds per scan (for workers and the script without loading the network), the peak memory of
a worker, the overhead of Ray and the driver per scan, and the time to find a scan and to write its table row.
`benchmarks.cohort_simulation` extrapolates from the results.

  python -m benchmarks.cohort --scans 4 --slices 119 --rounds 2 --out measured.json
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.cohort_overhead import run_discovery, run_empty
from benchmarks.cohort_ways import STEP_KEYS, run_commands, run_script, run_workers, write_scans

WAYS = {"2 workers of 1 thread": (2, 1), "1 worker of 2 threads": (1, 2)}
"""Name -> workers and threads of a worker."""
COMMAND_LOOP = "the command, scan by scan"
SCRIPT_LOOP = "a script, scan by scan"
EMPTY_CALLS = 1000


def _in_new_process(function: Any, *arguments: Any) -> Any:
    """The result of a function that runs in a new process, so that its memory and threads are its own."""
    os.environ.setdefault(
        "RAY_worker_niceness", "0"
    )  # Ray's default of 15 would put workers at a disadvantage
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def measure_cohort(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run every way `rounds` times in turn; returns the content of `--out`."""
    if args.source:
        shutil.copytree(args.source, folder / "scans")
        shutil.copy(next((folder / "scans").iterdir()), folder / "warm.nii.gz")
    else:
        _in_new_process(write_scans, folder, args.scans, args.slices, args.made, args.side)
    paths = sorted((folder / "scans").iterdir())
    loops = {COMMAND_LOOP: run_commands, SCRIPT_LOOP: run_script}
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in (*loops, *WAYS)}
    for turn in range(args.rounds):
        for name in results:
            out = folder / f"{name}-{turn}"
            arguments = (paths, folder / "warm.nii.gz", out, args.checkpoint)
            if name in loops:
                result = _in_new_process(loops[name], *arguments)
            else:
                result = _in_new_process(run_workers, *arguments, *WAYS[name])
            results[name].append(result)
            times = f"{result['s']:7.2f} s a scan, {result['processor_s']:.2f} s of processors"
            print(f"{name:<26} {times}, {result['peak_bytes'] / 1e9:.2f} GB", flush=True)
            shutil.rmtree(out, ignore_errors=True)
    seconds = {name: statistics.median(one["s"] for one in results[name]) for name in results}
    for name in WAYS:
        for loop in loops:
            ratios = [a["s"] / b["s"] for a, b in zip(results[loop], results[name], strict=True)]
            by_round = ", ".join(f"{ratio:.2f}" for ratio in ratios)
            print(f"{name}: {seconds[loop] / seconds[name]:.2f} times {loop} (by round: {by_round})")
    empty = _in_new_process(run_empty, 2, args.calls)
    driver_ms = 1000 * empty["driver_s"]
    print(f"Ray: {1000 * empty['s']:.2f} ms a scan, {driver_ms:.2f} ms of the driver's processor")
    discovery = _in_new_process(run_discovery, folder)
    best = min(WAYS, key=seconds.__getitem__)
    single = results["2 workers of 1 thread"]
    return {
        "scan": {"slices": args.slices, "side": args.side, "bytes": round(_mean_size(paths))},
        "ways": results,
        "best": best,
        "ratios": {loop: seconds[loop] / seconds[best] for loop in loops},
        "steps": {name: statistics.median(one["steps"][name] for one in single) for name in STEP_KEYS},
        "processor_s": statistics.median(one["processor_s"] for one in single),
        "tell_s": statistics.median(one["tell_s"] for one in single),
        "start_s": statistics.median(one["start_s"] for one in single),
        "peak_bytes": max(one["peak_bytes"] for one in single),
        "empty": empty,
        "finding": discovery,
        "processors": len(os.sched_getaffinity(0)),
    }


def _mean_size(paths: list[Path]) -> float:
    return statistics.mean(path.stat().st_size for path in paths)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="example:\n  " + __doc__.splitlines()[-1].strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--scans", type=int, default=4)
    parser.add_argument("--slices", type=int, default=119)
    parser.add_argument("--made", type=int, default=4, help="number of different slices (default 4)")
    parser.add_argument("--side", type=int, default=512, help="rows and columns (default 512)")
    parser.add_argument("--rounds", type=int, default=3, help="number of runs of each way")
    parser.add_argument(
        "--calls", type=int, default=EMPTY_CALLS, help="number of empty scans to measure the overhead"
    )
    parser.add_argument("--checkpoint", default=None)
    parser.add_argument("--source", type=Path, help="a folder of NIfTI files to use instead of phantoms")
    parser.add_argument("--out", type=Path, help="write the measurements as JSON")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measured = measure_cohort(args, Path(folder))
    if args.out:
        args.out.write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
