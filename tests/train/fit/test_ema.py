"""The moving average of the weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from train.fit.ema import WeightAverage


def test_the_average_follows_the_weights_with_a_growing_decay():
    network = nn.BatchNorm1d(1)
    average = WeightAverage(network, decay=0.5)
    expected = 1.0
    for update, value in enumerate((3.0, 5.0, -1.0, 2.0, 8.0, 4.0, 0.0, 6.0, 1.0, 7.0), start=1):
        with torch.no_grad():
            network.weight.fill_(value)
            network.num_batches_tracked.fill_(update)
        average.update(network)
        decay = min(0.5, (1 + update) / (10 + update))
        expected = decay * expected + (1 - decay) * value
        assert average.network.weight.item() == pytest.approx(expected, rel=1e-5)
    assert average.network.num_batches_tracked.item() == 10 and not average.network.training
