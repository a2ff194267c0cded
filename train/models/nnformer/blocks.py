"""Transformer blocks: pre-norm attention and feed-forward layers as residual branches."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from train.models.layers import DropPath
from train.models.nnformer.attention import Attention
from train.models.nnformer.windows import Tiling


class FeedForward(nn.Module):
    """Linear, GELU, linear."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.expand = nn.Linear(width, hidden)
        self.contract = nn.Linear(hidden, width)

    def forward(self, grid: Tensor) -> Tensor:
        return self.contract(F.gelu(self.expand(grid)))


class NnFormerBlock(nn.Module):
    """Self-attention, then feed-forward: (N, *grid, C) to the same shape."""

    def __init__(self, width: int, attention: Attention, mlp_ratio: int, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = attention
        self.norm2 = nn.LayerNorm(width)
        self.feed_forward = FeedForward(width, mlp_ratio * width)
        self.drop_path = DropPath(drop_path)

    def forward(self, grid: Tensor, tiling: Tiling | None) -> Tensor:
        normed = self.norm1(grid)
        grid = grid + self.drop_path(self.attention(normed, normed, tiling))
        return grid + self.drop_path(self.feed_forward(self.norm2(grid)))


class SkipBlock(NnFormerBlock):
    """Skip attention: queries from the decoder's up-sampled grid, keys and values from the encoder's grid.

    Both grids belong to the same stage; the residual branch is added to their sum.
    """

    def __init__(self, width: int, attention: Attention, mlp_ratio: int, drop_path: float) -> None:
        super().__init__(width, attention, mlp_ratio, drop_path)
        self.norm_skip = nn.LayerNorm(width)

    def forward(self, grid: Tensor, skip: Tensor, tiling: Tiling | None) -> Tensor:
        mixed = self.attention(self.norm1(grid), self.norm_skip(skip), tiling)
        grid = grid + skip + self.drop_path(mixed)
        return grid + self.drop_path(self.feed_forward(self.norm2(grid)))
