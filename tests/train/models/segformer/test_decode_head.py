"""The decode head, compared with the published order of its operations."""

import torch
import torch.nn.functional as F
from torch import nn

from train.models.segformer import SEGFORMER_CONFIGS
from train.models.segformer.decode_head import DecodeHead


def published_head(head: DecodeHead, stages: list[torch.Tensor]) -> torch.Tensor:
    """The head in the paper's order: project, upsample, concatenate, mix, norm, ReLU, classify."""
    size = stages[0].shape[2:]
    projected = []
    for stage, project in zip(stages, head.project, strict=True):
        grid = project(stage.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        projected.append(F.interpolate(grid, size=size, mode="bilinear", align_corners=False))
    mixed = head.mix(torch.cat(projected[::-1], dim=1))
    return head.classify(F.relu(head.norm(mixed)))


def test_the_head_and_its_folded_form_equal_the_published_order():
    torch.manual_seed(0)
    config = SEGFORMER_CONFIGS["segformer-b0"]
    head = DecodeHead(config, classes=3).eval()
    nn.init.uniform_(head.norm.weight, 0.5, 2)
    nn.init.uniform_(head.norm.bias, -1, 1)
    head.norm.running_mean.uniform_(-1, 1)
    head.norm.running_var.uniform_(0.5, 2)
    stages = [torch.randn(2, c, 24 // 2**i, 16 // 2**i) for i, c in enumerate(config.widths)]
    with torch.no_grad():
        expected = published_head(head, stages)
        assert torch.allclose(head(stages), expected, atol=1e-4)
        assert torch.allclose(head.folded()(stages), expected, atol=1e-4)
