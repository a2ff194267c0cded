"""SegFormer (Xie et al., NeurIPS 2021, arXiv 2105.15203), B0 to B5, written for training and export.

The encoder is the paper's hierarchical transformer: overlapping patch embeddings, attention whose
keys and values are reduced in space, and feed-forward layers with a depth-wise convolution in place
of position codes. The decode head is the paper's, computed in another order (see `DecodeHead`).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train.errors import TrainError
from train.models.layers import DropChannels, DropPath, drop_path_rates


@dataclass(frozen=True)
class SegFormerConfig:
    """The numbers that tell one SegFormer from another."""

    widths: tuple[int, ...]  # channels of each stage
    depths: tuple[int, ...]  # transformer blocks of each stage
    decoder_width: int  # channels of the decode head
    heads: tuple[int, ...] = (1, 2, 5, 8)
    reductions: tuple[int, ...] = (8, 4, 2, 1)  # stride of the keys' and values' grid
    patch_sizes: tuple[int, ...] = (7, 3, 3, 3)
    strides: tuple[int, ...] = (4, 2, 2, 2)
    mlp_ratio: int = 4
    drop_path: float = 0.1  # of the last block; earlier ones proportionally less
    dropout: float = 0.1  # before the classifier

    def __post_init__(self) -> None:
        numbers = (self.decoder_width, *self.depths)
        if len(self.depths) != len(self.widths) or not all(isinstance(n, int) and n > 0 for n in numbers):
            raise TrainError("A SegFormer has four stages of at least one block, and a decode head.")
        if not (0 <= self.drop_path < 1 and 0 <= self.dropout < 1):
            raise TrainError("Stochastic depth and dropout drop a share from 0 to below 1.")


_WIDE = (64, 128, 320, 512)

SEGFORMER_CONFIGS: dict[str, SegFormerConfig] = {
    "segformer-b0": SegFormerConfig((32, 64, 160, 256), (2, 2, 2, 2), 256),
    "segformer-b1": SegFormerConfig(_WIDE, (2, 2, 2, 2), 256),
    "segformer-b2": SegFormerConfig(_WIDE, (3, 4, 6, 3), 768),
    "segformer-b3": SegFormerConfig(_WIDE, (3, 4, 18, 3), 768),
    "segformer-b4": SegFormerConfig(_WIDE, (3, 8, 27, 3), 768),
    "segformer-b5": SegFormerConfig(_WIDE, (3, 6, 40, 3), 768),
}
"""The published sizes (paper, table 6)."""


def to_grid(tokens: Tensor, height: int, width: int) -> Tensor:
    """(N, height * width, C) tokens as a (N, C, height, width) grid."""
    return tokens.transpose(1, 2).reshape(tokens.shape[0], tokens.shape[2], height, width)


def to_tokens(grid: Tensor) -> Tensor:
    """(N, C, height, width) grid as (N, height * width, C) tokens."""
    return grid.flatten(2).transpose(1, 2)


class PatchEmbedding(nn.Module):
    """A strided convolution whose patches overlap, then LayerNorm."""

    def __init__(self, channels: int, width: int, patch_size: int, stride: int) -> None:
        super().__init__()
        self.projection = nn.Conv2d(channels, width, patch_size, stride, patch_size // 2)
        self.norm = nn.LayerNorm(width)

    def forward(self, grid: Tensor) -> tuple[Tensor, int, int]:
        grid = self.projection(grid)  # (N, C, h, w)
        return self.norm(to_tokens(grid)), grid.shape[2], grid.shape[3]  # (N, h * w, C)


class ReducedAttention(nn.Module):
    """Multi-head attention; keys and values come from a grid `reduction` times coarser."""

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
    """Linear, depth-wise 3 × 3 convolution, GELU, linear: position leaks in through the padding."""

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


class DecodeHead(nn.Module):
    """The all-MLP head: project each stage, upsample, concatenate, mix, BatchNorm, ReLU, classify.

    Projection and mixing are linear in the channels, bilinear upsampling is linear in space and its
    weights sum to one, so the order may change: each stage is projected and mixed at its own
    resolution by one matrix, upsampled, and added. The result is the published head's to rounding,
    with about half of the network's arithmetic saved in B0.
    """

    def __init__(self, config: SegFormerConfig, classes: int) -> None:
        super().__init__()
        width = config.decoder_width
        self.project = nn.ModuleList(nn.Linear(stage_width, width) for stage_width in config.widths)
        self.mix = nn.Conv2d(len(config.widths) * width, width, 1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.dropout = DropChannels(config.dropout)
        self.classify = nn.Conv2d(width, classes, 1)

    def forward(self, stages: list[Tensor]) -> Tensor:
        mixing = self.mix.weight[:, :, 0, 0].chunk(len(stages), dim=1)
        # The published order concatenates the deepest stage first.
        mixing = mixing[::-1]
        total = stages[0]
        for index, (stage, project, mix) in enumerate(zip(stages, self.project, mixing, strict=True)):
            mixed = F.conv2d(stage, (mix @ project.weight)[:, :, None, None], mix @ project.bias)
            if index > 0:
                size = total.shape[2:]
                mixed = F.interpolate(mixed, size=size, mode="bilinear", align_corners=False)
            total = mixed if index == 0 else total + mixed
        return self.classify(self.dropout(F.relu(self.norm(total))))  # (N, K, H / 4, W / 4)

    def folded(self) -> FoldedHead:
        """The same head for inference: one matrix a stage, with the BatchNorm in it."""
        gain = self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)  # (D,)
        shift = self.norm.bias - gain * self.norm.running_mean
        mixing = self.mix.weight[:, :, 0, 0].chunk(len(self.project), dim=1)[::-1]
        weights = [gain[:, None] * (mix @ p.weight) for mix, p in zip(mixing, self.project, strict=True)]
        shift = shift + sum(gain * (mix @ p.bias) for mix, p in zip(mixing, self.project, strict=True))
        return FoldedHead(weights, shift, self.classify)


class FoldedHead(nn.Module):
    """`DecodeHead` in evaluation mode, as plain convolutions that every runtime knows."""

    def __init__(self, weights: list[Tensor], shift: Tensor, classify: nn.Conv2d) -> None:
        super().__init__()
        self.project = nn.ModuleList(
            nn.Conv2d(w.shape[1], w.shape[0], 1, bias=i == 0) for i, w in enumerate(weights)
        )
        with torch.no_grad():
            for conv, weight in zip(self.project, weights, strict=True):
                conv.weight.copy_(weight[:, :, None, None])
            self.project[0].bias.copy_(shift)
        self.classify = classify

    def forward(self, stages: list[Tensor]) -> Tensor:
        total = self.project[0](stages[0])
        for stage, project in zip(stages[1:], self.project[1:], strict=True):
            size = total.shape[2:]
            total = total + F.interpolate(project(stage), size=size, mode="bilinear", align_corners=False)
        return self.classify(F.relu(total))


class SegFormer(nn.Module):
    """Grey or colour (N, C, H, W) to logits (N, K, H / 4, W / 4); H and W multiples of 32 are natural."""

    def __init__(self, config: SegFormerConfig, channels: int = 3, classes: int = 3) -> None:
        super().__init__()
        self.config = config
        stages = []
        for index, rates in enumerate(drop_path_rates(config.drop_path, config.depths)):
            stages.append(Stage(config, index, channels, rates))
            channels = config.widths[index]
        self.stages = nn.ModuleList(stages)
        self.head: nn.Module = DecodeHead(config, classes)
        self.apply(_initialise)

    def for_inference(self) -> SegFormer:
        """A copy in evaluation mode whose decode head is folded; same logits to rounding."""
        network = copy.deepcopy(self).eval()
        if isinstance(network.head, DecodeHead):
            network.head = network.head.folded()
        return network.requires_grad_(False)

    def forward(self, grid: Tensor) -> Tensor:
        features = []
        for stage in self.stages:
            grid = stage(grid)
            features.append(grid)
        return self.head(features)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Conv2d):
        fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels // module.groups
        nn.init.normal_(module.weight, std=(2.0 / fan_out) ** 0.5)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
