"""Convolutions from pictures to grids and back, and between the grids of two stages, with 2 or 3 axes."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

CONVOLUTION = {2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
"""Layers by number of axes."""


def channels_last(picture: Tensor) -> Tensor:
    """(N, C, *grid) to (N, *grid, C)."""
    return picture.movedim(1, -1)


def channels_first(grid: Tensor) -> Tensor:
    """(N, *grid, C) to (N, C, *grid)."""
    return grid.movedim(-1, 1)


class Embedding(nn.Module):
    """Pictures (N, channels, *sizes) to a grid (N, *grid, width), by two pairs of 3-wide convolutions.

    The first convolution of each pair has half of the patch's stride, and the second pair has the full
    width. GELU and LayerNorm follow each convolution except the last. Sizes are rounded up to whole
    patches.
    """

    def __init__(self, channels: int, width: int, patch: Sequence[int]) -> None:
        super().__init__()
        convolution = CONVOLUTION[len(patch)]
        first = [2 if side > 1 else 1 for side in patch]
        second = [side // step for side, step in zip(patch, first, strict=True)]
        half = width // 2
        self.convolutions = nn.ModuleList(
            [
                convolution(channels, half, 3, first, 1),
                convolution(half, half, 3, 1, 1),
                convolution(half, width, 3, second, 1),
                convolution(width, width, 3, 1, 1),
            ]
        )
        self.norms = nn.ModuleList([nn.LayerNorm(half), nn.LayerNorm(half), nn.LayerNorm(width)])

    def forward(self, picture: Tensor) -> Tensor:
        for convolution, norm in zip(self.convolutions[:-1], self.norms, strict=True):
            picture = channels_first(norm(channels_last(F.gelu(convolution(picture)))))
        return channels_last(self.convolutions[-1](picture))


class DownSampling(nn.Module):
    """Half the grid size, rounded up, and twice the width: GELU, LayerNorm, a 3-wide convolution."""

    def __init__(self, width: int, strides: Sequence[int]) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.convolution = CONVOLUTION[len(strides)](width, 2 * width, 3, strides, 1)

    def forward(self, grid: Tensor) -> Tensor:
        return channels_last(self.convolution(channels_first(self.norm(F.gelu(grid)))))


class UpSampling(nn.Module):
    """Twice the grid size and half the width: LayerNorm, then a transposed convolution."""

    def __init__(self, width: int, strides: Sequence[int]) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.convolution = TRANSPOSED[len(strides)](width, width // 2, strides, strides)

    def forward(self, grid: Tensor) -> Tensor:
        return channels_last(self.convolution(channels_first(self.norm(grid))))


class Head(nn.Module):
    """A grid (N, *grid, C) to class logits of its pixels (N, K, *grid × patch)."""

    def __init__(self, width: int, classes: int, patch: Sequence[int]) -> None:
        super().__init__()
        self.expand = TRANSPOSED[len(patch)](width, classes, patch, patch)

    def forward(self, grid: Tensor) -> Tensor:
        return self.expand(channels_first(grid))
