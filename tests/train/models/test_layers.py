"""Stochastic depth and dropout of channels."""

import pytest
import torch

from train.models.layers import DropChannels, DropPath


@pytest.mark.parametrize("layer, axes", [(DropPath(0.25), (1, 2, 3)), (DropChannels(0.25), (2, 3))])
def test_units_are_dropped_whole_or_scaled_in_training_only(layer, axes):
    torch.manual_seed(0)
    ones = torch.ones(500, 8, 2, 2)
    dropped = layer.train()(ones)
    assert torch.equal(dropped.amin(axes), dropped.amax(axes))  # constant within each unit
    assert dropped.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert dropped.mean() == pytest.approx(1, abs=0.08)
    assert torch.equal(layer.eval()(ones), ones)
