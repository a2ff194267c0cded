"""The best matrix product of this machine: what the arithmetic of a network is held against."""

from __future__ import annotations

from liverseg.bench.rows import Row
from liverseg.bench.sections import Context
from liverseg.bench.timing import in_turn


def measure(context: Context) -> list[Row]:
    """GFLOP/s of float32 matrix products, through torch."""
    import torch

    torch.set_num_threads(context.threads)
    side = 256 if context.quick else 2048
    a, b = torch.rand(side, side), torch.rand(side, side)
    timings = in_turn({"torch float32": lambda: a @ b}, 3 if context.quick else 15)
    return [Row("matmul", f"{side} cubed", "ms", timings.spreads())]
