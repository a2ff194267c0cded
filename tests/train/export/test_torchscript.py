"""The checkpoint graph as TorchScript: channels, sizes, and equal results of both engines."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

from liverseg.core.window import Window, to_unit
from liverseg.inference.engines import load
from registry import InputSpec, WindowSpec
from registry.archive.archive import check_archive
from train.export.archive import archive
from train.export.torchscript import script
from train.models import build
from train.models.graph import (
    HuToProbabilities,
    network_channels,
    normalise,
    resize,
    to_channels,
    window_tensors,
    windowed,
    working_shape,
)

LIVER, ABDOMEN = Window(60, 200), Window(40, 400)


class Echo(nn.Module):
    """A network that keeps its input and returns three channels of it."""

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        self.seen = picture
        return picture[:, :3]


@pytest.mark.parametrize("slices", [1, 3, 5])
@pytest.mark.parametrize("windows", [[LIVER], [LIVER, ABDOMEN], [LIVER, ABDOMEN, Window(90, 150)]])
def test_channels_are_ordered_by_window_then_slice(windows, slices):
    hu = torch.randn(2, slices, 8, 6) * 150 + 50
    channels = to_channels(hu, *window_tensors(windows))
    assert channels.shape == (2, network_channels(windows, slices), 8, 6)
    expected = np.concatenate([to_unit(hu.numpy(), window) for window in windows], axis=1)
    if expected.shape[1] == 1:
        expected = expected.repeat(3, axis=1)
    assert np.allclose(channels.numpy(), expected, atol=1e-6)
    network = Echo()
    size = working_shape(8, 6, 32)
    HuToProbabilities(network, windows, 32, slices)(hu)
    assert torch.equal(network.seen, normalise(resize(channels, size)))


def test_each_sample_may_have_its_own_windows():
    hu = torch.randn(3, 1, 4, 5) * 150
    low, width = torch.randn(3, 2) * 50, torch.rand(3, 2) * 100 + 100
    together = windowed(hu, low, width)
    assert together.shape == (3, 2, 1, 4, 5)
    for sample in range(3):
        alone = windowed(hu[sample : sample + 1], low[sample], width[sample])
        assert torch.equal(together[sample : sample + 1], alone)


@pytest.mark.parametrize("slices", [1, 3])
def test_one_window_computes_what_bundled_checkpoints_compute(slices):
    """The graph equals the formula in the archives of the bundled checkpoints."""
    network = build("segformer-b0", decoder_width=16).for_inference()
    hu = torch.randn(2, slices, 100, 70) * 100 + 50
    unit = resize(((hu + 40.0) / 200.0).clamp(0, 1), [96, 64])
    logits = network(((unit if slices == 3 else unit.expand(-1, 3, -1, -1)) - 0.5) * 4)
    expected = resize(logits, [100, 70]).softmax(1)
    found = HuToProbabilities(network, [LIVER], 96, slices)(hu)
    assert torch.allclose(found, expected, atol=1e-5)


@pytest.fixture(scope="module")
def nnformer_archive():
    """The archive of a small nnformer-2d with random weights."""
    torch.manual_seed(0)
    network = build("nnformer-2d", embedding=16, depths=(2, 1, 1, 1))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    spec = InputSpec("slices", 3, (WindowSpec(60, 200),), working_size=96)
    return archive(script(network.for_inference(), spec), "{}")


def test_both_engines_agree_on_an_nnformer(nnformer_archive):
    assert check_archive(nnformer_archive) == b"{}"
    engines = [load(nnformer_archive, 3, name) for name in ("torch", "openvino")]
    for shape in ((1, 3, 96, 96), (2, 3, 130, 71)):
        hu = (np.random.default_rng(0).standard_normal(shape) * 100 + 50).astype(np.float32)
        first, second = (engine.run(hu) for engine in engines)
        assert first.shape == (shape[0], 3, *shape[2:]) and first.std() > 0.02
        assert np.abs(first - second).max() < 1e-3


def test_an_archive_names_no_device(nnformer_archive):
    with zipfile.ZipFile(io.BytesIO(nnformer_archive)) as packed:
        code = [packed.read(name) for name in packed.namelist() if name.endswith(".py")]
    assert code and not any(b"torch.device(" in text for text in code)
