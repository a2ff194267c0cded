"""Attention inside windows (LV-MSA, SLV-MSA) and over the whole grid (GV-MSA), with relative positions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from train.architectures.nnformer.windows import (
    crop_to,
    merge,
    pad_to_windows,
    partition,
    positions,
    region_mask,
)


class RelativePositionBias(nn.Module):
    """A learnt number for every head and offset between two tokens, up to `reach` along each axis.

    An offset beyond the reach counts as the reach ("clipped" relative positions, Shaw et al. 2018,
    arXiv 1803.02155). Inside a window it never is; over a whole grid the table is as large as the
    grid of the training crop, and on a larger picture everything farther away is treated like the
    farthest that training has seen. No size is fixed by it, and none needs a table of its own.
    """

    def __init__(self, reach: Sequence[int], heads: int) -> None:
        super().__init__()
        self.reach = tuple(reach)
        self.table = nn.Parameter(torch.zeros(math.prod(2 * r + 1 for r in self.reach), heads))

    def index(self, grid: Tensor) -> Tensor:
        """Row of the table for each pair of tokens of a grid (N, *grid, C): (tokens, tokens) int64."""
        axes = len(self.reach)
        index = None
        for axis, reach in enumerate(self.reach):
            place = positions(grid, axis)
            offset = (place[:, None] - place[None, :]).clamp(-reach, reach) + reach  # (size, size)
            shape = [1] * (2 * axes)
            shape[axis], shape[axes + axis] = offset.shape
            offset = offset.reshape(shape)
            index = offset if index is None else index * (2 * reach + 1) + offset
        tokens = math.prod(grid.shape[1:-1])
        return index.reshape(tokens, tokens)

    def forward(self, grid: Tensor) -> Tensor:
        """(heads, tokens, tokens), to be added to the scores."""
        return self.table[self.index(grid)].permute(2, 0, 1)


class Attention(nn.Module):
    """Multi-head attention on channels-last grids (N, *grid, C), any size.

    With `window` it works inside non-overlapping windows, moved by `shift`; grids that are no whole
    number of windows are padded, and neither padding nor what the roll brings round is attended to.
    Without, `reach` says how far the table of the global attention goes.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        window: Sequence[int] | None,
        shift: Sequence[int] = (),
        reach: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.heads = heads
        self.window = None if window is None else tuple(window)
        self.shift = tuple(shift)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.bias = RelativePositionBias(reach if window is None else [w - 1 for w in window], heads)

    def forward(self, target: Tensor, source: Tensor) -> Tensor:
        """Queries from `target`, keys and values from `source`, both (N, *grid, C); so is the result."""
        if self.window is None:
            tokens = target.flatten(1, -2)[:, None]
            mixed = self.attend(tokens, source.flatten(1, -2)[:, None], self.bias(target))
            return mixed.reshape(target.shape)
        sizes = target.shape[1:-1]
        axes = tuple(range(1, 1 + len(self.window)))
        padded, source_padded = pad_to_windows(target, self.window), pad_to_windows(source, self.window)
        whole = padded.shape[1:-1]
        back = tuple(-step for step in self.shift)
        tokens = partition(self._rolled(padded, back, axes), self.window)
        source_tokens = tokens
        if source is not target:
            source_tokens = partition(self._rolled(source_padded, back, axes), self.window)
        bias = self.bias(tokens[:1, 0].reshape(1, *self.window, -1))
        # A trace must hold for every size; otherwise the mask is left out where it would be zero.
        if torch.jit.is_tracing() or any(self.shift) or tuple(whole) != tuple(sizes):
            bias = bias + region_mask(padded, sizes, self.shift, self.window)
        mixed = merge(self.attend(tokens, source_tokens, bias), self.window, whole)
        return crop_to(self._rolled(mixed, self.shift, axes), sizes, 1)

    def attend(self, target: Tensor, source: Tensor, bias: Tensor) -> Tensor:
        """Plain attention of each window: (N, windows, tokens, C) twice to the same."""
        n, windows, _, width = target.shape
        share = width // self.heads
        query = self.query(target).reshape(n, windows, -1, self.heads, share).transpose(2, 3)
        key_value = self.key_value(source).reshape(n, windows, -1, 2, self.heads, share)
        key, value = key_value.permute(3, 0, 1, 4, 2, 5).unbind(0)  # (N, windows, heads, tokens, c) each
        scores = (query * share**-0.5) @ key.transpose(-2, -1) + bias  # (N, windows, heads, tokens, tokens)
        mixed = scores.softmax(dim=-1).to(value.dtype) @ value
        return self.out(mixed.transpose(2, 3).reshape(n, windows, -1, self.heads * share))

    @staticmethod
    def _rolled(grid: Tensor, steps: Sequence[int], axes: Sequence[int]) -> Tensor:
        return grid.roll(tuple(steps), tuple(axes)) if any(steps) else grid
