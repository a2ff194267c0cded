"""Layers that more than one architecture uses."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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


class DropsSamples(nn.Module):
    """A layer that draws random numbers for each sample, the same whichever process computes it.

    Of `processes` with one random state, process number `process` has every `processes`-th sample of the
    batch, from its own number. Each draws for the whole batch and takes its samples' numbers.
    """

    process, processes = 0, 1

    def own(self, drawn: Callable[[int], Tensor], samples: int) -> Tensor:
        """Of what `drawn(samples of the whole batch)` gives, the rows of this process's `samples`."""
        return drawn(samples * self.processes)[self.process :: self.processes]


class DropPath(DropsSamples):
    """Stochastic depth: in training, a whole residual branch of a sample is dropped."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return branch
        ones = [1] * (branch.ndim - 1)
        drawn = self.own(lambda samples: torch.rand(samples, *ones, device=branch.device), len(branch))
        return branch * ((drawn >= self.rate) / (1 - self.rate)).to(branch.dtype)


class DropChannels(DropsSamples):
    """Dropout of whole channels, as torch's Dropout2d: a channel of a sample is dropped or scaled."""

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
