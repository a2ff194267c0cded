"""Embedding, sampling between stages, and the head of nnFormer."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.train.models.nnformer.reference import randomised
from train.models.nnformer.sampling import (
    DownSampling,
    Embedding,
    Head,
    UpSampling,
    channels_first,
    channels_last,
)


def test_channels_move_to_the_end_and_back():
    picture = torch.arange(2 * 3 * 4 * 5 * 6).reshape(2, 3, 4, 5, 6)
    grid = channels_last(picture)
    assert grid.shape == (2, 4, 5, 6, 3) and torch.equal(grid[1, 2, 3, 4], picture[1, :, 2, 3, 4])
    assert torch.equal(channels_first(grid), picture)


@pytest.mark.parametrize(
    "patch, sizes, grid",
    [
        ((4, 4), (16, 24), (4, 6)),
        ((4, 4), (17, 21), (5, 6)),
        ((2, 2), (9, 10), (5, 5)),
        ((2, 4, 4), (6, 16, 13), (3, 4, 4)),
        ((1, 4, 4), (3, 8, 8), (3, 2, 2)),
    ],
)
def test_an_embedding_has_a_position_for_each_whole_or_partial_patch(patch, sizes, grid):
    with torch.no_grad():
        assert Embedding(2, 8, patch)(torch.randn(1, 2, *sizes)).shape == (1, *grid, 8)


def test_the_embedding_is_four_convolutions_with_gelu_and_norm_between_them():
    embedding = randomised(Embedding(3, 8, (4, 4)))
    assert [tuple(c.weight.shape[:2]) for c in embedding.convolutions] == [(4, 3), (4, 4), (8, 4), (8, 8)]
    assert [c.stride for c in embedding.convolutions] == [(2, 2), (1, 1), (2, 2), (1, 1)]
    picture = torch.randn(2, 3, 12, 16)
    with torch.no_grad():
        expected = embedding.convolutions[0](picture)
        for norm, convolution in zip(embedding.norms, embedding.convolutions[1:], strict=True):
            active = nn.GELU()(expected).permute(0, 2, 3, 1)
            mean, variance = active.mean(-1, keepdim=True), active.var(-1, keepdim=True, correction=0)
            normed = (active - mean) / (variance + 1e-5).sqrt() * norm.weight + norm.bias
            expected = convolution(normed.permute(0, 3, 1, 2))
        assert torch.allclose(embedding(picture), expected.permute(0, 2, 3, 1), atol=1e-4)


@pytest.mark.parametrize("strides, grid", [((2, 2), (3, 4)), ((1, 2, 2), (5, 3, 4)), ((2, 2, 2), (3, 3, 4))])
def test_down_sampling_halves_the_grid_and_doubles_the_width(strides, grid):
    sizes = (5, 7) if len(strides) == 2 else (5, 5, 7)
    with torch.no_grad():
        assert DownSampling(6, strides)(torch.randn(1, *sizes, 6)).shape == (1, *grid, 12)


def test_down_sampling_activates_and_norms_before_the_convolution():
    layer = randomised(DownSampling(4, (2, 2)))
    grid = torch.randn(1, 6, 6, 4)
    activated = nn.functional.layer_norm(nn.GELU()(grid), (4,), layer.norm.weight, layer.norm.bias)
    weight, bias = layer.convolution.weight, layer.convolution.bias
    with torch.no_grad():
        window = activated[0, 1:4, 3:6]  # the inputs of the output at (1, 2), with a padding of 1
        expected = torch.einsum("hwc,ochw->o", window, weight) + bias
        assert torch.allclose(layer(grid)[0, 1, 2], expected, atol=1e-5)


def pixels_of_positions(layer, grid):
    """(N, *grid × patch, K): each position fills its patch by a linear map, with 2 axes."""
    patches = torch.einsum("nhwc,ckij->nhiwjk", grid, layer.weight) + layer.bias
    n, height, i, width, j, k = patches.shape
    return patches.reshape(n, height * i, width * j, k)


def test_up_sampling_fills_two_by_two_positions_from_each_normed_position():
    layer, grid = randomised(UpSampling(8, (2, 2))), torch.randn(2, 3, 5, 8)
    with torch.no_grad():
        expected = pixels_of_positions(layer.convolution, layer.norm(grid))
        assert expected.shape == (2, 6, 10, 4)
        assert torch.allclose(layer(grid), expected, atol=1e-5)
        assert UpSampling(8, (1, 2, 2))(torch.randn(1, 3, 2, 2, 8)).shape == (1, 3, 4, 4, 4)


def test_the_head_gives_each_pixel_of_a_patch_its_own_logits():
    head, grid = randomised(Head(6, 3, (4, 2))), torch.randn(2, 3, 4, 6)
    with torch.no_grad():
        logits = head(grid)
        assert logits.shape == (2, 3, 12, 8)
        assert torch.allclose(channels_last(logits), pixels_of_positions(head.expand, grid), atol=1e-5)
        assert Head(6, 3, (2, 4, 4))(torch.randn(1, 2, 3, 3, 6)).shape == (1, 3, 4, 12, 12)
