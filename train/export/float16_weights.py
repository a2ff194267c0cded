"""Layers that store their weights as float16 and compute in float32, which halves the file.

Rounding weights to 11 significant bits changes probabilities by less than 0.001. Computing in float16 would
change them more and is slower on most CPUs.
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
    """A 3D convolution whose stored weights are float16."""

    def forward(self, grid: Tensor) -> Tensor:
        return self._conv_forward(grid, self.weight.float(), _float(self.bias))


class HalfConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution whose stored weights are float16; its output has the default size."""

    def forward(self, grid: Tensor) -> Tensor:
        weight, bias = self.weight.float(), _float(self.bias)
        return F.conv_transpose2d(
            grid, weight, bias, self.stride, self.padding, self.output_padding, self.groups, self.dilation
        )


class HalfConvTranspose3d(nn.ConvTranspose3d):
    """A 3D transposed convolution whose stored weights are float16; its output has the default size."""

    def forward(self, grid: Tensor) -> Tensor:
        weight, bias = self.weight.float(), _float(self.bias)
        return F.conv_transpose3d(
            grid, weight, bias, self.stride, self.padding, self.output_padding, self.groups, self.dilation
        )


_HALF_LAYERS = {
    nn.Linear: HalfLinear,
    nn.Conv2d: HalfConv2d,
    nn.Conv3d: HalfConv3d,
    nn.ConvTranspose2d: HalfConvTranspose2d,
    nn.ConvTranspose3d: HalfConvTranspose3d,
}


def _float(bias: Tensor | None) -> Tensor | None:
    return None if bias is None else bias.float()


def with_half_weights(network: nn.Module) -> nn.Module:
    """A copy of the network with linear and convolution layers stored as float16.

    Norms and position tables, which are small, stay float32.
    """
    network = copy.deepcopy(network)
    for module in network.modules():
        if type(module) in _HALF_LAYERS:
            module.half()
            module.__class__ = _HALF_LAYERS[type(module)]
    return network
