"""The parity check of an archive against its trained network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from liverseg.core.window import Window
from registry import InputSpec, WindowSpec
from train.errors import TrainError
from train.export.archive import archive
from train.export.parity import check_parity
from train.export.torchscript import script
from train.models import build
from train.models.graph import HuToProbabilities
from train.networks import trained_network
from train.weights import load_run

BUNDLED = Path(__file__).parents[3] / "registry" / "bundled"
WINDOW = Window(60, 200)


SPEC = InputSpec("slices", 1, (WindowSpec(60, 200),), 192)


@pytest.fixture(scope="module")
def network():
    """The bundled weights, scaled so that float16 cannot represent them exactly, as after training."""
    network = trained_network(load_run(BUNDLED / "segformer-b0"))
    weights = network.state_dict()
    network.load_state_dict({name: w * 1.0003 if w.is_floating_point() else w for name, w in weights.items()})
    return network


def exported(network) -> bytes:
    return archive(script(network.for_inference(), SPEC), "{}")


def test_a_folded_half_precision_archive_repeats_the_trained_network(network):
    trained = HuToProbabilities(network, (WINDOW,), 192, 1).eval()
    parity = check_parity(trained, exported(network), 1, 0.5)
    assert parity.holds and parity.labels_equal >= 0.9999
    assert 0 < parity.largest_difference < 5e-3
    assert parity.entry()["sizes"] == [[512, 512], [300, 411], [640, 288]]


def test_an_archive_of_other_weights_is_refused(network):
    trained = HuToProbabilities(network, (WINDOW,), 192, 1).eval()
    other = build("segformer-b0", decoder_width=128)
    other.load_state_dict(network.state_dict())
    with torch.no_grad():
        other.head.classify.bias += torch.tensor([0.0, 0.5, -0.5])
    with pytest.raises(TrainError, match="which rounding does not explain"):
        check_parity(trained, exported(other.eval()), 1, 0.5)
