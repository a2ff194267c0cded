"""The optimiser, its learning rate, its arithmetic's precision and the randomness of each step."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn

from train.fit.settings import FitSettings


def new_optimiser(network: nn.Module, settings: FitSettings) -> torch.optim.Optimizer:
    """AdamW; matrices decay, biases and norms do not."""
    matrices = [p for p in network.parameters() if p.ndim > 1]
    rest = [p for p in network.parameters() if p.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": rest, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate)


def learning_rate(seen: int, settings: FitSettings) -> float:
    """Linear warm-up, then half a cosine down to a hundredth.

    >>> settings = FitSettings(data=(("data", 1.0, 0.0),), samples=100, warmup=10, learning_rate=1.0)
    >>> [round(learning_rate(seen, settings), 3) for seen in (0, 50, 100)]
    [0.1, 0.505, 0.01]
    """
    warm = min(1.0, (seen + 1) / max(settings.warmup, 1))
    progress = min(1.0, seen / settings.samples)
    return settings.learning_rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))


def seed_step(seed: int, step: int) -> None:
    """Set what dropout and stochastic depth draw from: by step, so that a resume needs no state.

    The same in every process: each draws for the whole batch (`train.models.layers.DropsSamples`).
    """
    words = np.random.SeedSequence([seed, step, 0]).generate_state(2)
    torch.manual_seed(int(words[0]) << 31 ^ int(words[1]))


def resolution(step: int, settings: FitSettings, stages: int = 4) -> float:
    """Share of the full resolution at a step: progressive resizing grows it linearly, in stages.

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
    """What matrices are multiplied in; "auto" is bf16 where the device computes in it natively."""
    if precision == "auto":
        precision = "fp32"
        if device.type == "cuda":  # T4 and V100 only emulate bf16
            precision = "bf16" if torch.cuda.get_device_capability(device) >= (8, 0) else "fp16"
        elif device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported():
            precision = "bf16"
    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
