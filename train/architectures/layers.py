"""Layers that more than one architecture uses."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def drop_path_rates(last: float, depths: Sequence[int]) -> list[list[float]]:
    """The rate of every block of every stage, rising evenly from 0 to `last`.

    >>> drop_path_rates(0.5, (2, 1))
    [[0.0, 0.25], [0.5]]
    """
    total = sum(depths)
    rates = [last * number / max(total - 1, 1) for number in range(total)]
    return [[rates.pop(0) for _ in range(depth)] for depth in depths]


class DropPath(nn.Module):
    """Stochastic depth: in training, a whole residual branch of a sample is dropped."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return branch
        keep = torch.rand(branch.shape[0], *[1] * (branch.ndim - 1), device=branch.device) >= self.rate
        return branch * (keep / (1 - self.rate)).to(branch.dtype)
