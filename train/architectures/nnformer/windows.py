"""Grids and windows: pure functions on channels-last grids (N, *grid, C) of two or three axes.

Everything is written so that a trace keeps the sizes free: sizes are only divided, padded by and
reshaped with, never compared, and positions are counted on the grid itself, so that they live on
its device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

NEVER = -1e4
"""Added to the score of a pair that must not attend: its weight is then exactly 0, in float16 too."""


def pad_to_windows(grid: Tensor, window: Sequence[int]) -> Tensor:
    """(N, *grid, C) with zeros behind every axis, up to whole windows."""
    padding = [0, 0]  # channels stay
    for size, side in zip(reversed(grid.shape[1:-1]), reversed(window), strict=True):
        padding += [0, (-size) % side]
    return F.pad(grid, padding)


def crop_to(grid: Tensor, sizes: Sequence[int], first_axis: int) -> Tensor:
    """The leading part of each axis from `first_axis` on, as long as `sizes` says."""
    for axis, size in enumerate(sizes):
        grid = grid.narrow(first_axis + axis, 0, size)
    return grid


def partition(grid: Tensor, window: Sequence[int]) -> Tensor:
    """(N, *grid, C) of whole windows to (N, windows, tokens, C).

    >>> partition(torch.arange(16).reshape(1, 4, 4, 1), (2, 2))[0, :, :, 0].tolist()
    [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]
    """
    axes = len(window)
    shape = [grid.shape[0]]
    for size, side in zip(grid.shape[1:-1], window, strict=True):
        shape += [size // side, side]
    grid = grid.reshape(*shape, grid.shape[-1])
    grid = grid.permute(0, *range(1, 2 * axes, 2), *range(2, 2 * axes + 1, 2), 2 * axes + 1)
    return grid.reshape(shape[0], -1, math.prod(window), grid.shape[-1])


def merge(tokens: Tensor, window: Sequence[int], sizes: Sequence[int]) -> Tensor:
    """`partition` backwards: (N, windows, tokens, C) to (N, *sizes, C), sizes being of whole windows."""
    axes = len(window)
    counts = [size // side for size, side in zip(sizes, window, strict=True)]
    tokens = tokens.reshape(tokens.shape[0], *counts, *window, tokens.shape[-1])
    pairs = zip(range(1, axes + 1), range(axes + 1, 2 * axes + 1), strict=True)
    order = [axis for pair in pairs for axis in pair]
    return tokens.permute(0, *order, 2 * axes + 1).reshape(tokens.shape[0], *sizes, tokens.shape[-1])


def positions(grid: Tensor, axis: int) -> Tensor:
    """0, 1, 2, … along one spatial axis (0 is the first) of a grid (N, *grid, C): (size,) int64."""
    line = grid[0, ..., 0]
    for other in reversed(range(line.ndim)):
        if other != axis:
            line = line.select(other, 0)
    return torch.ones_like(line, dtype=torch.int64).cumsum(0) - 1


def regions(padded: Tensor, sizes: Sequence[int], shift: Sequence[int]) -> Tensor:
    """Which tokens of a padded grid, rolled back by `shift`, may see each other: (*grid) int64 codes.

    Along an axis a token is padding (0), or lies where it was in the picture (1), or was rolled
    round from the other side (2); two tokens of a window belong together when the codes of all
    axes agree. Padding agrees only with padding, so it never leaks.
    """
    axes = len(sizes)
    code = None
    for axis, (size, step) in enumerate(zip(sizes, shift, strict=True)):
        place = positions(padded, axis)
        length = padded.shape[1 + axis]
        rolled = place >= length - step  # came round from the front
        original = (place + step) % length
        own = (original < size).long() * (1 + rolled.long())
        own = own.reshape([-1 if a == axis else 1 for a in range(axes)])
        code = own if code is None else code * 3 + own
    return code


def region_mask(padded: Tensor, sizes: Sequence[int], shift: Sequence[int], window: Sequence[int]) -> Tensor:
    """What to add to the scores of each window's pairs: (windows, 1, tokens, tokens), 0 or `NEVER`."""
    code = partition(regions(padded, sizes, shift)[None, ..., None], window)[0, :, :, 0]
    return (code[:, None, :, None] != code[:, None, None, :]).float() * NEVER
