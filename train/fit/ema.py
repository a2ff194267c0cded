"""The exponential moving average of the weights, which is what a run scores and exports."""

from __future__ import annotations

import copy

import torch
from torch import nn


class WeightAverage:
    """Exponential moving average of a network's parameters and buffers.

    The decay is lower during the first updates, so that the initial weights are forgotten quickly.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.network = copy.deepcopy(network).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Move the averages towards the present weights of `network`; integer buffers are copied."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        current = network.state_dict()
        averages, values = [], []
        for name, average in self.network.state_dict().items():
            if average.dtype.is_floating_point:
                averages.append(average)
                values.append(current[name])
            else:
                average.copy_(current[name])
        torch._foreach_lerp_(averages, values, 1 - decay)  # one kernel for all tensors
