"""Sizes of the SegFormer architectures."""

from __future__ import annotations

from dataclasses import dataclass

from train.errors import TrainError


@dataclass(frozen=True)
class SegFormerConfig:
    """The sizes of a SegFormer. Raises `TrainError` for impossible ones."""

    widths: tuple[int, ...]  # channels of each stage
    depths: tuple[int, ...]  # transformer blocks of each stage
    decoder_width: int  # channels of the decode head
    heads: tuple[int, ...] = (1, 2, 5, 8)
    reductions: tuple[int, ...] = (8, 4, 2, 1)  # stride of the grid of keys and values
    patch_sizes: tuple[int, ...] = (7, 3, 3, 3)
    strides: tuple[int, ...] = (4, 2, 2, 2)
    mlp_ratio: int = 4
    drop_path: float = 0.1  # rate of the last block; it rises linearly from 0 at the first
    dropout: float = 0.1  # rate before the classifier

    def __post_init__(self) -> None:
        numbers = (self.decoder_width, *self.depths)
        if len(self.depths) != len(self.widths) or not all(isinstance(n, int) and n > 0 for n in numbers):
            raise TrainError("A SegFormer needs four stages of at least one block each, and a decode head.")
        if not (0 <= self.drop_path < 1 and 0 <= self.dropout < 1):
            raise TrainError("The rates of stochastic depth and dropout must be at least 0 and below 1.")


_WIDE = (64, 128, 320, 512)

SEGFORMER_CONFIGS: dict[str, SegFormerConfig] = {
    "segformer-b0": SegFormerConfig((32, 64, 160, 256), (2, 2, 2, 2), 256),
    "segformer-b1": SegFormerConfig(_WIDE, (2, 2, 2, 2), 256),
    "segformer-b2": SegFormerConfig(_WIDE, (3, 4, 6, 3), 768),
    "segformer-b3": SegFormerConfig(_WIDE, (3, 4, 18, 3), 768),
    "segformer-b4": SegFormerConfig(_WIDE, (3, 8, 27, 3), 768),
    "segformer-b5": SegFormerConfig(_WIDE, (3, 6, 40, 3), 768),
}
"""The published sizes (table 6 of the paper), by architecture name."""
