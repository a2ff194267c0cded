"""Windows on grids: pure functions on channels-last grids (N, *grid, C) with two or three axes.

A trace of this code works for all sizes: sizes are used in divisions, padding and reshapes, but not in
comparisons. Positions are counted on the grid itself, so they are on its device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

NEVER = -1e4
"""Added to the score of a pair that must not attend; its weight becomes exactly 0, also in float16."""


@dataclass(frozen=True)
class Tiling:
    """The division of a stage's grid into windows, computed once and shared by the stage's blocks."""

    window: tuple[int, ...]  # tokens along each axis
    sizes: tuple[int, ...]  # size of the grid
    counts: tuple[int, ...]  # windows along each axis; the last one may contain padding
    mask: Tensor | None  # (windows, 1, tokens, tokens), added to the scores; None without padding
    shifted_mask: Tensor  # the same for windows shifted by half

    @staticmethod
    def of(grid: Tensor, window: Sequence[int]) -> Tiling:
        """The tiling for the size of a grid (N, *grid, C)."""
        sizes = tuple(grid.shape[1:-1])
        counts = tuple((size + side - 1) // side for size, side in zip(sizes, window, strict=True))
        unmasked = Tiling(tuple(window), sizes, counts, None, grid)
        real = unmasked.pad(torch.ones_like(grid[:1, ..., :1]))  # (1, *whole, 1), 0 on padding
        # A trace must work for every size, so it always has the mask; otherwise an all-zero one is omitted.
        needed = torch.jit.is_tracing() or sizes != tuple(real.shape[1:-1])
        mask = region_mask(real, window, counts, [0] * len(sizes)) if needed else None
        shifted_mask = region_mask(real, window, counts, half_window(window))
        return Tiling(unmasked.window, sizes, counts, mask, shifted_mask)

    def pad(self, grid: Tensor) -> Tensor:
        """(N, *sizes, C) padded with zeros at the end of every axis, up to whole windows."""
        padding = [0, 0]  # none for the channels
        for count, side, size in zip(self.counts[::-1], self.window[::-1], self.sizes[::-1], strict=True):
            padding += [0, count * side - size]
        return F.pad(grid, padding)

    def crop(self, grid: Tensor) -> Tensor:
        """The inverse of `pad`."""
        return crop_to(grid, self.sizes, 1)

    def partition(self, grid: Tensor) -> Tensor:
        """(N, *whole, C) to (N, windows, tokens, C)."""
        return partition_windows(grid, self.window, self.counts)

    def merge(self, tokens: Tensor) -> Tensor:
        """The inverse of `partition`."""
        axes = len(self.window)
        tokens = tokens.reshape(-1, *self.counts, *self.window, tokens.shape[-1])
        pairs = zip(range(1, axes + 1), range(axes + 1, 2 * axes + 1), strict=True)
        tokens = tokens.permute(0, *(axis for pair in pairs for axis in pair), 2 * axes + 1)
        whole = [count * side for count, side in zip(self.counts, self.window, strict=True)]
        return tokens.reshape(-1, *whole, tokens.shape[-1])


def half_window(window: Sequence[int]) -> tuple[int, ...]:
    """The shift of shifted windows: half of the window along each axis."""
    return tuple(side // 2 for side in window)


def partition_windows(grid: Tensor, window: Sequence[int], counts: Sequence[int]) -> Tensor:
    """(N, *grid, C) to (N, windows, tokens, C); each axis of the grid is counts × window long.

    >>> partition_windows(torch.arange(16).reshape(1, 4, 4, 1), (2, 2), (2, 2))[0, :, :, 0].tolist()
    [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]
    """
    axes, channels = len(window), grid.shape[-1]
    pairs = zip(counts, window, strict=True)
    grid = grid.reshape(-1, *(number for pair in pairs for number in pair), channels)
    grid = grid.permute(0, *range(1, 2 * axes, 2), *range(2, 2 * axes + 1, 2), 2 * axes + 1)
    return grid.reshape(-1, math.prod(counts), math.prod(window), channels)


def crop_to(grid: Tensor, sizes: Sequence[int], first_axis: int) -> Tensor:
    """The first `sizes` entries of the axes from `first_axis` on."""
    for axis, size in enumerate(sizes):
        grid = grid.narrow(first_axis + axis, 0, size)
    return grid


def axis_positions(grid: Tensor, axis: int) -> Tensor:
    """(size,) int64: 0, 1, 2, … along one spatial axis (0 is the first) of a grid (N, *grid, C).

    >>> axis_positions(torch.zeros(1, 3, 2, 8), 0).tolist()
    [0, 1, 2]
    """
    line = grid[0, ..., 0]
    for other in reversed(range(line.ndim)):
        if other != axis:
            line = line.select(other, 0)
    return torch.ones_like(line, dtype=torch.int64).cumsum(0) - 1


def region_mask(real: Tensor, window: Sequence[int], counts: Sequence[int], shift: Sequence[int]) -> Tensor:
    """(windows, 1, tokens, tokens), 0 or `NEVER`, to be added to the attention scores of each window.

    `real` (1, *whole, 1) is 1 on the grid and 0 on padding. Two tokens of a window attend to each other
    if both or neither are padding, and if, along every axis, both or neither were wrapped around from
    the front when the grid was rolled back by `shift`.
    """
    kind = real  # a different number for each kind of token
    for axis, step in enumerate(shift, start=1):
        rest = kind.narrow(axis, step, kind.shape[axis] - step)
        kind = torch.cat([kind.narrow(axis, 0, step) + 2.0**axis, rest], dim=axis)
    kind = partition_windows(roll_grid(kind, shift, -1), window, counts)[0, :, :, 0]  # (windows, tokens)
    return (kind[:, None, :, None] != kind[:, None, None, :]).float() * NEVER


def roll_grid(grid: Tensor, shift: Sequence[int], sign: int) -> Tensor:
    """(N, *grid, C) rolled cyclically by `shift`, forwards (sign 1) or backwards (sign -1)."""
    if not any(shift):
        return grid
    return grid.roll([sign * step for step in shift], list(range(1, 1 + len(shift))))
