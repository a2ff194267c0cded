"""From a file to a report in a process of its own, step by step: `python -m benchmarks.speed.steps FILE OUT`.

A process of its own because the memory that it took at its peak is told by the system for all of its life.
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
"""The whole of the way from the file to the report, in its order. The checkpoint is loaded before."""

PRODUCTS = 4
"""Matrix products that are timed before the steps, and as many after them."""


def measured(source: Path, out: Path, checkpoint: str, side: int) -> dict[str, Any]:
    """Run the steps on a file in a new process: seconds by step, "peak_gb", "product" (seconds of a float32
    matrix product of `side` cubed), "slices" and "run" (those the network was run on).

    Raises `NotMeasured` where the process fails."""
    options = ["--checkpoint", checkpoint, "--side", str(side)]
    command = [sys.executable, "-m", "benchmarks.speed.steps", str(source), str(out), *options]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise NotMeasured(f"the process ended with {done.stderr.strip().splitlines()[-1:]}")
    return json.loads(done.stdout.splitlines()[-1])


def run(source: Path, out: Path, checkpoint: str, side: int) -> dict[str, Any]:
    """The same in this process."""
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
    """The most memory that this program, or on Linux another one, has had.

    Linux tells it in /proc/self/status; getrusage would hand down what the process that started it once had.
    """
    status = Path(f"/proc/{pid or 'self'}/status")
    if status.exists():
        lines = status.read_text(encoding="ascii", errors="replace").splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    import resource  # not on every system

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _products(torch: Any, side: int) -> list[float]:
    """Seconds of each of some float32 matrix products; one before them is not counted."""
    a, b = torch.rand(side, side), torch.rand(side, side)
    ends = []
    for _ in range(PRODUCTS + 2):
        ends.append(time.perf_counter())
        a @ b
    return [end - start for start, end in zip(ends[1:-1], ends[2:], strict=True)]


def main() -> None:
    """Print what `run` found as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--side", type=int, default=2048, help="of the matrix product")
    args = parser.parse_args()
    sys.stdout.write(json.dumps(run(args.source, args.out, args.checkpoint, args.side)) + "\n")


if __name__ == "__main__":
    main()
