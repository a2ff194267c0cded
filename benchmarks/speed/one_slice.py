"""One slice of 512 × 512: liverseg's engines and peers with the same weights and threads, in turn."""

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
TORCHSCRIPT = "transformers, TorchScript, float32"
TORCH = "liverseg, torch engine, float32"
TORCH_BF16 = "liverseg, torch engine, bfloat16"
OPENVINO = "OpenVINO on the Hugging Face graph, float32"
ORT = "ONNX Runtime on the Hugging Face graph, float32"
DEFAULT = "liverseg, default engine"

LABELS_GOAL = 0.999
"""The goal for the share of pixels with the same label as transformers in float32."""

Forward = Callable[[np.ndarray], np.ndarray]
"""Maps float32 HU (1, 1, H, W) to probabilities (1, 3, H, W)."""


def measure(context: Context) -> list[Row]:
    """SegFormer-B0 and B2 with random weights, then the bundled checkpoint."""
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
    """Every variant on a phantom slice. `goals` maps a peer to the default engine's goal against it."""
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
    for peer in (EAGER, TORCHSCRIPT, OPENVINO, ORT):
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
        ratios[words] = Ratio(equal, LABELS_GOAL)
    note = f"{side} × {side}, the network at {twins.working_size}; the default engine is {precisions}"
    return Row("slice", twins.name, "ms", timings.spreads(), ratios, note, missing)


def _variants(twins: Twins, side: int, context: Context) -> tuple[dict[str, Forward], dict[str, str], str]:
    """The variants that can run here, the reasons why others cannot, and the name of the default engine."""
    from liverseg.inference.engines.torch_engine import TorchEngine

    usual = twins.usual
    script = networks.traced(usual, side)
    default = networks.default_engine(twins.archive, twins.context_slices, context.scratch)
    exact = TorchEngine(twins.archive)  # without `context_slices` it stays in float32
    variants: dict[str, Forward] = {
        EAGER: _torch(usual),
        TORCHSCRIPT: _torch(_loaded(script)),
        TORCH: exact.run,
    }
    missing = {}
    if not precision.cpu_has_bfloat16():
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


def _torch(module: torch.nn.Module) -> Forward:
    def run(hu: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return module(torch.from_numpy(hu)).numpy()

    return run


def _loaded(script: bytes) -> torch.jit.ScriptModule:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.load(io.BytesIO(script))


def _openvino(usual: torch.nn.Module, script: bytes, side: int, threads: int) -> Forward:
    """The unchanged Hugging Face graph, converted by OpenVINO for a fixed input size, its fastest mode."""
    openvino = need("openvino")
    model = openvino.convert_model(_loaded(script), input=[([1, 1, side, side], openvino.Type.f32)])
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1}
    request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
    return lambda hu: request.infer([hu])[0].copy()


def _onnxruntime(usual: torch.nn.Module, script: bytes, side: int, threads: int) -> Forward:
    """The unchanged Hugging Face graph as ONNX, with all optimisations of ONNX Runtime."""
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
