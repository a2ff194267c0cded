"""The encoder of SegFormer: a hierarchical transformer.

It has overlapping patch embeddings, attention whose keys and values are reduced in space, and
feed-forward layers with a depth-wise convolution in place of position codes.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from train.models.layers import DropPath
from train.models.segformer.config import SegFormerConfig


def to_grid(tokens: Tensor, height: int, width: int) -> Tensor:
    """Reshape tokens (N, height * width, C) to a grid (N, C, height, width)."""
    return tokens.transpose(1, 2).reshape(tokens.shape[0], tokens.shape[2], height, width)


def to_tokens(grid: Tensor) -> Tensor:
    """Reshape a grid (N, C, height, width) to tokens (N, height * width, C)."""
    return grid.flatten(2).transpose(1, 2)


class PatchEmbedding(nn.Module):
    """A strided convolution with overlapping patches, then LayerNorm: grid to (tokens, height, width)."""

    def __init__(self, channels: int, width: int, patch_size: int, stride: int) -> None:
        super().__init__()
        self.projection = nn.Conv2d(channels, width, patch_size, stride, patch_size // 2)
        self.norm = nn.LayerNorm(width)

    def forward(self, grid: Tensor) -> tuple[Tensor, int, int]:
        grid = self.projection(grid)  # (N, C, h, w)
        return self.norm(to_tokens(grid)), grid.shape[2], grid.shape[3]  # (N, h * w, C)


class ReducedAttention(nn.Module):
    """Multi-head attention whose keys and values come from a grid that is `reduction` times coarser."""

    def __init__(self, width: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.reduction = reduction
        if reduction > 1:
            self.reduce = nn.Conv2d(width, width, reduction, reduction)
            self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor, height: int, width: int) -> Tensor:
        n, length, channels = tokens.shape
        query = self.query(tokens).reshape(n, length, self.heads, -1).transpose(1, 2)  # (N, heads, L, c)
        source = tokens
        if self.reduction > 1:
            source = self.norm(to_tokens(self.reduce(to_grid(tokens, height, width))))
        key_value = self.key_value(source).reshape(n, source.shape[1], 2, self.heads, channels // self.heads)
        key, value = key_value.permute(2, 0, 3, 1, 4).unbind(0)  # (N, heads, l, c) each
        mixed = F.scaled_dot_product_attention(query, key, value)
        return self.out(mixed.transpose(1, 2).reshape(n, length, channels))


class MixFeedForward(nn.Module):
    """Linear, depth-wise 3 × 3 convolution, GELU, linear.

    The zero padding of the convolution gives the network the position, in place of position codes.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.expand = nn.Linear(width, hidden)
        self.depthwise = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.contract = nn.Linear(hidden, width)

    def forward(self, tokens: Tensor, height: int, width: int) -> Tensor:
        grid = self.depthwise(to_grid(self.expand(tokens), height, width))
        return self.contract(F.gelu(to_tokens(grid)))


class SegFormerBlock(nn.Module):
    """One pre-norm transformer block."""

    def __init__(self, width: int, heads: int, reduction: int, mlp_ratio: int, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = ReducedAttention(width, heads, reduction)
        self.norm2 = nn.LayerNorm(width)
        self.feed_forward = MixFeedForward(width, mlp_ratio * width)
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Tensor, height: int, width: int) -> Tensor:
        tokens = tokens + self.drop_path(self.attention(self.norm1(tokens), height, width))
        return tokens + self.drop_path(self.feed_forward(self.norm2(tokens), height, width))


class Stage(nn.Module):
    """Patch embedding, blocks, LayerNorm: (N, C, H, W) to (N, C', H / stride, W / stride)."""

    def __init__(self, config: SegFormerConfig, index: int, channels: int, rates: list[float]) -> None:
        """`index` is the number of the stage, `rates` are the stochastic depth rates of its blocks."""
        super().__init__()
        width = config.widths[index]
        self.embed = PatchEmbedding(channels, width, config.patch_sizes[index], config.strides[index])
        self.blocks = nn.ModuleList(
            SegFormerBlock(width, config.heads[index], config.reductions[index], config.mlp_ratio, rate)
            for rate in rates
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, grid: Tensor) -> Tensor:
        tokens, height, width = self.embed(grid)
        for block in self.blocks:
            tokens = block(tokens, height, width)
        return to_grid(self.norm(tokens), height, width)
