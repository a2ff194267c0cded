"""From a file to a report: the time of each step, the total in units of matrix products, and peak memory."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.speed import phantom_scan
from benchmarks.speed.phantom_scan import DIFFERENT_SLICES, SIDE, SLICES
from benchmarks.speed.rows import Ratio, Row, Spread
from benchmarks.speed.sections import Context
from benchmarks.speed.steps import STEPS, run_in_new_process

BUDGET_S = 150.0
"""No round starts after this time."""
CHECKPOINTS = ("segformer-b0", "segformer-b0-fast")

PEERS_PRODUCTS = 1250
"""The time of two trained 3D U-Nets of the field for liver and lesions of such a scan, in units of a float32
matrix product of 2048 cubed: 125 s on two cores where the product takes 0.1 s."""

TIMES_FASTER = 15
"""The goal against the 3D U-Nets."""
SLICE_GB, SCAN_GB = 1.2, 2.0
"""The goals for the peak memory, in 10⁹ bytes."""


def measure(context: Context) -> list[Row]:
    """A scan as NIfTI and as DICOM with the default checkpoint, a scan with the fast one, and one slice."""
    slices, side, different = (6, 64, 3) if context.quick else (SLICES, SIDE, DIFFERENT_SLICES)
    context.tell(f"making a scan of {slices} slices")
    volume = phantom_scan.scan(slices, different, side)
    nifti = phantom_scan.write(volume, context.scratch / "nifti", "nifti")
    series = phantom_scan.write(volume, context.scratch / "dicom", "dicom")
    lone = phantom_scan.write(phantom_scan.lone_slice(volume), context.scratch / "slice", "nifti")
    default, fast = CHECKPOINTS
    jobs = [
        (f"{default}, .nii.gz", nifti, default),
        (f"{default}, DICOM series", series, default),
        (f"{fast}, .nii.gz", nifti, fast),
        (f"{default}, one slice", lone, default),
    ]
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name, *_ in jobs}
    started = time.monotonic()
    for number in range(1 if context.quick else 3):  # in turn
        if number and time.monotonic() - started > BUDGET_S:
            break
        for name, source, checkpoint in jobs:
            context.tell(f"{name}, {number + 1}")
            product = 128 if context.quick else 2048
            runs[name].append(run_in_new_process(source, context.scratch / "out", checkpoint, product))
    return [_row(name, runs[name], Path(source) != lone) for name, source, _ in jobs]


def _row(name: str, runs: Sequence[dict[str, Any]], is_scan: bool) -> Row:
    """The times of the steps; for a scan also the ratios to the network's time and to the peers."""
    times = {step: Spread.of([run[step] for run in runs]) for step in STEPS}
    peak = Ratio(max(run["peak_gb"] for run in runs), SCAN_GB if is_scan else SLICE_GB, False)
    ratios = {}
    if is_scan:
        products = statistics.median(sum(run[step] for step in STEPS) / run["product"] for run in runs)
        ratios = {
            "all but the network, of the network's time": Ratio(
                statistics.median(_without_network(run) / run["network"] for run in runs),
                1.0,
                higher_is_better=False,
            ),
            "the whole, in float32 matrix products of 2048 cubed": Ratio(
                products, round(PEERS_PRODUCTS / TIMES_FASTER), higher_is_better=False
            ),
            "times faster than two 3D U-Nets of the field": Ratio(PEERS_PRODUCTS / products, TIMES_FASTER),
        }
    ratios["memory at the peak, GB"] = peak
    first = runs[0]
    note = f"{first['engine']}; the network was run on {first['run']} of {first['slices']} slices"
    return Row("scan", name, "s", times, ratios, note)


def _without_network(run: dict[str, Any]) -> float:
    """The seconds of all steps but the network."""
    return sum(run[step] for step in STEPS if step != "network")
