"""The steps from a file to a report, timed in a new process: `python -m benchmarks.speed.steps FILE OUT`.

A new process is needed because the system reports the peak memory for the whole life of a process.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.speed.rows import NotMeasured

STEPS = ("reading", "network", "post-processing", "measuring", "writing")
"""The steps from the file to the report, in order. The checkpoint is loaded before them."""

PRODUCTS = 4
"""Number of matrix products that are timed before the steps, and again after them."""


def run_in_new_process(source: Path, out: Path, checkpoint: str, side: int) -> dict[str, Any]:
    """Run the steps on a file in a new process.

    Returns the seconds of each step, "peak_gb", "product" (seconds of a float32 matrix product of `side`
    cubed), "engine", "slices", and "run" (the number of slices that the network ran on). Raises `NotMeasured`
    where the process fails.
    """
    options = ["--checkpoint", checkpoint, "--side", str(side)]
    command = [sys.executable, "-m", "benchmarks.speed.steps", str(source), str(out), *options]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise NotMeasured(f"the process ended with {done.stderr.strip().splitlines()[-1:]}")
    return json.loads(done.stdout.splitlines()[-1])


def run_steps(source: Path, out: Path, checkpoint: str, side: int) -> dict[str, Any]:
    """Run the steps in this process; returns what `run_in_new_process` returns."""
    import torch

    from liverseg.core.cpu import usable_processors
    from liverseg.inference.segmenter import Segmenter
    from liverseg.io.write import write_results
    from liverseg.pipeline import analyse

    torch.set_num_threads(usable_processors())
    products = _products(torch, side)
    segmenter = Segmenter.load(checkpoint)
    started = time.perf_counter()
    found = analyse(source, lambda: segmenter)
    analysed = time.perf_counter()
    write_results(out, found.ct, found.seg, found.report)
    written = time.perf_counter()
    peak_gb = peak_bytes() / 1e9
    products += _products(torch, side)
    seg, network, reading = found.seg, found.seg.timing_s["network"], found.seg.timing_s["reading"]
    rest = analysed - started - reading - network - found.measuring_s
    seconds = (reading, network, rest, found.measuring_s, written - analysed)
    skipped = sum(last - first + 1 for first, last in seg.skipped)
    return {
        **dict(zip(STEPS, seconds, strict=True)),
        "peak_gb": peak_gb,
        "product": sorted(products)[len(products) // 2],
        "engine": seg.engine,
        "slices": len(found.ct.hu),
        "run": len(found.ct.hu) - skipped,
    }


def peak_bytes(pid: int | None = None) -> int:
    """The peak memory in bytes of this process, or on Linux of another one.

    Linux reports it in /proc/PID/status. getrusage would include the peak of the parent process.
    """
    status = Path(f"/proc/{pid or 'self'}/status")
    if status.exists():
        lines = status.read_text(encoding="ascii", errors="replace").splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    import resource  # not on every system

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _products(torch: Any, side: int) -> list[float]:
    """Seconds of each of `PRODUCTS` float32 matrix products after a warm-up product."""
    a, b = torch.rand(side, side), torch.rand(side, side)
    ends = []
    for _ in range(PRODUCTS + 2):
        ends.append(time.perf_counter())
        a @ b
    return [end - start for start, end in zip(ends[1:-1], ends[2:], strict=True)]


def main() -> None:
    """Print the result of `run_steps` as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--side", type=int, default=2048, help="of the matrix product")
    args = parser.parse_args()
    sys.stdout.write(json.dumps(run_steps(args.source, args.out, args.checkpoint, args.side)) + "\n")


if __name__ == "__main__":
    main()
