"""The network: its published sizes, and the decode head's two other orders of computation."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from train.errors import TrainError
from train.models import build, names
from train.models.graph import working_shape
from train.models.segformer import SEGFORMER_CONFIGS, DecodeHead

PUBLISHED_PARAMETERS = {  # of the ADE20K models (150 classes), as their weights on the Hub count
    "segformer-b0": 3_752_694,
    "segformer-b1": 13_715_798,
    "segformer-b2": 27_461_974,
}


@pytest.mark.parametrize("name", PUBLISHED_PARAMETERS)
def test_parameter_count_is_the_published_one(name):
    with torch.device("meta"):
        network = build(name, classes=150)
    assert sum(p.numel() for p in network.parameters()) == PUBLISHED_PARAMETERS[name]


def test_forward_and_backward_reach_every_parameter():
    network = build("segformer-b0").train()
    logits = network(torch.randn(2, 3, 96, 64))
    assert logits.shape == (2, 3, 24, 16)
    logits.square().mean().backward()
    silent = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    # Biases that a norm or a softmax cancels have no gradient; matrices must have one.
    assert not [n for n in silent if n.endswith("weight")]


def test_every_name_builds_and_an_unknown_one_is_refused():
    assert set(SEGFORMER_CONFIGS) <= set(names())
    with pytest.raises(TrainError, match="segformer-b0"):
        build("segformer-b9")


def published_head(head: DecodeHead, stages: list[torch.Tensor]) -> torch.Tensor:
    """The head in the paper's order: project, upsample, concatenate, mix, norm, ReLU, classify."""
    size = stages[0].shape[2:]
    projected = []
    for stage, project in zip(stages, head.project, strict=True):
        grid = project(stage.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        projected.append(F.interpolate(grid, size=size, mode="bilinear", align_corners=False))
    mixed = head.mix(torch.cat(projected[::-1], dim=1))
    return head.classify(F.relu(head.norm(mixed)))


def test_head_equals_the_published_order_and_folds_to_it():
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


def test_inference_copy_leaves_the_network_alone():
    network = build("segformer-b0").eval()
    picture = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        before = network(picture)
        folded = network.for_inference()
        assert torch.allclose(folded(picture), before, atol=1e-4)
    assert isinstance(network.head, DecodeHead)
    assert not any(p.requires_grad for p in folded.parameters())


@pytest.mark.parametrize(
    "shape, side, expected",
    [((512, 512), 256, (256, 256)), ((300, 411), 384, (288, 384)), ((64, 2048), 384, (32, 384)),
     ((2048, 64), 384, (384, 32)), ((64, 64), 320, (320, 320))],
)  # fmt: skip
def test_working_shape_keeps_the_shape_of_the_picture(shape, side, expected):
    assert tuple(working_shape(*shape, side)) == expected
