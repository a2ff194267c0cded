"""Layers with float16 weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from train.export.float16_weights import with_half_weights


@pytest.mark.parametrize(
    "module, shape",
    [
        (nn.Linear(5, 4), (2, 5)),
        (nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), (1, 4, 7, 6)),
        (nn.Conv3d(2, 3, 3, padding=1), (1, 2, 4, 5, 6)),
        (nn.ConvTranspose2d(3, 2, 2, stride=2), (1, 3, 4, 5)),
        (nn.ConvTranspose3d(3, 2, (1, 2, 2), stride=(1, 2, 2), bias=False), (1, 3, 2, 4, 5)),
    ],
)  # fmt: skip
def test_half_layers_compute_like_float32_layers_with_rounded_weights(module, shape):
    stored = with_half_weights(nn.Sequential(module))
    assert stored[0].weight.dtype == torch.float16 and module.weight.dtype == torch.float32
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(parameter.half())
    picture = torch.randn(shape)
    assert torch.equal(stored(picture), module(picture))
