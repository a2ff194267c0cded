"""Transformer blocks: how far they reach, and skip attention."""

import torch

from tests.train.models.nnformer.reference import plain_attention, randomised
from train.models.nnformer.attention import GlobalAttention, WindowAttention
from train.models.nnformer.blocks import NnFormerBlock, SkipBlock
from train.models.nnformer.windows import Tiling


def reaches_far_corner(block: NnFormerBlock, tiling: Tiling | None, sizes: tuple[int, ...]) -> bool:
    """Whether a change at the first corner of a grid changes the last corner."""
    grid = torch.randn(1, *sizes, 8)
    changed = grid.clone()
    changed[(0, *[0] * len(sizes))] += torch.randn(8)
    with torch.no_grad():
        difference = (block(changed, tiling) - block(grid, tiling))[(0, *[-1] * len(sizes))]
    return bool(difference.abs().max() > 1e-5)


def test_global_attention_reaches_the_far_corner_and_window_attention_does_not():
    global_block = randomised(NnFormerBlock(8, GlobalAttention(8, 2, (3, 3)), 4, 0.0))
    window_block = randomised(NnFormerBlock(8, WindowAttention(8, 2, (4, 4), shifted=True), 4, 0.0))
    assert reaches_far_corner(global_block, None, (12, 9))
    assert not reaches_far_corner(window_block, Tiling.of(torch.zeros(1, 12, 9, 8), (4, 4)), (12, 9))


def test_skip_attention_takes_keys_from_the_encoder_and_adds_both_grids():
    block = randomised(SkipBlock(8, WindowAttention(8, 2, (4, 4)), 2, 0.0))
    up, skip = torch.randn(1, 4, 4, 8), torch.randn(1, 4, 4, 8)
    queries, keys = block.norm1(up).reshape(16, 8), block.norm_skip(skip).reshape(16, 8)
    mixed = plain_attention(block.attention, queries, keys, block.attention.bias().detach()).reshape(up.shape)
    with torch.no_grad():
        expected = up + skip + mixed
        expected = expected + block.feed_forward(block.norm2(expected))
        result = block(up, skip, Tiling.of(up, (4, 4)))
    assert torch.allclose(result, expected, atol=1e-5)
