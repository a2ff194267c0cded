"""The parts of the SegFormer encoder, compared with plain computations of the same weights."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from train.models.segformer.config import SEGFORMER_CONFIGS
from train.models.segformer.encoder import (
    MixFeedForward,
    PatchEmbedding,
    ReducedAttention,
    SegFormerBlock,
    Stage,
    to_grid,
    to_tokens,
)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)
    with torch.no_grad():
        yield


def test_tokens_are_the_positions_of_a_grid_row_by_row():
    grid = torch.randn(2, 3, 4, 5)
    tokens = to_tokens(grid)
    assert tokens.shape == (2, 20, 3) and torch.equal(tokens[1, 2 * 5 + 3], grid[1, :, 2, 3])
    assert torch.equal(to_grid(tokens, 4, 5), grid)


@pytest.mark.parametrize(
    "patch, stride, size, expected", [(7, 4, (64, 48), (16, 12)), (3, 2, (15, 8), (8, 4))]
)
def test_patches_overlap_and_are_padded_at_the_border(patch, stride, size, expected):
    embed = PatchEmbedding(2, 6, patch, stride)
    picture = torch.randn(1, 2, *size)
    tokens, height, width = embed(picture)
    assert (height, width) == expected and tokens.shape == (1, height * width, 6)
    row, column, reach = 1, 2, patch // 2
    rows = slice(row * stride - reach, row * stride + reach + 1)
    columns = slice(column * stride - reach, column * stride + reach + 1)
    assert rows.start >= 0
    window = picture[0, :, rows, columns]
    value = torch.einsum("chw,ochw->o", window, embed.projection.weight) + embed.projection.bias
    assert torch.allclose(tokens[0, row * width + column], F.layer_norm(value, (6,)), atol=1e-5)


@pytest.mark.parametrize("reduction", [1, 2])
def test_attention_equals_multi_head_attention_on_a_coarser_grid(reduction):
    attention = ReducedAttention(8, 2, reduction).eval()
    reference = nn.MultiheadAttention(8, 2, batch_first=True).eval()
    reference.in_proj_weight.copy_(torch.cat([attention.query.weight, attention.key_value.weight]))
    reference.in_proj_bias.copy_(torch.cat([attention.query.bias, attention.key_value.bias]))
    reference.out_proj.load_state_dict(attention.out.state_dict())
    tokens = torch.randn(2, 4 * 6, 8)
    source = tokens
    if reduction > 1:
        blocks = to_grid(tokens, 4, 6).unfold(2, 2, 2).unfold(3, 2, 2)  # (N, C, h, w, 2, 2)
        coarse = torch.einsum("nchwij,ocij->nhwo", blocks, attention.reduce.weight) + attention.reduce.bias
        source = attention.norm(coarse.reshape(2, 6, 8))
    expected, _ = reference(tokens, source, source)
    assert torch.allclose(attention(tokens, 4, 6), expected, atol=1e-5)


def test_the_feed_forward_layer_mixes_each_channel_with_its_neighbours():
    layer = MixFeedForward(4, 8)
    grid = torch.randn(1, 4, 5, 6)
    hidden = F.pad(to_grid(layer.expand(to_tokens(grid)), 5, 6), (1, 1, 1, 1))
    window = hidden[0, :, 2:5, 3:6]  # around the position (2, 3)
    mixed = (window * layer.depthwise.weight[:, 0]).sum((1, 2)) + layer.depthwise.bias
    expected = layer.contract(nn.GELU()(mixed))
    assert torch.allclose(layer(to_tokens(grid), 5, 6)[0, 2 * 6 + 3], expected, atol=1e-5)


def test_zero_padding_tells_positions_of_a_constant_grid_apart():
    tokens = MixFeedForward(4, 8)(torch.ones(1, 25, 4), 5, 5)[0]
    assert torch.allclose(tokens[6], tokens[12], atol=1e-6)  # two inner positions
    assert not torch.allclose(tokens[0], tokens[12], atol=1e-4)  # a corner


def test_a_block_adds_both_branches_to_the_tokens():
    block = SegFormerBlock(8, 2, 2, mlp_ratio=4, drop_path=0.5).eval()
    assert block.feed_forward.expand.out_features == 32
    tokens = torch.randn(1, 16, 8)
    between = tokens + block.attention(block.norm1(tokens), 4, 4)
    expected = between + block.feed_forward(block.norm2(between), 4, 4)
    assert torch.allclose(block(tokens, 4, 4), expected, atol=1e-6)
    block.drop_path.rate = 1 - 1e-9
    assert torch.equal(block.train()(tokens, 4, 4), tokens)  # both branches are dropped


def test_stages_halve_the_grid_and_follow_the_configuration():
    config = SEGFORMER_CONFIGS["segformer-b0"]
    grid, channels, sizes = torch.randn(1, 3, 64, 96), 3, []
    for index, width in enumerate(config.widths):
        stage = Stage(config, index, channels, [0.0, 0.1]).eval()
        assert [block.drop_path.rate for block in stage.blocks] == [0.0, 0.1]
        assert {block.attention.reduction for block in stage.blocks} == {config.reductions[index]}
        grid, channels = stage(grid), width
        sizes.append(tuple(grid.shape[1:]))
        tokens = to_tokens(grid)
        assert tokens.mean(-1).abs().max() < 1e-5  # the LayerNorm at the end
    assert sizes == [(32, 16, 24), (64, 8, 12), (160, 4, 6), (256, 2, 3)]
