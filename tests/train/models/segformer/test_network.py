"""The SegFormer network: published parameter counts, gradients, and the copy for inference."""

import pytest
import torch

from train.models import build
from train.models.segformer.decode_head import DecodeHead

PUBLISHED_PARAMETERS = {  # of the ADE20K models (150 classes), counted in their weights on the Hub
    "segformer-b0": 3_752_694,
    "segformer-b1": 13_715_798,
    "segformer-b2": 27_461_974,
}


@pytest.mark.parametrize("name", PUBLISHED_PARAMETERS)
def test_the_number_of_parameters_is_the_published_one(name):
    with torch.device("meta"):
        network = build(name, classes=150)
    assert sum(p.numel() for p in network.parameters()) == PUBLISHED_PARAMETERS[name]


def test_every_weight_matrix_gets_a_gradient():
    network = build("segformer-b0", drop_path=0.0).train()  # stochastic depth could drop a whole block
    logits = network(torch.randn(2, 3, 96, 64))
    assert logits.shape == (2, 3, 24, 16)
    logits.square().mean().backward()
    without_gradient = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    # Biases that a norm or a softmax cancels have no gradient.
    assert not [n for n in without_gradient if n.endswith("weight")]


def test_the_inference_copy_has_the_same_logits_and_leaves_the_network_unchanged():
    network = build("segformer-b0").eval()
    picture = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        before = network(picture)
        folded = network.for_inference()
        assert torch.allclose(folded(picture), before, atol=1e-4)
    assert isinstance(network.head, DecodeHead)
    assert not any(p.requires_grad for p in folded.parameters())
