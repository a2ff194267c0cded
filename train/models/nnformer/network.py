"""The nnFormer network, one definition for two and three axes, written from the paper.

The length of `NnFormerConfig.patch` is the number of axes.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

from torch import Tensor, nn

from train.errors import TrainError
from train.models.layers import drop_path_rates
from train.models.nnformer.attention import Attention, GlobalAttention, WindowAttention
from train.models.nnformer.blocks import NnFormerBlock, SkipBlock
from train.models.nnformer.sampling import DownSampling, Embedding, Head, UpSampling
from train.models.nnformer.windows import Tiling, crop_to


@dataclass(frozen=True)
class NnFormerConfig:
    """The sizes of an nnFormer. Raises `TrainError` for impossible ones."""

    patch: tuple[int, ...]  # pixels or voxels of a token of the first stage, along each axis
    windows: tuple[tuple[int, ...] | None, ...]  # tokens of each stage's windows; None: the whole grid
    crop: tuple[int, ...]  # pixels or voxels of a training sample; limits the global relative positions
    embedding: int = 96  # width of the first stage; each further stage doubles the width and the heads
    depths: tuple[int, ...] = (2, 2, 2, 2)  # blocks of each stage, in encoder and decoder
    head_width: int = 32  # channels of an attention head
    mlp_ratio: int = 4
    drop_path: float = 0.2  # rate of the deepest block; it rises linearly from 0 at the first
    deep_supervision: bool = True

    def __post_init__(self) -> None:
        numbers = (self.embedding, *self.depths)
        if not all(isinstance(number, int) for number in numbers):
            raise TrainError("The embedding and the depths of an nnFormer must be whole numbers.")
        if self.embedding < 2 or self.embedding % 2 or self.embedding % self.heads(0):
            raise TrainError(
                f"The embedding must be even and a multiple of the number of heads; {self.embedding} is not."
            )
        if len(self.depths) != len(self.windows) or min(self.depths) < 1:
            raise TrainError(f"An nnFormer needs {len(self.windows)} stages of at least one block each.")
        if not 0 <= self.drop_path < 1:
            raise TrainError(
                f"The rate of stochastic depth must be from 0 to below 1, not {self.drop_path:g}."
            )

    def width(self, stage: int) -> int:
        """Channels of a stage."""
        return self.embedding * 2**stage

    def heads(self, stage: int) -> int:
        """Attention heads of a stage."""
        return max(1, self.embedding // self.head_width) * 2**stage

    def reach(self, stage: int) -> tuple[int, ...]:
        """The largest offset between two tokens of the stage's grid in a training sample, along each axis."""
        steps = (side * (2**stage if side > 1 else 1) for side in self.patch)
        return tuple(size // step - 1 for size, step in zip(self.crop, steps, strict=True))


NNFORMER_CONFIGS: dict[str, NnFormerConfig] = {
    # A window of 8 × 8 has as many tokens as one of 4 × 4 × 4.
    "nnformer-2d": NnFormerConfig((4, 4), ((8, 8), (8, 8), (8, 8), None), (256, 256)),
    # The published network for tumours: heads 6-12-24-48, windows 4-4-8-4. On its crop, the windows of
    # the third and fourth stage cover the whole grid, 4 × 8 × 8 and 2 × 4 × 4, so their blocks are global.
    "nnformer-3d": NnFormerConfig(
        (4, 4, 4), ((4, 4, 4), (4, 4, 4), None, None), (64, 128, 128), embedding=192
    ),
}
"""The published sizes for volumes; for slices, windows, crop and embedding are this project's own."""


def _blocks(config: NnFormerConfig, stage: int, rates: list[float], skip: bool) -> nn.ModuleList:
    """The blocks of a stage, every second one with shifted windows; `skip` makes the first a `SkipBlock`."""
    width, heads, window = config.width(stage), config.heads(stage), config.windows[stage]
    blocks = []
    for index, rate in enumerate(rates):
        attention: Attention = GlobalAttention(width, heads, config.reach(stage))
        if window is not None:
            attention = WindowAttention(width, heads, window, shifted=index % 2 == 1)
        kind = SkipBlock if skip and index == 0 else NnFormerBlock
        blocks.append(kind(width, attention, config.mlp_ratio, rate))
    return nn.ModuleList(blocks)


class NnFormer(nn.Module):
    """Pictures (N, channels, *sizes) of any size to logits (N, K, *sizes).

    In training mode with deep supervision, it returns a tuple of logits, one for each decoder stage, the
    finest first: sizes, sizes / 2, sizes / 4, rounded up.
    """

    def __init__(self, config: NnFormerConfig, channels: int = 3, classes: int = 3) -> None:
        super().__init__()
        self.windows = config.windows
        self.strides = [2 if side > 1 else 1 for side in config.patch]
        stages = range(len(config.depths))
        rates = drop_path_rates(config.drop_path, config.depths)
        self.embed = Embedding(channels, config.embedding, config.patch)
        self.encoder = nn.ModuleList(_blocks(config, s, rates[s], skip=False) for s in stages)
        self.down = nn.ModuleList(DownSampling(config.width(s), self.strides) for s in stages[:-1])
        # Decoder modules have the number of the stage whose grid they produce.
        self.up = nn.ModuleList(UpSampling(config.width(s + 1), self.strides) for s in stages[:-1])
        self.decoder = nn.ModuleList(_blocks(config, s, rates[s][::-1], skip=True) for s in stages[:-1])
        supervised = len(stages) - 1 if config.deep_supervision else 1
        self.heads = nn.ModuleList(Head(config.width(s), classes, config.patch) for s in range(supervised))
        self.apply(_initialise)

    def for_inference(self) -> NnFormer:
        """A copy in evaluation mode, without the heads that only training needs."""
        network = copy.deepcopy(self).eval()
        network.heads = network.heads[:1]
        return network.requires_grad_(False)

    def forward(self, picture: Tensor) -> Tensor | tuple[Tensor, ...]:
        grids = self.decode(*self.encode(picture))
        heads = self.heads if self.training else self.heads[:1]
        sizes = picture.shape[2:]
        logits = []
        for head, grid in zip(heads, grids, strict=False):
            logits.append(crop_to(head(grid), sizes, 2))
            sizes = [-(-size // stride) for size, stride in zip(sizes, self.strides, strict=True)]
        return logits[0] if len(logits) == 1 else tuple(logits)

    def encode(self, picture: Tensor) -> tuple[list[Tensor], list[Tiling | None]]:
        """Grids (N, *grid, C) of the stages, the finest first, and their tilings (None: global attention)."""
        grid = self.embed(picture)
        grids, tilings = [], []
        for stage, blocks in enumerate(self.encoder):
            if stage > 0:
                grid = self.down[stage - 1](grid)
            window = self.windows[stage]
            tiling = None if window is None else Tiling.of(grid, window)
            for block in blocks:
                grid = block(grid, tiling)
            grids.append(grid)
            tilings.append(tiling)
        return grids, tilings

    def decode(self, skips: list[Tensor], tilings: list[Tiling | None]) -> list[Tensor]:
        """Grids (N, *grid, C) of the decoder's stages, the finest first.

        `skips` and `tilings` are the result of `encode`; the last skip is the bottleneck.
        """
        grid = skips[-1]
        grids = []
        for stage in reversed(range(len(self.decoder))):
            skip, tiling = skips[stage], tilings[stage]
            grid = crop_to(self.up[stage](grid), skip.shape[1:-1], 1)
            first, *rest = self.decoder[stage]
            grid = first(grid, skip, tiling)
            for block in rest:
                grid = block(grid, tiling)
            grids.insert(0, grid)
        return grids


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Conv2d | nn.Conv3d):
        nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.ConvTranspose2d | nn.ConvTranspose3d):
        # The stride equals the kernel size, so the fan-in of an output is the number of input channels.
        nn.init.normal_(module.weight, std=module.in_channels**-0.5)
        nn.init.zeros_(module.bias)
    elif hasattr(module, "table"):
        nn.init.trunc_normal_(module.table, std=0.02)
