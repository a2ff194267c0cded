"""The decode head of SegFormer, with the operations in another order than the paper's (see `DecodeHead`)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train.models.layers import DropChannels
from train.models.segformer.config import SegFormerConfig


class DecodeHead(nn.Module):
    """The all-MLP head: project each stage, upsample, concatenate, mix, BatchNorm, ReLU, classify.

    Projection and mixing are linear in the channels, and bilinear upsampling is linear in space with
    weights that sum to one, so their order can change. Here each stage is projected and mixed by one
    matrix at its own resolution, then upsampled and added. The result equals the published order up to
    rounding and saves about half of the arithmetic of B0.
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
        """Logits (N, K, H / 4, W / 4) of the grids of the stages, the finest first."""
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
        return self.classify(self.dropout(F.relu(self.norm(total))))

    def folded(self) -> FoldedHead:
        """This head for inference: one matrix per stage, which includes the BatchNorm."""
        gain = self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)  # (D,)
        shift = self.norm.bias - gain * self.norm.running_mean
        mixing = self.mix.weight[:, :, 0, 0].chunk(len(self.project), dim=1)[::-1]
        weights = [gain[:, None] * (mix @ p.weight) for mix, p in zip(mixing, self.project, strict=True)]
        shift = shift + sum(gain * (mix @ p.bias) for mix, p in zip(mixing, self.project, strict=True))
        return FoldedHead(weights, shift, self.classify)


class FoldedHead(nn.Module):
    """`DecodeHead` in evaluation mode as plain convolutions, which every runtime supports."""

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
