"""The optimiser, the schedules of learning rate and resolution, the precision, and the seed of a step."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn

from train.fit.settings import FitSettings

ENCODERS = ("stages.", "embed.", "encoder.", "down.")
"""Beginnings of the names of an encoder's weights, in SegFormer and nnFormer."""


def new_optimiser(network: nn.Module, settings: FitSettings) -> torch.optim.Optimizer:
    """AdamW with weight decay for matrices and kernels but not for biases and norms.

    The key `peak` of a group is its highest learning rate. Encoder and other weights are groups of their own
    only where their rates differ.
    """
    common, encoder, head = settings.learning_rates
    named = list(network.named_parameters())
    parts = [(common, [p for _, p in named])]
    if encoder != head:
        parts = [
            (encoder, [p for name, p in named if name.startswith(ENCODERS)]),
            (head, [p for name, p in named if not name.startswith(ENCODERS)]),
        ]
    elif encoder != common:
        parts = [(encoder, [p for _, p in named])]
    groups = [
        {"params": [p for p in weights if (p.ndim > 1) == decays], "weight_decay": decay, "peak": peak}
        for peak, weights in parts
        for decays, decay in ((True, settings.weight_decay), (False, 0.0))
    ]
    return torch.optim.AdamW(groups, lr=common)


def set_learning_rates(optimiser: torch.optim.Optimizer, seen: int, settings: FitSettings) -> None:
    """Set the learning rate of every group after `seen` samples."""
    share = learning_rate(seen, settings) / settings.learning_rate
    for group in optimiser.param_groups:
        group["lr"] = share * group.get("peak", settings.learning_rate)  # older runs have no `peak`


def learning_rate(seen: int, settings: FitSettings) -> float:
    """The learning rate after `seen` samples: a half cosine down to 1 %, with a linear warm-up.

    >>> settings = FitSettings(data=(("data", 1.0, 0.0),), samples=100, warmup=10, learning_rate=1.0)
    >>> [round(learning_rate(seen, settings), 3) for seen in (0, 50, 100)]
    [0.1, 0.505, 0.01]
    """
    warm = min(1.0, (seen + 1) / max(settings.warmup_samples, 1))
    progress = min(1.0, seen / settings.samples)
    return settings.learning_rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))


def seed_step(seed: int, step: int) -> None:
    """Seed torch for dropout and stochastic depth, from the run's seed and the step alone.

    A resume therefore needs no random state. All processes use the same seed, because each draws for the
    whole batch (`train.models.layers.PerSampleDropout`).
    """
    words = np.random.SeedSequence([seed, step, 0]).generate_state(2)
    torch.manual_seed(int(words[0]) << 31 ^ int(words[1]))


def resolution(step: int, settings: FitSettings, stages: int = 4) -> float:
    """The resolution at a step as a share of the full one; progressive resizing raises it in equal stages.

    >>> settings = FitSettings(data=(("data", 1.0, 0.0),), samples=160, crop=256, progressive=128)
    >>> [round(resolution(step, settings), 3) for step in range(10)]
    [0.5, 0.5, 0.5, 0.667, 0.667, 0.833, 0.833, 0.833, 1.0, 1.0]
    """
    if settings.progressive is None:
        return 1.0
    low = settings.progressive / settings.crop
    stage = step * stages // settings.steps
    return low + (1 - low) * min(stage, stages - 1) / (stages - 1)


def autocast_dtype(precision: str, device: torch.device) -> torch.dtype:
    """The dtype of matrix products.

    "auto" is bf16 where the device supports it in hardware, else fp16 on a GPU and fp32 on a CPU.
    """
    if precision == "auto":
        precision = "fp32"
        if device.type == "cuda":  # GPUs before compute capability 8.0 emulate bf16
            precision = "bf16" if torch.cuda.get_device_capability(device) >= (8, 0) else "fp16"
        elif device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported():
            precision = "bf16"
    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
