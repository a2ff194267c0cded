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
        return F.linear(tokens, self.weight.float(), _float(self.bias))


class HalfConv2d(nn.Conv2d):
    """A convolution whose stored weights are float16."""

    def forward(self, grid: Tensor) -> Tensor:
        return self._conv_forward(grid, self.weight.float(), _float(self.bias))


class HalfConv3d(nn.Conv3d):
    """The same for volumes."""

    def forward(self, grid: Tensor) -> Tensor:
        return self._conv_forward(grid, self.weight.float(), _float(self.bias))


class HalfConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution whose stored weights are float16; the output's size is the natural one."""

    def forward(self, grid: Tensor) -> Tensor:
        weight, bias = self.weight.float(), _float(self.bias)
        return F.conv_transpose2d(
            grid, weight, bias, self.stride, self.padding, self.output_padding, self.groups, self.dilation
        )


class HalfConvTranspose3d(nn.ConvTranspose3d):
    """The same for volumes."""

    def forward(self, grid: Tensor) -> Tensor:
        weight, bias = self.weight.float(), _float(self.bias)
        return F.conv_transpose3d(
            grid, weight, bias, self.stride, self.padding, self.output_padding, self.groups, self.dilation
        )


_STORED = {
    nn.Linear: HalfLinear,
    nn.Conv2d: HalfConv2d,
    nn.Conv3d: HalfConv3d,
    nn.ConvTranspose2d: HalfConvTranspose2d,
    nn.ConvTranspose3d: HalfConvTranspose3d,
}


def _float(bias: Tensor | None) -> Tensor | None:
    return None if bias is None else bias.float()


def with_half_weights(network: nn.Module) -> nn.Module:
    """A copy whose matrices are stored as float16; norms and tables, which are small, stay float32."""
    network = copy.deepcopy(network)
    for module in network.modules():
        if type(module) in _STORED:
            module.half()
            module.__class__ = _STORED[type(module)]
    return network
