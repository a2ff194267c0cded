"""Relative position bias: a learnt number for each attention head and each offset between two tokens."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from train.models.nnformer.windows import axis_positions


def window_index(window: Sequence[int]) -> Tensor:
    """(tokens, tokens) int64: the row of the bias table for each pair of tokens of a window.

    Along an axis of w tokens, offsets are -(w - 1) to w - 1. The row is a mixed-radix number with one
    digit per axis, in base 2 w - 1.

    >>> window_index((2, 2)).tolist()
    [[4, 3, 1, 0], [5, 4, 2, 1], [7, 6, 4, 3], [8, 7, 5, 4]]
    """
    tokens = torch.tensor(list(itertools.product(*(range(side) for side in window))))  # (tokens, axes)
    offsets = tokens[:, None] - tokens[None, :]
    index = torch.zeros(offsets.shape[:2], dtype=torch.int64)
    for axis, side in enumerate(window):
        index = index * (2 * side - 1) + offsets[..., axis] + side - 1
    return index


class WindowBias(nn.Module):
    """The bias inside a window: the table has one row for each possible offset."""

    def __init__(self, window: Sequence[int], heads: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(math.prod(2 * side - 1 for side in window), heads))
        # int16, because every block of an exported network contains one.
        self.register_buffer("index", window_index(window).to(torch.int16), persistent=False)

    def forward(self) -> Tensor:
        """(heads, tokens, tokens), to be added to the attention scores."""
        return self.table[self.index.long()].permute(2, 0, 1)


class GlobalBias(nn.Module):
    """The bias over a whole grid of any size: offsets are clipped at `reach` along each axis.

    These are the "clipped" relative positions of Shaw et al. 2018 (arXiv 1803.02155). The reach is that
    of a training crop's grid, so the table contains every offset that occurs in training. On a larger
    picture, larger offsets use the row of the largest one. One table therefore serves all sizes.
    """

    def __init__(self, reach: Sequence[int], heads: int) -> None:
        super().__init__()
        self.reach = tuple(reach)
        self.table = nn.Parameter(torch.zeros(math.prod(2 * r + 1 for r in self.reach), heads))

    def index(self, grid: Tensor) -> Tensor:
        """(tokens, tokens) int64: the row of the table for each pair of tokens of a grid (N, *grid, C)."""
        axes = len(self.reach)
        index: Tensor | int = 0
        for axis, reach in enumerate(self.reach):
            position = axis_positions(grid, axis)
            offset = (position[:, None] - position[None, :]).clamp(-reach, reach) + reach  # (size, size)
            shape = [1] * (2 * axes)
            shape[axis], shape[axes + axis] = offset.shape
            index = index * (2 * reach + 1) + offset.reshape(shape)
        tokens = math.prod(grid.shape[1:-1])
        return index.reshape(tokens, tokens)

    def forward(self, grid: Tensor) -> Tensor:
        """(heads, tokens, tokens), to be added to the attention scores."""
        return self.table[self.index(grid)].permute(2, 0, 1)
