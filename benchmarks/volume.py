"""Peak memory and time of a whole scan: reading, segmenting, measuring and, with --out, writing.

To save time the scan is made of few different phantom slices, each repeated with its own noise. The peak is
that of the whole process.

  python -m benchmarks.volume --slices 500 --made 50
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nibabel
import numpy as np

from liverseg import phantom

LIMIT_GB = 2.0
"""Memory limit of the process for 500 slices of 512 × 512, in 10⁹ bytes."""


def write_scan(path: Path, slices: int, made: int, side: int, seed: int, empty: float) -> None:
    """Write a NIfTI volume of `slices` slices, `made` of them different; a share `empty` shows no liver."""
    shown = round(slices * (1 - empty))
    scan = phantom.make("volume", seed=seed, size=side, slices=made)
    order = np.round(np.linspace(0, made - 1, shown)).astype(int)
    before = (slices - shown) // 2
    hu = np.full((slices, side, side), -1000, np.int16)
    hu[:, side // 4 : -side // 4, side // 6 : -side // 6] = 20
    rng = np.random.default_rng(seed)
    for k, source in enumerate(order):
        noise = rng.normal(0, 5, (side, side))
        hu[before + k] = np.clip(np.rint(scan.hu[source] + noise), -1024, 3071)
    depth = scan.spacing_mm[0] * made / shown
    affine = np.diag([-scan.spacing_mm[2], -scan.spacing_mm[1], depth, 1.0])
    nibabel.save(nibabel.Nifti1Image(hu.transpose(2, 1, 0), affine), path)


def memory_gb() -> tuple[float, float]:
    """Resident memory of this process now and at its peak, in 10⁹ bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    now = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return now * 1024 / 1e9, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


class StepLog:
    """The time of each step, and the memory after it."""

    def __init__(self) -> None:
        self.rows: list[dict] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        now, peak = memory_gb()
        self.rows.append(
            {"step": name, "s": time.perf_counter() - started, "resident_gb": now, "peak_gb": peak}
        )
        print(f"{name:<12} {self.rows[-1]['s']:8.1f} s   {now:5.2f} GB resident, {peak:5.2f} GB at the peak")


def run_steps(source: Path, args: argparse.Namespace) -> list[dict]:
    """Run every step of the command `segment` on a file; returns time and memory of each."""
    steps = StepLog()
    with steps.step("import"):
        import liverseg
        from liverseg.inference.segmenter import Segmenter
        from liverseg.io.write import write_results
    with steps.step("load"):
        segmenter = Segmenter.load(args.checkpoint, engine=args.engine)
    with steps.step("read"):
        ct = liverseg.read(source)
    with steps.step("segment"):
        seg = segmenter.segment(ct, keep_all=args.keep_all)
    with steps.step("measure"):
        report = liverseg.measure(ct, seg)
    with steps.step("threshold"):
        seg.at_threshold(0.7)
    if args.out:
        with steps.step("write"), tempfile.TemporaryDirectory() as folder:
            write_results(folder, ct, seg, report)
    run_slices = len(ct.hu) - sum(last - first + 1 for first, last in seg.skipped)
    print(f"{run_slices} of {len(ct.hu)} slices were run; {len(report.lesions)} lesions; {seg.removed}")
    return steps.rows


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="example:\n  " + __doc__.splitlines()[-1].strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--slices", type=int, default=500)
    parser.add_argument("--made", type=int, default=50, help="different slices among them (default 50)")
    parser.add_argument("--side", type=int, default=512, help="rows and columns (default 512)")
    parser.add_argument("--empty", type=float, default=0.0, help="share of slices without liver (default 0)")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--checkpoint", default=None)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--keep-all", action="store_true", help="run every slice, remove nothing")
    parser.add_argument("--out", action="store_true", help="write the results too")
    parser.add_argument("--scan", type=Path, help="a file to use instead of a phantom")
    args = parser.parse_args()
    if args.scan:
        rows = run_steps(args.scan, args)
    else:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "ct.nii.gz")
            # In another process, so that making the scan does not count in the measured peak.
            import multiprocessing

            maker = multiprocessing.get_context("spawn").Process(
                target=write_scan, args=(source, args.slices, args.made, args.side, args.seed, args.empty)
            )
            maker.start()
            maker.join()
            if maker.exitcode:
                return 1
            rows = run_steps(source, args)
    print(json.dumps({"slices": args.slices, "side": args.side, "steps": rows}))
    return int(args.slices <= 500 and args.side <= 512 and rows[-1]["peak_gb"] >= LIMIT_GB)


if __name__ == "__main__":
    sys.exit(main())
