"""The networks that are evaluated: checkpoints and runs."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from liverseg.core.window import Window
from registry import open_registries
from tests.train.small_runs import save_untrained_run
from train.errors import TrainError
from train.evaluation.models import checkpoint_model, run_model
from train.models import build
from train.models.graph import HuToProbabilities


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return save_untrained_run(folder / "mine", folder)


def test_a_run_computes_the_graph_around_its_weights(run):
    model = run_model(run, working_size=32, context_slices=1)
    assert model.context_slices == 1 and model.threshold == 0.5
    hu = np.random.default_rng(0).normal(50, 100, (1, 1, 48, 40)).astype(np.float32)
    network = build("segformer-b0", decoder_width=32)
    network.load_state_dict(torch.load(run / "best.pt", weights_only=True)["weights"])
    graph = HuToProbabilities(network, [Window(40, 400)], 32, 1).eval()
    with torch.no_grad():
        expected = graph(torch.from_numpy(hu)).numpy()
    assert np.allclose(model.predict(hu), expected, atol=1e-5)


def test_a_run_is_described_by_its_own_settings_unless_others_are_given(run):
    about = run_model(run).about
    assert about["kind"] == "run" and about["architecture"] == "segformer-b0"
    assert (about["working_size"], about["context_slices"], about["samples_seen"]) == (64, 3, 16)
    assert about["weights"] == "best.pt"
    assert about["sha256"] == hashlib.sha256((run / "best.pt").read_bytes()).hexdigest()
    other = run_model(run, 96, 1).about
    assert (other["working_size"], other["context_slices"]) == (96, 1)


def test_a_weights_file_is_named_after_its_folder_and_itself(run, monkeypatch):
    assert run_model(run / "best.pt").name == "mine/best.pt"
    monkeypatch.chdir(run)
    assert run_model(Path(".")).name == "mine"


def test_a_checkpoint_folder_is_run_from_its_safetensors():
    folder = Path(__file__).parents[3] / "registry" / "bundled" / "segformer-b0"
    model = run_model(folder, working_size=64)
    assert model.name == "segformer-b0" and model.about["weights"] == "model.safetensors"
    assert model.about["sha256"] == hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


@pytest.mark.parametrize("count, reason", [(2, "1, 3 or 5 slices"), (5, "cannot take 5")])
def test_a_context_that_the_network_cannot_take_is_refused(run, count, reason):
    with pytest.raises(TrainError, match=reason):
        run_model(run, context_slices=count)


def test_a_checkpoint_has_the_threshold_and_the_graph_of_its_manifest():
    stored = open_registries("bundled").find("segformer-b0-fast")
    model = checkpoint_model("segformer-b0-fast", engine="torch")
    assert model.name == stored.ref and model.threshold == stored.manifest.tumour_threshold
    assert model.context_slices == stored.manifest.input.context_slices
    assert model.about["kind"] == "checkpoint" and model.about["engine"].startswith("torch ")
    assert model.about["sha256"] == hashlib.sha256(stored.read_model()).hexdigest()
    assert model.about["working_size"] == stored.manifest.input.working_size
    assert model.about["architecture"] == "segformer-b0"
