"""Weights stored as float16 and computed with as float32: half the file, the same arithmetic.

Rounding weights to 11 bits moves probabilities by less than a thousandth; rounding activations
would move them by more and is slower on most processors.
"""

from __future__ import annotations

import copy

import torch.nn.functional as F
from torch import Tensor, nn


class HalfLinear(nn.Linear):
    """A linear layer whose stored weights are float16."""

    def forward(self, tokens: Tensor) -> Tensor:
        return F.linear(tokens, self.weight.float(), None if self.bias is None else self.bias.float())


class HalfConv2d(nn.Conv2d):
    """A convolution whose stored weights are float16."""

    def forward(self, grid: Tensor) -> Tensor:
        return self._conv_forward(grid, self.weight.float(), None if self.bias is None else self.bias.float())


_STORED = {nn.Linear: HalfLinear, nn.Conv2d: HalfConv2d}


def with_half_weights(network: nn.Module) -> nn.Module:
    """A copy whose matrices are stored as float16; norms, which are small, stay float32."""
    network = copy.deepcopy(network)
    for module in network.modules():
        if type(module) in _STORED:
            module.half()
            module.__class__ = _STORED[type(module)]
    return network
