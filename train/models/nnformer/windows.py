"""Grids and windows: pure functions on channels-last grids (N, *grid, C) of two or three axes.

Everything is written so that a trace keeps the sizes free: sizes are only divided, padded by and
reshaped with, never compared, and positions are counted on the grid itself, so that they live on
its device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

NEVER = -1e4
"""Added to the score of a pair that must not attend: its weight is then exactly 0, in float16 too."""


@dataclass(frozen=True)
class Tiling:
    """How the grid of a stage is cut into windows: made once for a grid, shared by the stage's blocks."""

    window: tuple[int, ...]  # tokens along each axis
    sizes: tuple[int, ...]  # of the grid
    counts: tuple[int, ...]  # windows along each axis, the last one perhaps partly padding
    mask: Tensor | None  # (windows, 1, tokens, tokens), added to scores; None: nothing is padded
    shifted_mask: Tensor  # the same for windows that are shifted by half

    @staticmethod
    def of(grid: Tensor, window: Sequence[int]) -> Tiling:
        """For the size of a grid (N, *grid, C)."""
        sizes = tuple(grid.shape[1:-1])
        counts = tuple((size + side - 1) // side for size, side in zip(sizes, window, strict=True))
        bare = Tiling(tuple(window), sizes, counts, None, grid)
        real = bare.pad(torch.ones_like(grid[:1, ..., :1]))  # (1, *whole, 1), 0 where it is padding
        # A trace must hold for every size; otherwise the mask is left out where it would be zero.
        needed = torch.jit.is_tracing() or sizes != tuple(real.shape[1:-1])
        mask = region_mask(real, window, counts, [0] * len(sizes)) if needed else None
        return Tiling(
            bare.window, sizes, counts, mask, region_mask(real, window, counts, half_window(window))
        )

    def pad(self, grid: Tensor) -> Tensor:
        """(N, *sizes, C) with zeros behind every axis, up to whole windows."""
        padding = [0, 0]  # channels stay
        for count, side, size in zip(self.counts[::-1], self.window[::-1], self.sizes[::-1], strict=True):
            padding += [0, count * side - size]
        return F.pad(grid, padding)

    def crop(self, grid: Tensor) -> Tensor:
        """`pad` undone."""
        return crop_to(grid, self.sizes, 1)

    def partition(self, grid: Tensor) -> Tensor:
        """(N, *whole, C) to (N, windows, tokens, C)."""
        return partition_windows(grid, self.window, self.counts)

    def merge(self, tokens: Tensor) -> Tensor:
        """`partition_windows` undone."""
        axes = len(self.window)
        tokens = tokens.reshape(-1, *self.counts, *self.window, tokens.shape[-1])
        pairs = zip(range(1, axes + 1), range(axes + 1, 2 * axes + 1), strict=True)
        tokens = tokens.permute(0, *(axis for pair in pairs for axis in pair), 2 * axes + 1)
        whole = [count * side for count, side in zip(self.counts, self.window, strict=True)]
        return tokens.reshape(-1, *whole, tokens.shape[-1])


def half_window(window: Sequence[int]) -> tuple[int, ...]:
    """By how much shifted windows are shifted."""
    return tuple(side // 2 for side in window)


def partition_windows(grid: Tensor, window: Sequence[int], counts: Sequence[int]) -> Tensor:
    """(N, *grid, C), counts × window along each axis, to (N, windows, tokens, C).

    >>> partition_windows(torch.arange(16).reshape(1, 4, 4, 1), (2, 2), (2, 2))[0, :, :, 0].tolist()
    [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]
    """
    axes, channels = len(window), grid.shape[-1]
    pairs = zip(counts, window, strict=True)
    grid = grid.reshape(-1, *(number for pair in pairs for number in pair), channels)
    grid = grid.permute(0, *range(1, 2 * axes, 2), *range(2, 2 * axes + 1, 2), 2 * axes + 1)
    return grid.reshape(-1, math.prod(counts), math.prod(window), channels)


def crop_to(grid: Tensor, sizes: Sequence[int], first_axis: int) -> Tensor:
    """The leading part of each axis from `first_axis` on, as long as `sizes` says."""
    for axis, size in enumerate(sizes):
        grid = grid.narrow(first_axis + axis, 0, size)
    return grid


def axis_positions(grid: Tensor, axis: int) -> Tensor:
    """0, 1, 2, … along one spatial axis (0 is the first) of a grid (N, *grid, C): (size,) int64.

    >>> axis_positions(torch.zeros(1, 3, 2, 8), 0).tolist()
    [0, 1, 2]
    """
    line = grid[0, ..., 0]
    for other in reversed(range(line.ndim)):
        if other != axis:
            line = line.select(other, 0)
    return torch.ones_like(line, dtype=torch.int64).cumsum(0) - 1


def region_mask(real: Tensor, window: Sequence[int], counts: Sequence[int], shift: Sequence[int]) -> Tensor:
    """What to add to the scores of each window's pairs: (windows, 1, tokens, tokens), 0 or `NEVER`.

    `real` (1, *whole, 1) is 1 on the grid and 0 on padding. Two tokens of a window may see each
    other when neither or both are padding and, along every axis, neither or both came round from the
    front of the grid as it was rolled back by `shift`; so neither padding nor the far side leaks.
    """
    kind = real  # a number for each kind of token
    for axis, step in enumerate(shift, start=1):
        rest = kind.narrow(axis, step, kind.shape[axis] - step)
        kind = torch.cat([kind.narrow(axis, 0, step) + 2.0**axis, rest], dim=axis)
    kind = partition_windows(roll_grid(kind, shift, -1), window, counts)[0, :, :, 0]  # (windows, tokens)
    return (kind[:, None, :, None] != kind[:, None, None, :]).float() * NEVER


def roll_grid(grid: Tensor, shift: Sequence[int], sign: int) -> Tensor:
    """(N, *grid, C) rolled by `shift`, backwards with sign -1; what leaves at one end enters at the other."""
    if not any(shift):
        return grid
    return grid.roll([sign * step for step in shift], list(range(1, 1 + len(shift))))
