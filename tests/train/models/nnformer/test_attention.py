"""Window and global attention, compared with torch's attention."""

import math

import pytest
import torch

from tests.train.models.nnformer.reference import plain_attention, positions_in, randomised, relative_bias
from train.models.nnformer.attention import GlobalAttention, WindowAttention
from train.models.nnformer.windows import Tiling


def test_window_attention_of_one_window_is_plain_attention():
    attention = randomised(WindowAttention(12, heads=3, window=(3, 5)))
    grid = torch.randn(1, 3, 5, 12)
    expected = plain_attention(attention, *[grid.reshape(15, 12)] * 2, attention.bias().detach())
    with torch.no_grad():
        result = attention(grid, grid, Tiling.of(grid, (3, 5)))
    assert torch.allclose(result.reshape(15, 12), expected, atol=1e-5)


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize(
    "sizes, window",
    [((8, 12), (4, 4)), ((10, 7), (4, 4)), ((3, 2), (4, 4)), ((9, 5), (5, 3)), ((3, 6, 5), (2, 4, 4))],
)  # fmt: skip
def test_window_attention_equals_masked_attention_of_the_grid(sizes, window, shifted):
    """The reference masks all pairs of tokens that do not lie in the same window.

    Neither the padding to whole windows nor the tokens that the roll wraps around change the result.
    """
    attention = randomised(WindowAttention(8, heads=2, window=window, shifted=shifted))
    grid, positions = torch.randn(2, *sizes, 8), positions_in(sizes)
    start = torch.tensor([side // 2 if shifted else 0 for side in window])
    region = (positions - start).div(torch.tensor(window), rounding_mode="floor")
    together = (region[:, None] == region[None]).all(-1)
    bias = relative_bias(attention.bias.table.detach(), positions, tuple(side - 1 for side in window))
    bias = bias.masked_fill(~together, -math.inf)
    with torch.no_grad():
        result = attention(grid, grid, Tiling.of(grid, window))
    for sample in range(2):
        tokens = grid[sample].reshape(-1, 8)
        assert torch.allclose(
            result[sample].reshape(-1, 8), plain_attention(attention, tokens, tokens, bias), atol=1e-5
        )


def test_global_attention_is_plain_attention_of_the_whole_grid():
    attention = randomised(GlobalAttention(8, 2, (1, 2)))
    grid = torch.randn(1, 4, 6, 8)
    bias = relative_bias(attention.bias.table.detach(), positions_in((4, 6)), (1, 2))
    with torch.no_grad():
        result = attention(grid, grid, None).reshape(24, 8)
    assert torch.allclose(result, plain_attention(attention, *[grid.reshape(24, 8)] * 2, bias), atol=1e-5)
