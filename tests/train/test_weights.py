"""A published checkpoint as the start of a run, and what is said of it afterwards."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from train.__main__ import main
from train.errors import TrainError
from train.evaluation.crossvalidation import check_held_out
from train.export.training_record import training_record
from train.fit.network import new_network
from train.fit.settings import FitSettings
from train.weights import load_run, mean_weights

BUNDLED = Path(__file__).parents[2] / "registry" / "bundled"


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


def test_what_the_checkpoint_was_trained_on_is_counted():
    record = training_record(load_run(BUNDLED / "segformer-b0"))
    assert record["samples_seen"] > 60_000
    assert "lits-26" in {data["name"] for data in record["datasets"]}


def test_cross_validation_refuses_a_checkpoint_that_saw_the_dataset():
    fold = SimpleNamespace(run=BUNDLED / "segformer-b0", folder=SimpleNamespace(name="lits-26"), number=0)
    with pytest.raises(TrainError, match="trained on scans of lits-26"):
        check_held_out(fold)


def test_a_tampered_checkpoint_is_refused(tmp_path):
    folder = shutil.copytree(BUNDLED / "segformer-b0", tmp_path / "copy")
    weights = folder / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-100] ^= 1
    weights.write_bytes(data)
    with pytest.raises(TrainError, match="model.safetensors"):
        load_run(folder)


def test_the_mean_of_two_is_written_for_export(tmp_path):
    out = tmp_path / "mean" / "final.pt"
    runs = [str(BUNDLED / name) for name in ("segformer-b0", "segformer-b0-fast")]  # the same weights
    assert main(["average", *runs, "--out", str(out)]) == 0
    mean, last = load_run(out), load_run(runs[-1])
    assert mean["seen"] == last["seen"] and mean["settings"] == last["settings"]
    assert all(torch.allclose(mean["weights"][name], value) for name, value in last["weights"].items())
    (one,) = mean_weights([{"a": torch.ones(2)}, {"a": 3 * torch.ones(2)}]).values()
    assert one.tolist() == [2, 2]
    with pytest.raises(TrainError, match="different networks"):
        mean_weights([{"a": torch.ones(2)}, {"b": torch.ones(2)}])
