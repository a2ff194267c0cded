"""Layers shared by the architectures: stochastic depth and dropout of channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn


def drop_path_rates(last: float, depths: Sequence[int]) -> list[list[float]]:
    """The rate of each block of each stage, rising linearly from 0 to `last`.

    >>> drop_path_rates(0.5, (2, 1))
    [[0.0, 0.25], [0.5]]
    """
    total = sum(depths)
    rates = [last * number / max(total - 1, 1) for number in range(total)]
    return [[rates.pop(0) for _ in range(depth)] for depth in depths]


class PerSampleDropout(nn.Module):
    """A layer whose random number for a sample does not depend on the process that computes it.

    All `processes` have the same random state. Process number `process` computes every `processes`-th
    sample of the batch, starting with sample number `process`. Each process draws the numbers of the
    whole batch and uses those of its own samples.
    """

    process, processes = 0, 1

    def own(self, draw: Callable[[int], Tensor], samples: int) -> Tensor:
        """The rows of this process's `samples`, out of `draw(number of samples in the whole batch)`."""
        return draw(samples * self.processes)[self.process :: self.processes]


class DropPath(PerSampleDropout):
    """Stochastic depth: in training, each sample's residual branch is dropped with probability `rate`.

    The remaining branches are scaled by 1 / (1 - rate).
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return branch
        ones = [1] * (branch.ndim - 1)
        drawn = self.own(lambda samples: torch.rand(samples, *ones, device=branch.device), len(branch))
        return branch * ((drawn >= self.rate) / (1 - self.rate)).to(branch.dtype)


class DropChannels(PerSampleDropout):
    """Dropout of whole channels of (N, C, H, W), as `torch.nn.Dropout2d`."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, grid: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return grid
        channels = grid.shape[1]
        kept = self.own(
            lambda samples: grid.new_empty(samples, channels, 1, 1).bernoulli_(1 - self.rate), len(grid)
        )
        return grid * (kept / (1 - self.rate))
