"""One slice of 512 × 512: our engines and their peers on the same weights, in turn, with equal threads."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping

import numpy as np
import torch

from benchmarks.speed import networks
from benchmarks.speed.networks import Twins
from benchmarks.speed.peers import need
from benchmarks.speed.rows import NotMeasured, Ratio, Row
from benchmarks.speed.sections import Context
from benchmarks.speed.timing import in_turn
from liverseg.inference.engines import precision

EAGER = "transformers, eager, float32"
SCRIPT = "transformers, TorchScript, float32"
TORCH = "liverseg, torch engine, float32"
TORCH_BF16 = "liverseg, torch engine, bfloat16"
OPENVINO = "OpenVINO on the Hugging Face graph, float32"
ORT = "ONNX Runtime on the Hugging Face graph, float32"
DEFAULT = "liverseg, default engine"

LABELS_EQUAL = 0.999
"""The share of pixels whose label must be that of transformers in float32."""

Run = Callable[[np.ndarray], np.ndarray]
"""(1, 1, H, W) float32 HU to (1, 3, H, W) probabilities."""


def measure(context: Context) -> list[Row]:
    """B0 and B2 as they were published with random weights, then the bundled checkpoint."""
    torch.set_num_threads(context.threads)
    side = 128 if context.quick else 512
    rows = []
    for size, goals in {
        "segformer-b0": {EAGER: 8.0, OPENVINO: 1.3, ORT: 2.0},
        "segformer-b2": {EAGER: 10.0},
    }.items():
        context.tell(size)
        rows.append(row_of(networks.published(size, side, context.quick), side, goals, context))
        if context.quick:
            return rows
    from liverseg.inference.segmenter import find_checkpoint

    context.tell("the bundled checkpoint")
    twins = networks.bundled(find_checkpoint("segformer-b0"))
    return [*rows, row_of(twins, side, {}, context)]


def row_of(twins: Twins, side: int, goals: Mapping[str, float], context: Context) -> Row:
    """Every variant on a phantom slice; `goals` are the default engine's, by whom it is compared with."""
    hu = networks.slice_hu(side)
    variants, missing, precisions = _variants(twins, side, context)
    reference = variants[EAGER](hu)
    timings = in_turn(
        {name: lambda run=run: run(hu) for name, run in variants.items()},
        2 if context.quick else 15,
        warm_up=1,
        budget_s=25,
    )
    ratios: dict[str, Ratio] = {}
    for peer in (EAGER, SCRIPT, OPENVINO, ORT):
        if peer in variants:
            value = timings.times_faster(DEFAULT, peer)
            ratios[f"default engine, times faster than {peer}"] = Ratio(value, goals.get(peer))
    for name, least in ((TORCH, 2.0), (TORCH_BF16, 3.0)):
        if name in variants:
            words = f"{name.removeprefix('liverseg, ')}, times faster than {EAGER}"
            ratios[words] = Ratio(timings.times_faster(name, EAGER), least if goals else None)
    for name in (DEFAULT, TORCH):
        equal = precision.labels_equal(reference, variants[name](hu))
        words = f"{name.removeprefix('liverseg, ')}, labels equal to those of {EAGER}"
        ratios[words] = Ratio(equal, LABELS_EQUAL)
    note = f"{side} × {side}, the network at {twins.working_size}; the default engine is {precisions}"
    return Row("slice", twins.name, "ms", timings.spreads(), ratios, note, missing)


def _variants(twins: Twins, side: int, context: Context) -> tuple[dict[str, Run], dict[str, str], str]:
    """What can be run here, why the rest cannot, and what the default engine is."""
    from liverseg.inference.engines.torch_engine import TorchEngine

    usual = twins.usual
    script = networks.traced(usual, side)
    default = networks.default_engine(twins.archive, twins.context_slices, context.scratch)
    exact = TorchEngine(twins.archive)  # without the slices it stays in float32
    variants: dict[str, Run] = {EAGER: _torch(usual), SCRIPT: _torch(_loaded(script)), TORCH: exact.run}
    missing = {}
    if not precision.has_bfloat16():
        missing[TORCH_BF16] = "the processor has neither avx512_bf16 nor AMX"
    else:
        rounded = TorchEngine(twins.archive, twins.context_slices)
        if precision.BFLOAT16 in rounded.name:
            variants[TORCH_BF16] = rounded.run
        else:
            missing[TORCH_BF16] = "it changes too many labels of this network"
    for name, make in ((OPENVINO, _openvino), (ORT, _onnxruntime)):
        try:
            variants[name] = make(usual, script, side, context.threads)
        except NotMeasured as reason:
            missing[name] = str(reason)
    variants[DEFAULT] = default.run
    return variants, missing, default.name


def _torch(module: torch.nn.Module) -> Run:
    def run(hu: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return module(torch.from_numpy(hu)).numpy()

    return run


def _loaded(script: bytes) -> torch.jit.ScriptModule:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.load(io.BytesIO(script))


def _openvino(usual: torch.nn.Module, script: bytes, side: int, threads: int) -> Run:
    """The Hugging Face graph as it is, converted by OpenVINO, at a fixed size as it likes best."""
    openvino = need("openvino")
    model = openvino.convert_model(_loaded(script), input=[([1, 1, side, side], openvino.Type.f32)])
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1}
    request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
    return lambda hu: request.infer([hu])[0].copy()


def _onnxruntime(usual: torch.nn.Module, script: bytes, side: int, threads: int) -> Run:
    """The same graph as ONNX, with every optimisation of ONNX Runtime."""
    runtime = need("onnxruntime")
    need("onnx")
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        example = torch.zeros(1, 1, side, side)
        torch.onnx.export(usual, (example,), buffer, dynamo=False, opset_version=17, input_names=["hu"])
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = runtime.InferenceSession(buffer.getvalue(), options, providers=["CPUExecutionProvider"])
    return lambda hu: session.run(None, {"hu": hu})[0]
