"""Slices and training samples per second on a GPU: the torch engine in bfloat16, and `train fit`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.speed import networks
from benchmarks.speed.peers import need
from benchmarks.speed.rows import Ratio, Row, Spread
from benchmarks.speed.sections import Context
from benchmarks.speed.timing import Timings, in_turn

BATCH = 16
"""Slices per call. With one slice per call the GPU waits for the processor."""

NAMES = ("segformer-b0", "segformer-b2")
TRAINING = "segformer-b0, training"
NO_GPU = "torch sees no GPU here"


def measure(context: Context) -> list[Row]:
    """All rows; without a GPU each says that it was not measured."""
    if not torch.cuda.is_available():
        return [Row.unmeasured("gpu", name, NO_GPU) for name in (*NAMES, TRAINING)]
    rows = [slices_row(name, "cuda", context) for name in NAMES]
    return [*rows, training_row(context)]


def slices_row(name: str, device: str, context: Context) -> Row:
    """Slices per second from HU to probabilities in main memory, on a device of torch, transfers included.

    A bfloat16 matrix product on the device is measured for comparison.
    """
    from liverseg.inference.engines.torch_engine import TorchEngine

    side, batch, edge = (128, 2, 256) if context.quick else (512, BATCH, 8192)
    twins = networks.published(name, side, context.quick)
    hu = np.repeat(networks.slice_hu(side), batch, axis=0)
    engine = TorchEngine(twins.archive, twins.context_slices, device=device)
    usual = twins.usual.to(device)
    product = _product(edge, device)

    def eager() -> np.ndarray:
        with torch.inference_mode():
            return usual(torch.from_numpy(hu).to(device)).cpu().numpy()

    timings = in_turn(
        {"ours": lambda: engine.run(hu), "eager": eager, "product": product},
        3 if context.quick else 20,
        warm_up=2,
    )
    ours = f"torch engine, {engine.name}"
    seconds = timings.seconds
    network_operations, product_operations = batch * twins.operations, 2 * edge**3
    share = Timings(
        {
            "ours": [s / network_operations for s in seconds["ours"]],
            "limit": [s / product_operations for s in seconds["product"]],
        }
    )
    return Row(
        "gpu",
        name,
        "slices a second",
        {
            ours: Spread.of([batch / s for s in seconds["ours"]]),
            "transformers, eager, float32": Spread.of([batch / s for s in seconds["eager"]]),
        },
        {
            "torch engine, times faster than transformers, eager, float32": Ratio(
                timings.times_faster("ours", "eager")
            ),
            f"share of a bfloat16 matrix product of {edge} cubed": Ratio(
                1 / share.times_faster("limit", "ours")
            ),
        },
        note=f"{side} × {side}, {batch} at a time",
    )


def _product(edge: int, device: str) -> Callable[[], object]:
    """A function that computes a bfloat16 matrix product and returns once it is complete."""
    a, b = (torch.rand(edge, edge, device=device, dtype=torch.bfloat16) for _ in range(2))
    return lambda: (a @ b)[0, 0].item()


def training_row(context: Context) -> Row:
    """Samples per second of `train fit` against the plain Trainer script, on the GPU if there is one."""
    fit = need("benchmarks.fit")
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "phantoms"
        fit.run_command(["prepare", "phantom:12", str(data)])
        size, batch, steps = (64, 2, 1) if context.quick else (512, 16, 12)
        workload = fit.Workload(data, size, batch, steps, workers=context.threads)
        result = fit.compare_scripts(workload, 1 if context.quick else 3)
    rates = result["samples_per_second"]
    pairs = [ours / plain for ours, plain in zip(rates["ours"], rates["plain"], strict=True)]
    names = {"ours": "train fit", "plain": "plain Trainer script"}
    return Row(
        "gpu",
        TRAINING,
        "samples a second",
        {names[key]: Spread.of(values) for key, values in rates.items()},
        {"train fit, times faster than a plain Trainer script": Ratio(Spread.of(pairs).median)},
        note=f"{size} × {size}, {batch} at a time",
    )
