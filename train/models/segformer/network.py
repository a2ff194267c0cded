"""The SegFormer network: encoder stages and decode head."""

from __future__ import annotations

import copy

from torch import Tensor, nn

from train.models.layers import drop_path_rates
from train.models.segformer.config import SegFormerConfig
from train.models.segformer.decode_head import DecodeHead
from train.models.segformer.encoder import Stage


class SegFormer(nn.Module):
    """Pictures (N, C, H, W) to logits (N, K, H / 4, W / 4); H and W should be multiples of 32."""

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
        """A copy in evaluation mode with a folded decode head; the logits are the same up to rounding."""
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
