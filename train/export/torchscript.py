"""A network inside contract 1's graph, as TorchScript whose sizes are free and whose weights are float16."""

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
"""What the network is traced with; nothing of it is fixed in the result."""


def script(network: nn.Module, spec: InputSpec) -> torch.jit.ScriptModule:
    """HU to probabilities as contract 1 has it, for slices or for volumes as `spec.kind` says.

    `network` is the one that `for_inference()` gives, made for the spec's number of channels. Batch,
    height and width (and depth) stay free, whatever the network was traced with.
    """
    windows = [Window(w.center_hu, w.width_hu) for w in spec.windows]
    volume = spec.kind == "volume"
    channels = len(windows) if volume else network_channels(windows, spec.context_slices)
    example = torch.zeros(1, channels, *(VOLUME_EXAMPLE if volume else SLICE_EXAMPLE))
    with warnings.catch_warnings(), torch.inference_mode(False), torch.no_grad():
        warnings.simplefilter("ignore")  # TorchScript's deprecation; the tracer's notes on shapes
        traced = torch.jit.trace(with_half_weights(network), example, check_trace=False)
        graph: nn.Module
        if volume:
            graph = HuToProbabilitiesVolume(traced, windows)
        else:
            graph = HuToProbabilities(traced, windows, spec.working_size, spec.context_slices)
        return torch.jit.script(graph.eval())


def with_calibration(module: nn.Module, slope: float, shift: float) -> torch.jit.ScriptModule:
    """A module of contract 1 with its tumour probability calibrated; one module where `script` made one."""
    kind = CalibratedHuToProbabilities if hasattr(module, "working_size") else CalibratedTumour
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript's deprecation
        return torch.jit.script(kind(module, slope, shift).eval())
