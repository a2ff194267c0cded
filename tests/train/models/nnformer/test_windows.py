"""Division of grids into windows."""

import torch

from train.models.nnformer.windows import Tiling


def test_merge_and_crop_invert_pad_and_partition():
    grid = torch.randn(2, 5, 9, 6, 3)
    tiling = Tiling.of(grid, (2, 4, 4))
    tokens = tiling.partition(tiling.pad(grid))
    assert tokens.shape == (2, 3 * 3 * 2, 32, 3)
    assert torch.equal(tiling.crop(tiling.merge(tokens)), grid)
    assert torch.equal(tokens[1, 2, 0], grid[1, 0, 4, 0])


def test_only_a_padded_grid_has_a_mask():
    assert Tiling.of(torch.zeros(1, 8, 8, 2), (4, 4)).mask is None
    assert Tiling.of(torch.zeros(1, 8, 7, 2), (4, 4)).mask is not None
