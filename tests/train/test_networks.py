"""Networks rebuilt from the settings of a run."""

from __future__ import annotations

import pytest
import torch

from train.errors import TrainError
from train.networks import build_network, trained_graph

SETTINGS = {
    "architecture": "segformer-b0",
    "options": {"decoder_width": 16},
    "windows": ((60.0, 200.0),),
    "context_slices": 3,
}


def test_the_graph_holds_the_trained_weights_and_takes_one_or_three_slices():
    weights = {name: tensor + 1 for name, tensor in build_network(SETTINGS).state_dict().items()}
    for context_slices in (1, 3):
        graph = trained_graph({"settings": SETTINGS, "weights": weights}, 64, context_slices)
        stored = graph.network.state_dict()
        assert all(torch.equal(stored[name], tensor) for name, tensor in weights.items())
        assert not graph.training
    with pytest.raises(TrainError, match="cannot take 5"):
        trained_graph({"settings": SETTINGS, "weights": weights}, 64, 5)
