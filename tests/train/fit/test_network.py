"""The weights that a run starts from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from train.fit.network import new_network
from train.fit.settings import FitSettings
from train.weights import load_run

BUNDLED = Path(__file__).parents[3] / "registry" / "bundled"


@pytest.mark.parametrize("name", ["segformer-b0", "nnformer-2d"])
def test_a_run_starts_from_the_weights_of_a_checkpoint(name):
    state = load_run(BUNDLED / name)
    settings = FitSettings(
        data=(("data", 1.0, 0.0),),
        architecture=state["settings"]["architecture"],
        options=state["settings"]["options"],
        context_slices=state["settings"]["context_slices"],
        init=str(BUNDLED / name),
    )
    started = new_network(settings).state_dict()
    assert all(torch.equal(started[key], value) for key, value in state["weights"].items())
    assert all(value.dtype is not torch.float16 for value in started.values())
