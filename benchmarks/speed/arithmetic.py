"""The arithmetic speed of a network as a share of the best matrix product on the machine."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.speed import networks
from benchmarks.speed.peers import need
from benchmarks.speed.rows import NotMeasured, Ratio, Row, Spread
from benchmarks.speed.sections import Context
from benchmarks.speed.timing import in_turn
from liverseg.inference.engines import precision

GOALS = {"segformer-b0": 0.5, "segformer-b2": 0.65}


def measure(context: Context) -> list[Row]:
    """GFLOP/s of the default engine on a 512 × 512 slice and of matrix products of 2048 cubed, in turn."""
    torch.set_num_threads(context.threads)
    side, edge = (128, 256) if context.quick else (512, 2048)
    rows = []
    for name, goal in GOALS.items():
        context.tell(name)
        twins = networks.published(name, side, context.quick)
        engine = networks.default_engine(twins.archive, twins.context_slices, context.scratch)
        is_bfloat16 = precision.BFLOAT16 in engine.name
        hu = networks.slice_hu(side)
        gflop = twins.operations / 1e9
        products = matrix_products(edge, is_bfloat16)
        ours = f"{name}, default engine"
        variants = {**products, ours: lambda engine=engine, hu=hu: engine.run(hu)}
        timings = in_turn(variants, 2 if context.quick else 15, warm_up=2, budget_s=15)
        per_run = {key: 2 * edge**3 / 1e9 if key in products else gflop for key in variants}
        rates = {key: [per_run[key] / s for s in seconds] for key, seconds in timings.seconds.items()}
        best = max(products, key=lambda key: statistics.median(rates[key]))
        share = statistics.median(a / b for a, b in zip(rates[ours], rates[best], strict=True))
        note = f"{gflop:.2f} GFLOP a slice, {engine.name}; the best product is {best}"
        spreads = {key: Spread.of(values) for key, values in rates.items()}
        missing = {} if is_bfloat16 else {"bfloat16": "the processor has neither avx512_bf16 nor AMX"}
        ratios = {"share of the best matrix product": Ratio(share, goal)}
        rows.append(Row("share", name, "GFLOP/s", spreads, ratios, note, missing))
        if context.quick:
            break
    return rows


def matrix_products(edge: int, bfloat16: bool = False) -> dict[str, Callable[[], object]]:
    """Functions that multiply `edge` × `edge` matrices: torch and OpenVINO in float32, torch in bfloat16."""
    a, b = torch.rand(edge, edge), torch.rand(edge, edge)
    out = torch.empty(edge, edge)
    products: dict[str, Callable[[], object]] = {
        "matrix product, torch, float32": lambda: torch.mm(a, b, out=out)
    }
    try:
        products["matrix product, OpenVINO, float32"] = _openvino_product(a.numpy(), b.numpy())
    except NotMeasured:
        pass
    if bfloat16:
        c, d = a.bfloat16(), b.bfloat16()
        products["matrix product, torch, bfloat16"] = lambda: c @ d
    return products


def _openvino_product(a: np.ndarray, b: np.ndarray) -> Callable[[], object]:
    """The product with a matrix that is constant in the compiled model, like the weights of a network."""
    openvino = need("openvino")
    operators = need("openvino.opset13")
    given = operators.parameter(a.shape, np.float32)
    model = openvino.Model([operators.matmul(given, operators.constant(b), False, False)], [given])
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "NUM_STREAMS": 1,
    }
    request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
    return lambda: request.infer([a], share_inputs=True)
