"""The checkpoint graph around a network as TorchScript, for inputs of any size, with float16 weights."""

from __future__ import annotations

import warnings

import torch
from torch import nn

from liverseg.core.window import Window
from registry import InputSpec
from train.export.float16_weights import with_half_weights
from train.models.graph import (
    CalibratedHuToProbabilities,
    CalibratedTumour,
    HuToProbabilities,
    HuToProbabilitiesVolume,
    network_channels,
)

SLICE_EXAMPLE = (128, 160)
VOLUME_EXAMPLE = (16, 64, 96)
"""Sizes of the inputs for tracing, pixels and voxels; the traced network takes other sizes too."""


def script(network: nn.Module, spec: InputSpec) -> torch.jit.ScriptModule:
    """The checkpoint graph, HU to probabilities, for slices or volumes according to `spec.kind`.

    `network` is the result of `for_inference()` and has the number of input channels of the spec. The batch
    size, height, width and depth of the input are not fixed by tracing.
    """
    windows = [Window(w.center_hu, w.width_hu) for w in spec.windows]
    volume = spec.kind == "volume"
    channels = len(windows) if volume else network_channels(windows, spec.context_slices)
    example = torch.zeros(1, channels, *(VOLUME_EXAMPLE if volume else SLICE_EXAMPLE))
    with warnings.catch_warnings(), torch.inference_mode(False), torch.no_grad():
        warnings.simplefilter("ignore")  # TorchScript's deprecation and the tracer's notes on shapes
        traced = torch.jit.trace(with_half_weights(network), example, check_trace=False)
        graph: nn.Module
        if volume:
            graph = HuToProbabilitiesVolume(traced, windows)
        else:
            graph = HuToProbabilities(traced, windows, spec.working_size, spec.context_slices)
        return torch.jit.script(graph.eval())


def with_calibration(module: nn.Module, slope: float, shift: float) -> torch.jit.ScriptModule:
    """A checkpoint graph with calibrated tumour probability.

    For a graph of slices the result is one flat module; any other module is wrapped.
    """
    kind = CalibratedHuToProbabilities if hasattr(module, "working_size") else CalibratedTumour
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript's deprecation
        return torch.jit.script(kind(module, slope, shift).eval())
