"""The seed of a step and the precision of matrix products."""

from __future__ import annotations

import torch

from train.fit.optimiser import autocast_dtype, new_optimiser, seed_step
from train.fit.settings import FitSettings


def test_each_step_and_seed_has_its_own_reproducible_randomness():
    drawn = {}
    for key in ((1, 5), (1, 6), (2, 5), (1, 5)):
        seed_step(*key)
        value = torch.rand(4).tolist()
        assert drawn.setdefault(key, value) == value
    assert len({tuple(value) for value in drawn.values()}) == 3


def test_precision_selects_the_dtype():
    cpu = torch.device("cpu")
    assert autocast_dtype("fp32", cpu) is torch.float32 and autocast_dtype("bf16", cpu) is torch.bfloat16
    assert autocast_dtype("auto", cpu) in (torch.float32, torch.bfloat16)


def test_only_matrices_have_weight_decay():
    settings = FitSettings(data=(("data", 1.0, 0.0),), weight_decay=0.3)
    network = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.LayerNorm(3))
    decay = {
        id(parameter): group["weight_decay"]
        for group in new_optimiser(network, settings).param_groups
        for parameter in group["params"]
    }
    assert [decay[id(parameter)] for parameter in network.parameters()] == [0.3, 0.0, 0.0, 0.0]
