"""The seed of a step and the precision of matrix products."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from train.fit.optimiser import autocast_dtype, new_optimiser, seed_step, set_learning_rates
from train.fit.settings import FitSettings
from train.models import build


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


def test_encoder_and_head_have_their_own_rates_and_share_the_schedule():
    settings = FitSettings(
        data=(("data", 1.0, 0.0),),
        samples=1000,
        warmup=0,
        learning_rate=1e-3,
        encoder_learning_rate=1e-4,
        head_learning_rate=5e-3,
    )
    for name, encoder in (("segformer-b0", "stages."), ("nnformer-2d", ("embed.", "encoder.", "down."))):
        network = build(name)
        optimiser = new_optimiser(network, settings)
        set_learning_rates(optimiser, 500, settings)
        rate = {id(p): group["lr"] for group in optimiser.param_groups for p in group["params"]}
        assert len(rate) == len(list(network.parameters()))
        for parameter, tensor in network.named_parameters():
            peak = 1e-4 if parameter.startswith(encoder) else 5e-3
            assert rate[id(tensor)] == pytest.approx(peak * 0.505), parameter


def test_the_warm_up_is_a_share_of_the_run_unless_given_in_samples():
    settings = FitSettings(data=(("data", 1.0, 0.0),), samples=60_000)
    assert settings.warmup_samples == 1500
    assert replace(settings, samples=4_000).warmup_samples == 100
    assert replace(settings, samples=4_000, warmup=700).warmup_samples == 700
